"""The events of one connection, bounded in number and size.

Rules: a peer that floods may not fill our memory, so from some number or size on events are
counted instead of kept. Kept even then: what an endpoint reports of itself, how TCP ended, bytes
that are no TLS, and the first of each kind of message, alert and gap, since any of these may be
what decides. All of those are few, whatever a peer sends.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from operator import attrgetter

from lab.tls.code_points import AlertLevel
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    Event,
    HeartbeatSeen,
    LeftOut,
    MessageSeen,
    NotCaptured,
    SealedSeen,
    Undecoded,
    WireEvent,
)
from lab.tls.record_log import ObservedRecord, RecordLog
from lab.tracing.preludes.results import PreludeResult

MOST_EVENTS = 1000
"""How many events of records are kept."""
MOST_OCTETS = 1 << 19
"""How many bytes of content these may have; what is read of them takes many times that."""

_BOUNDED = (WireEvent, Undecoded, NotCaptured)
_Bounded = WireEvent | Undecoded | NotCaptured


@dataclass(slots=True)
class _Surplus:
    """What was not kept of one sender."""

    since: float
    count: int = 0
    octets: int = 0


class EventBuffer:
    """The events of one connection so far. It is an event sink.

    ``local_address`` is this end's ``host:port`` once it is connected, "" before, and of a Unix
    socket; ``prelude`` is what was learnt before TLS, from then on. ``record_log`` gets the
    connection's records with their bytes, where they are asked for.
    """

    def __init__(self, record_log: RecordLog | None = None) -> None:
        self.local_address = ""
        self.prelude = PreludeResult()
        self.record_log = record_log
        self._kept: list[Event] = []
        self._kinds: set[Hashable] | None = None  # of those that are kept, once that matters
        self._count = self._octets = 0
        self._surplus: dict[Endpoint, _Surplus] = {}

    def __call__(self, event: Event) -> None:
        """Take one more event."""
        if isinstance(event, _BOUNDED) and not self._has_room_for(event):
            surplus = self._surplus.setdefault(event.endpoint, _Surplus(event.time))
            surplus.count += 1
            surplus.octets += _octets(event)
        else:
            self._kept.append(event)

    def _has_room_for(self, event: _Bounded) -> bool:
        octets = _octets(event)
        if self._count >= MOST_EVENTS or self._octets + octets > MOST_OCTETS:
            if self._kinds is None:
                self._kinds = {_kind(kept) for kept in self._kept if isinstance(kept, _BOUNDED)}
            kind = _kind(event)
            if kind in self._kinds:
                return False
            self._kinds.add(kind)
        self._count += 1
        self._octets += octets
        return True

    @property
    def records(self) -> tuple[ObservedRecord, ...]:
        """The records with their bytes, where they were asked for."""
        return self.record_log.records if self.record_log is not None else ()

    @property
    def events(self) -> list[Event]:
        """The events, in the order in which they happened; a LeftOut stands for what is missing."""
        left_out = [
            LeftOut(time=surplus.since, endpoint=sender, count=surplus.count, octets=surplus.octets)
            for sender, surplus in self._surplus.items()
        ]
        return sorted((*self._kept, *left_out), key=attrgetter("time"))


def _kind(event: _Bounded) -> Hashable:
    """What events must have in common for one to stand for the other."""
    if isinstance(event, MessageSeen):
        return event.endpoint, type(event.message)
    if isinstance(event, AlertSeen):
        return event.endpoint, event.level == AlertLevel.FATAL, event.description
    if isinstance(event, NotCaptured):
        return event.endpoint, event.gap
    return event.endpoint, type(event)


def _octets(event: _Bounded) -> int:
    if isinstance(event, MessageSeen):
        return len(event.raw)
    if isinstance(event, ApplicationDataSeen):
        return len(event.data)
    if isinstance(event, SealedSeen | HeartbeatSeen):
        return event.length
    return 2 if isinstance(event, AlertSeen) else 1  # a ChangeCipherSpec, or what was not decoded
