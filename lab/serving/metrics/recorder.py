"""The server's counters: what it is told of its work, in the words that are counted.

Rules: what a peer chose (a method, a path, an alert's number) is one of the values that a label is
known to have, or ``other``; so no peer makes a series, and none fills memory.

This module must not know sockets, where the numbers lie, or how they are fetched.
"""

from __future__ import annotations

from lab.http.connection_hooks import AnsweredRequest
from lab.http.limits import Limit
from lab.serving.metrics import counts
from lab.serving.metrics.counts import (
    ALERTS,
    NONE,
    OTHER,
    VERSIONS,
    Row,
)
from lab.serving.metrics.handshake_counts import HandshakeSummary, HandshakeTally
from lab.stream.observed_wire import EventSink
from lab.todo.application import METHODS, PATH


class Metrics:
    """An ``Observer`` that counts in ``row``."""

    def __init__(self, row: Row) -> None:
        self.row = row

    def handshake_sink(self) -> EventSink:
        """Where the events of a new connection go."""
        return HandshakeTally(self._count_handshake)

    def request_answered(self, request: AnsweredRequest) -> None:
        """Count a request, and how long it took where that is known."""
        head = request.head
        method = route = NONE
        if head is not None:
            method = _known(head.method, METHODS)
            route = _known(head.path, (PATH,))
        self.row.count(counts.REQUESTS, method, route, str(request.status))
        if request.seconds is not None:
            self.row.measure(counts.REQUEST_SECONDS, route, seconds=request.seconds)

    def limit_struck(self, limit: Limit) -> None:
        """Count a limit that a client met."""
        self.row.count(counts.LIMITS, limit.value)

    def _count_handshake(self, handshake: HandshakeSummary) -> None:
        version, alert = handshake.version, handshake.outcome.alert
        self.row.count(
            counts.HANDSHAKES,
            # We speak two versions, and choose; but a watch may have seen anything.
            NONE if version is None else _known(str(version), VERSIONS),
            handshake.result,
            NONE if alert is None else _known(str(alert.description), ALERTS),
            alert.endpoint.value if alert else NONE,
        )
        self.row.measure(counts.HANDSHAKE_SECONDS, handshake.result, seconds=handshake.seconds)


def _known(value: str, values: tuple[str, ...]) -> str:
    return value if value in values else OTHER
