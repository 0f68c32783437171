"""How a handshake ended, in the few words that can be counted, from the events of its connection.

Rules: the words are those of the stage log: accepted; rejected, where an end judged the other's
certificate or the client sent a fatal alert; timed out; and failed for the rest. Nothing here
grows with what a peer sends, and nothing that a peer chose is kept but the number of an alert.

This module must not know who counts.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from lab.stream.observed_wire import EventSink
from lab.tls.code_points import AlertDescription, ProtocolVersion
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    MessageSeen,
    is_fatal,
)
from lab.tls.messages import ServerHello


class HandshakeOutcome(enum.Enum):
    """How a handshake ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeSummary:
    """One handshake that is over.

    ``version`` is what was agreed, None if nothing was. ``alert`` is the first fatal alert and
    ``alert_by`` its sender, both None without one. ``seconds`` run from the accepted connection.
    """

    version: ProtocolVersion | None
    outcome: HandshakeOutcome
    alert: AlertDescription | None
    alert_by: Endpoint | None
    seconds: float


_ENDS = {
    Fact.HANDSHAKE_RETURNED: HandshakeOutcome.ACCEPTED,
    Fact.TIMED_OUT: HandshakeOutcome.TIMED_OUT,
    Fact.HANDSHAKE_FAILED: HandshakeOutcome.FAILED,
    Fact.CLOSED: HandshakeOutcome.FAILED,  # cut short by us, and the handshake call with it
}


class HandshakeTally:
    """An event sink of one connection that tells ``count``, once, how its handshake ended."""

    def __init__(self, count: Callable[[HandshakeSummary], None]) -> None:
        self._count = count
        self._began = 0.0
        self._version: ProtocolVersion | None = None
        self._alert: AlertSeen | None = None
        self._rejected = False
        self._done = False

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        if self._done:
            return
        if isinstance(event, LocalFact):
            self._take_fact(event)
        elif isinstance(event, MessageSeen):
            if isinstance(event.message, ServerHello):
                self._version = event.message.negotiated_version
        elif isinstance(event, AlertSeen):
            self._take_alert(event)

    def _take_fact(self, event: LocalFact) -> None:
        if event.fact is Fact.CONNECTED:
            self._began = event.time
        elif event.fact is Fact.CERTIFICATE_REFUSED:
            self._rejected = True
        elif event.fact in _ENDS:
            self._end(event, _ENDS[event.fact])

    def _take_alert(self, event: AlertSeen) -> None:
        fatal = is_fatal(event, tls13=self._version == ProtocolVersion.TLS_1_3)
        if fatal and self._alert is None:
            self._alert = event
            self._rejected = self._rejected or event.endpoint is Endpoint.CLIENT

    def _end(self, event: LocalFact, outcome: HandshakeOutcome) -> None:
        self._done = True
        if outcome is HandshakeOutcome.FAILED and self._rejected:
            outcome = HandshakeOutcome.REJECTED
        self._count(
            HandshakeSummary(
                # Of an accepted one, the messages may have been left undecoded.
                version=event.version or self._version,
                outcome=outcome,
                alert=self._alert.description if self._alert else None,
                alert_by=self._alert.endpoint if self._alert else None,
                seconds=event.time - self._began,
            )
        )


def in_turn(first: EventSink, second: EventSink) -> EventSink:
    """One sink that hands each event to both, in this order."""

    def take(event: Event) -> None:
        first(event)
        second(event)

    return take
