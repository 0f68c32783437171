"""A trace: one observed connection and its explanation."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from lab.capture.results import Flow
from lab.diagnosis.results import Cause, Outcome
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Endpoint, Event
from lab.tls.record_log import ObservedRecord


class SessionUse(enum.Enum):
    """What became of the session that a server issued in an earlier connection."""

    NOT_ISSUED = "not issued"
    RESUMED = "resumed"
    NOT_RESUMED = "not resumed"
    UNKNOWN = "cannot be told"


class SessionKind(enum.Enum):
    """By what a client offers a session."""

    TICKET_13 = "TLS 1.3 ticket"
    TICKET_12 = "TLS 1.2 ticket"
    ID = "TLS 1.2 session ID"


class IdentitySource(enum.Enum):
    """By what it is known for whom a server takes a client that resumed a session."""

    SERVER = "the server's own facts"
    ANSWER = "the answer of the application"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What became of a session of the connection before.

    * ``kind`` is by what it was offered, None where the server issued none; ``lifetime`` is for how
      long the server said that it keeps it, in seconds, None where it did not say.
    * ``certificate_requested`` tells whether the server asked for the client's certificate again,
      None where that is not known.
    * ``identity`` is the DER of the client's certificate that the server has from the session, or
      that the application's answer names; None where it has none, or where that cannot be told.
      ``source`` tells by what it is known.
    """

    use: SessionUse
    kind: SessionKind | None = None
    lifetime: int | None = None
    certificate_requested: bool | None = None
    identity: bytes | None = None
    source: IdentitySource = IdentitySource.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What was asked for, what happened, how it ended, and why.

    * ``target`` is the server's address as ``host:port``, or ``unix:`` and the path of a socket.
    * ``requested_version`` is the only version that the client offered, None where it offered
      several; ``negotiated_version`` the one that was agreed on, None where none was.
    * ``client_certificate`` is the DER of what the client was given to present, None for nothing;
      whether it presented it is in the events.
    * ``start`` is the time, on the events' clock, from which a face counts.
    * ``events`` are in the order in which they happened. With ``both_ends``, the local facts of
      the server are among them.
    * ``outcome`` is how it ended, ``causes`` what explains that, the likeliest first.
    * ``flow`` is the connection in the capture that it was read from, or that a tap relayed; None
      where the client is ours. ``target`` is its server then, and ``client_certificate`` what its
      client presented, None where it presented none or where that cannot be read.
    * ``route`` is what a client of ours did before TLS, in order: "STARTTLS (smtp)"; of a flow that
      is its ``prelude``.
    * ``records`` are those of both ends with their bytes, where they were asked for, up to a bound;
      an event's ``records`` name them by their spans.
    * ``resumption`` tells what became of the session of the connection before, where one was to be
      resumed; of a first connection only that the server issued none.
    """

    target: str
    requested_version: ProtocolVersion | None
    negotiated_version: ProtocolVersion | None
    client_certificate: bytes | None
    start: float
    events: tuple[Event, ...]
    both_ends: bool
    outcome: Outcome
    causes: tuple[Cause, ...]
    flow: Flow | None = None
    records: tuple[ObservedRecord, ...] = ()
    route: tuple[str, ...] = ()
    resumption: Resumption | None = None

    @property
    def offers_session(self) -> bool:
        """Whether its client offered the session of the connection before."""
        return self.resumption is not None and self.resumption.kind is not None

    def meets(self, expected: str) -> bool:
        """Tell whether it is as expected: "accepted", "refused" or "refused:NAME", by the server.

        NAME is that of the alert, an HTTP status, what another application answered ("28000"), or
        the code of the first cause.
        """
        outcome, (word, _, name) = self.outcome, expected.partition(":")
        if word == "accepted":
            return outcome.accepted
        refused = outcome.rejected and outcome.by is Endpoint.SERVER
        alert = str(outcome.alert.description) if outcome.alert else ""
        answered = outcome.answer.code if outcome.answer else ""
        names = (alert, str(outcome.http_status or ""), answered, self.causes[0].code)
        return refused and (not name or name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLogUse:
    """A key log that was read for a capture.

    ``name`` is its file, "" for the capture itself; ``beside`` tells that it was found beside the
    capture. ``secrets`` is how many it has, ``used`` how many of them are of its connections;
    ``complete`` tells that it was asked for each of these: the ClientHello names the secrets, and
    a capture may lack it.
    """

    name: str
    beside: bool
    secrets: int
    used: int
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSummary:
    """What a whole capture holds, beside the traces.

    * ``connections`` is the number of TCP connections, ``tls`` how many of them have TLS.
    * ``others`` names what else was seen, and how often: the connections without TLS, "" where
      nothing can be said of them, and what is not TLS over TCP.
    """

    connections: int
    tls: int
    others: tuple[tuple[str, int], ...]
    key_logs: tuple[KeyLogUse, ...]
