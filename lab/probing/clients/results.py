"""What a probe of a client found: servers, what the client made of each, and its mistakes.

Rules: what a client did is told by the server's side of its connections and by its exit code, never
by the number of an alert. Where the two contradict each other, that is said.

This module must not know how a verdict is come to, nor how it is shown.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from lab.diagnosis.results import Outcome
from lab.probing.results import Norm
from lab.tls.code_points import ProtocolVersion
from lab.tracing.results import Trace

GOOD = "good"
"""The name of the server that every client must accept, or its refusals prove nothing."""


class ServerFamily(enum.Enum):
    """What about a server is put to the test."""

    IN_ORDER = "in order"
    CERTIFICATE = "certificate"
    NAME = "name"
    CHAIN = "chain"
    HANDSHAKE = "handshake"
    REQUEST = "request for a certificate"
    AFTER = "behind the handshake"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDescription:
    """A server to be connected to, in sentences without their full stops.

    ``name`` is for machines and command lines; ``sentence`` says what it is, ``made`` how it is
    made. ``norm`` is what a client should do, and ``reason`` why, with the section that says so.
    ``risk`` is what it means that a client takes it for a good one, ``fix`` what mends the client;
    both are "" where nothing is wrong with that.
    """

    name: str
    family: ServerFamily
    sentence: str
    made: str
    norm: Norm
    reason: str
    risk: str = ""
    fix: str = ""


class ClientConduct(enum.Enum):
    """What a client made of a server."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNTOLD = "cannot be told"


class ClientVerdict(enum.Enum):
    """What a finding comes to, the worst last."""

    RIGHT = "as it should be"
    UNTOLD = "cannot be told"
    CONCEALED = "refused, but exit code 0"
    SHUT_OUT = "should have been accepted"
    LET_IN = "should have been refused"

    @property
    def faulty(self) -> bool:
        """Whether the client did something wrong."""
        return self not in (ClientVerdict.RIGHT, ClientVerdict.UNTOLD)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFinding:
    """One server, and what the client made of it.

    * ``by`` says by what that is known, in words; ``notes`` say what else is to be known.
    * ``offered`` is the only version that the server spoke, None where it spoke several;
      ``version`` is what was agreed on, None where none was.
    * ``exit_code`` is the command's, negative for the signal that ended it, None where it did not
      end within its time. ``connections`` is how many it made.
    * ``presented`` tells whether it showed a certificate, None where the server did not come to ask
      for one.
    * ``outcome`` is how the connection ended that the verdict rests on, ``trace`` what passed on
      it, without causes; None where there was none. ``output`` is the end of what the command
      printed.
    * ``refused_first`` tells that it refused the server, and accepted it when it connected again;
      ``in_clear`` that it sent its request without TLS.
    * ``matters`` tells whether the probe is incomplete without a verdict on this one.
    """

    server: ServerDescription
    conduct: ClientConduct
    verdict: ClientVerdict
    by: str
    offered: ProtocolVersion | None = None
    version: ProtocolVersion | None = None
    exit_code: int | None = None
    connections: int = 0
    presented: bool | None = None
    outcome: Outcome | None = None
    refused_first: bool = False
    in_clear: bool = False
    matters: bool = True
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    output: str = field(default="", repr=False)
    trace: Trace | None = field(default=None, repr=False)

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong, and nothing that matters is left open."""
        if self.verdict is ClientVerdict.UNTOLD:
            return not self.matters
        return not self.verdict.faulty


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMistake:
    """A kind of mistake that several findings show, for people and, as ``code``, for machines."""

    code: str
    summary: str
    evidence: tuple[str, ...]
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientReport:
    """A whole probe of a client. ``command`` is as it was given, with its placeholders."""

    command: tuple[str, ...]
    findings: tuple[ClientFinding, ...]
    mistakes: tuple[ClientMistake, ...]
    seconds: float

    @property
    def good_accepted(self) -> bool:
        """Whether the client accepted the good server wherever it met it."""
        good = [finding for finding in self.findings if finding.server.name == GOOD]
        return bool(good) and all(finding.verdict is ClientVerdict.RIGHT for finding in good)

    @property
    def passed(self) -> bool:
        """Whether the client did with each server what it should."""
        return self.good_accepted and all(finding.fine for finding in self.findings)

    @property
    def faulty(self) -> bool:
        """Whether the client did something wrong; if not, and not passed, that is not known."""
        return any(finding.verdict.faulty for finding in self.findings)
