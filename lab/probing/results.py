"""What a probe found: the words in which probing hands its results to the faces.

Rules: a verdict is about what a server did with a client, not about the alert's number. A finding
is one scenario in one TLS version, however often it was tried.

This module must not know how a verdict is come to, nor how it is shown.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.diagnosis.results import Outcome
from lab.tls.code_points import ProtocolVersion
from lab.tracing.results import Trace

OWN_SERVER = "the lab's own server"
"""The target of a probe of the lab's own server."""

OWN_ADDRESS = "localhost:8443"
"""Where the lab's own server listens, as a rule."""

_S_CLIENT = "openssl s_client -connect"
_UNIX = "unix:"
# What openssl s_client speaks before TLS; RDP it does not.
_STARTTLS = re.compile(
    r"STARTTLS \((postgres|mysql|smtp|lmtp|imap|pop3|ftp|ldap|xmpp|nntp|sieve)\)"
)


class ScenarioFamily(enum.Enum):
    """What kind of thing is wrong."""

    IDENTITY = "identity"
    SETTINGS = "settings"
    SERVER = "the server's side"
    POLICY = "policy"
    SESSION = "session"


class Norm(enum.Enum):
    """What any server (or, where the server is wrong, any client) should do."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    EITHER = "either"


class Verdict(enum.Enum):
    """What a finding comes to."""

    RIGHT = "as it should be"
    BY_HTTP = "refused by HTTP"
    BY_APPLICATION = "refused by the application"
    SILENT = "refused without an alert"
    UNPREPARED = "inconclusive: no CRL loaded"
    OUTLIVED = "let in by an older session"
    UNTOLD = "inconclusive"
    NOT_TRIED = "could not be tried"
    UNEXPECTED = "not as measured"
    SHUT_OUT = "should have been accepted"
    LET_IN = "should have been refused"

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong with the server: whoever must not get in does not."""
        return self in _FINE

    @property
    def faulty(self) -> bool:
        """Whether the server did something wrong."""
        return self in _FAULTY

    @property
    def weight(self) -> int:
        """How bad it is, beside the others: of several tries, the worst one counts."""
        return list(Verdict).index(self)


_REFUSED = frozenset({Verdict.BY_HTTP, Verdict.BY_APPLICATION, Verdict.SILENT})
_FINE = frozenset({Verdict.RIGHT, *_REFUSED, Verdict.UNPREPARED, Verdict.OUTLIVED})
_FAULTY = frozenset({Verdict.UNEXPECTED, Verdict.SHUT_OUT, Verdict.LET_IN})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioDescription:
    """A scenario in sentences without their full stops.

    * ``name`` is for machines and command lines; ``sentence`` says what it is, ``made`` how it is
      made, ``cause`` what it stands for in real life, ``fix`` what mends it.
    * ``norm`` is what should become of its client. ``command`` shows it in a shell, by the openssl
      program where that can do it; "" where no program at hand can. Files and the address may
      stand in it as words in braces, which ``shell_command`` replaces.
    * ``anywhere`` tells whether it can be tried against a server that is not the lab's own, and
      ``needs`` what that server must have for the norm to hold, "" if nothing.
    * ``about_algorithm`` tells that the key or the signature algorithm of the certificate is the
      point, so that a server which takes none like it need not be tried.
    """

    name: str
    family: ScenarioFamily
    sentence: str
    made: str
    cause: str
    fix: str
    norm: Norm
    command: str
    anywhere: bool = True
    needs: str = ""
    about_algorithm: bool = False

    def shell_command(self, address: str, route: Sequence[str] = ()) -> str:
        """Return ``command`` for a server at ``address``, with the usual files.

        ``route`` is what is spoken before TLS; "" where the program cannot speak that.
        """
        files = {"cert": "client.pem", "ca": "ca.crt", "crl": "crl.pem"}
        command = self.command.format(address=address, **files)
        if "{address}" not in self.command or not (route or address.startswith(_UNIX)):
            return command
        return _led(command, address, route)


