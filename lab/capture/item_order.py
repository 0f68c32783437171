"""Puts what is told of one connection in the order of its packets, where some of it waited.

Rules: what is told of a connection does not go back in time.

This module must not know why anything waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from operator import itemgetter

from lab.capture.results import CaptureItem, FlowBytes, FlowEnd, FlowGap
from lab.capture.tcp_stream import PIECE_COST, Stamp

Told = FlowBytes | FlowGap | FlowEnd
"""What is told of a connection while it is open."""
_Held = tuple[int, Told]
_packet = itemgetter(0)


class ItemOrder:
    """What waits to be told of one connection; ``items`` is where it is put at last."""

    __slots__ = ("_held", "_items", "_late", "_stamp", "_time", "octets")

    def __init__(self, items: list[CaptureItem]) -> None:
        self._items = items
        self._held: list[_Held] = []
        self._late: list[_Held] | None = None
        self._stamp: Stamp = (0, 0.0)
        self._time = 0.0
        self.octets = 0

    @property
    def late(self) -> float | None:
        """When what is told late came; None: what is told now has just come."""
        return None if self._late is None else self._stamp[1]

    def tell(self, item: Told) -> None:
        """Tell ``item``; what is told late takes its place among what was held back."""
        if self._late is not None:
            self._late.append((self._stamp[0], item))
            return
        if item.time < self._time:
            item = replace(item, time=self._time)
        self._time = item.time
        self._items.append(item)

    def hold(self, item: Told, packet: int) -> None:
        """Hold back ``item``, which was in the packet of this number."""
        self._held.append((packet, item))
        self.octets += PIECE_COST + (len(item.data) if isinstance(item, FlowBytes) else 0)

    def meet(self, stamp: Stamp) -> None:
        """Take that what follows is of an earlier segment, which waited."""
        self._stamp = max(self._stamp, stamp)

    def start_late(self, oldest: Stamp | None, last: Stamp) -> None:
        """Begin to tell late what waited since ``oldest``; ``last`` is the last segment."""
        stamps = [oldest] if oldest else []
        stamps += [(packet, item.time) for packet, item in self._held[:1]]
        self._late, self._stamp = [], min(stamps, default=last)

    def release(self) -> None:
        """Tell what was held back, and what was told late, in the order of the packets."""
        held: Iterable[_Held] = [*(self._late or ()), *self._held]
        self._late, self._held, self.octets = None, [], 0
        for _, item in sorted(held, key=_packet):
            self.tell(item)
