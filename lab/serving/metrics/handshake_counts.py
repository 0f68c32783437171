"""How a handshake ended, in the few words that can be counted, from the events of its connection.

The words are the judge's (accepted, rejected, failed); a time-out is counted apart from other
failures. Nothing here grows with what a peer sends, and nothing that a peer chose is kept but the
number of an alert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lab.diagnosis.outcome import OutcomeJudge
from lab.diagnosis.results import Outcome, Signal
from lab.http.message import RequestHooks
from lab.stream.observed_wire import EventSink
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import Event, Fact, LocalFact, MessageSeen
from lab.tls.messages import ServerHello

_TIMED_OUT = "timed_out"


class ServerHooks(RequestHooks, Protocol):
    """Who is told of all that a server does. No method waits or raises, nor does the sink."""

    def handshake_sink(self) -> EventSink:
        """Return where the events of a new connection go."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeSummary:
    """One handshake that is over.

    ``version`` is what was agreed, None if nothing was; ``seconds`` run from the accepted
    connection.
    """

    version: ProtocolVersion | None
    outcome: Outcome
    seconds: float

    @property
    def result(self) -> str:
        """Return the outcome in a word: the judge's, or ``timed_out``."""
        timed_out = self.outcome.signal is Signal.TIME_OUT
        return _TIMED_OUT if timed_out else self.outcome.result.value


# CLOSED without one of the others: cut short by us, and the handshake call with it.
_ENDS = frozenset({Fact.HANDSHAKE_RETURNED, Fact.HANDSHAKE_FAILED, Fact.TIMED_OUT, Fact.CLOSED})


class HandshakeCounter:
    """An event sink of one connection that calls ``count`` once, at the end of its handshake."""

    def __init__(self, count: Callable[[HandshakeSummary], None]) -> None:
        self._count = count
        self._began = 0.0
        self._version: ProtocolVersion | None = None
        self._judge: OutcomeJudge | None = OutcomeJudge()  # None: the handshake is over

    def __call__(self, event: Event) -> None:
        """Take the next event."""
        judge = self._judge
        if judge is None:
            return
        judge.take(event)
        if isinstance(event, LocalFact):
            if event.fact is Fact.CONNECTED:
                self._began = event.time
            elif event.fact in _ENDS:
                self._judge = None
                self._end(event, judge.outcome)
        elif isinstance(event, MessageSeen) and isinstance(event.message, ServerHello):
            self._version = event.message.negotiated_version

    def _end(self, event: LocalFact, outcome: Outcome) -> None:
        # Of an accepted one, the messages may have been left undecoded.
        version = event.version or self._version
        seconds = event.time - self._began
        self._count(HandshakeSummary(version=version, outcome=outcome, seconds=seconds))


def in_turn(*sinks: EventSink) -> EventSink:
    """Return a sink that hands each event to all of them, in this order."""

    def take(event: Event) -> None:
        for sink in sinks:
            sink(event)

    return take