def _led(command: str, address: str, route: Sequence[str]) -> str:
    """Return a command that goes to a server by a route, "" where it cannot."""
    start = f"{_S_CLIENT} {address}"
    rest = command.removeprefix(start)
    starttls = _STARTTLS.fullmatch(route[0]) if route else None
    if rest == command or "-starttls" in rest or len(route) > 1 or (route and starttls is None):
        return ""
    if address.startswith(_UNIX):
        start = f"openssl s_client -unix {address.removeprefix(_UNIX)}"
    upgrade = f" -starttls {starttls[1]}" if starttls else ""
    return f"{start}{upgrade}{rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A scenario, and the traces of it, one for each TLS version."""

    scenario: ScenarioDescription
    traces: tuple[Trace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One scenario in one version.

    ``admitted`` tells whether the server took the client, None where that cannot be told;
    ``ending`` is by what it ended, in words, and ``outcome`` the same as it was seen, None where
    there was no connection; ``handshake_returned`` tells of the client's handshake call, None where
    it made none. ``presented`` tells whether the client's certificate was seen to be sent, None
    where the scenario has none to send. ``matters`` tells whether the probe is incomplete without a
    verdict on this one. ``tries`` connections were made, of which ``like_this`` came to the
    verdict, and took ``seconds`` in all. ``notes`` say what else is to be known. ``trace`` is that
    of the first connection which came to the verdict, None where there was no connection.
    """

    scenario: ScenarioDescription
    version: ProtocolVersion
    verdict: Verdict
    admitted: bool | None
    ending: str
    handshake_returned: bool | None
    outcome: Outcome | None
    presented: bool | None = None
    matters: bool = True
    tries: int = 1
    like_this: int = 1
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    trace: Trace | None = field(default=None, repr=False)

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong, and nothing that matters is left open."""
        return self.verdict.fine or not (self.matters or self.verdict.faulty)

    @property
    def bad_refused(self) -> bool:
        """Whether a certificate that any server should refuse was presented, and refused."""
        is_bad = self.presented is True and self.scenario.norm is Norm.REFUSE
        return is_bad and (self.verdict is Verdict.RIGHT or self.verdict in _REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBehaviour:
    """One thing that a server does, put together from several connections.

    ``code`` names the question for machines, ``subject`` for people; ``answer`` is a sentence
    without its full stop, ``evidence`` what was seen.
    """

    code: str
    subject: str
    answer: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentVersion:
    """A version in which the server sent no ServerHello and no alert; ``ending`` is what it did."""

    version: ProtocolVersion
    ending: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole probe. ``target`` is ``host:port``, or words for the lab's own server.

    ``connections`` were made, within ``seconds``; ``skipped`` are versions that the server does not
    speak, ``silent`` those of which that is not known.
    """

    target: str
    findings: tuple[Finding, ...]
    insights: tuple[ServerBehaviour, ...]
    skipped: tuple[ProtocolVersion, ...]
    connections: int
    seconds: float
    silent: tuple[SilentVersion, ...] = ()

    @property
    def address(self) -> str:
        """The server's ``host:port``, as commands name it."""
        return OWN_ADDRESS if self.target == OWN_SERVER else self.target

    @property
    def route(self) -> tuple[str, ...]:
        """What each of its clients did before TLS, in order."""
        traces = (finding.trace for finding in self.findings)
        return next((trace.route for trace in traces if trace is not None), ())

    @property
    def passed(self) -> bool:
        """Whether all that was to be tried was, and is as it should be."""
        return not self.silent and all(finding.fine for finding in self.findings)

    @property
    def faulty(self) -> bool:
        """Whether the server did something wrong; if not, and not passed, that is not known."""
        return any(finding.verdict.faulty for finding in self.findings)

    @property
    def bad_refused(self) -> bool:
        """Whether at least one bad certificate was presented and refused."""
        return any(finding.bad_refused for finding in self.findings)
