"""The server's counters: what it is told of its work, as prometheus_client's collectors.

Rules: the collectors are in a registry of their own, never in the library's global one. Every
label has a handful of values that are known beforehand; what a peer chose (a method, a path, an
alert's number) is one of them or ``other``, so that no peer makes a series, and none fills memory.

This module must not know sockets or how metrics are fetched. It is imported only where they are
asked for: the library takes memory and time to start.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from lab.service.limits import Limit
from lab.service.observing import AnsweredRequest
from lab.service.tally import HandshakeSummary, HandshakeTally
from lab.service.todos import METHODS, PATH
from lab.stream.watch import EventSink

OTHER = "other"
NONE = "none"

# Seconds. A handshake takes milliseconds here and two round trips elsewhere; the last bounds are
# those that time-outs set.
_HANDSHAKE_BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_REQUEST_BOUNDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 20)


class Metrics:
    """An ``Observer`` that counts. ``registry`` has what it counted."""

    def __init__(self) -> None:
        # Of each series, when it began: twice the lines, and nobody asked.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._handshakes = Counter(
            "mtls_lab_handshakes_total",
            "TLS handshakes that are over, by the version agreed on, how they ended, and the "
            "first fatal alert with its sender.",
            ("version", "outcome", "alert", "alert_by"),
            registry=self.registry,
        )
        self._handshake_seconds = Histogram(
            "mtls_lab_handshake_duration_seconds",
            "From the accepted TCP connection to the end of its TLS handshake.",
            ("outcome",),
            buckets=_HANDSHAKE_BOUNDS,
            registry=self.registry,
        )
        self._requests = Counter(
            "mtls_lab_requests_total",
            "HTTP requests answered; method and route are none where no valid head came.",
            ("method", "route", "code"),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "mtls_lab_request_duration_seconds",
            "From the end of a request's head to the moment at which its answer is ready.",
            ("route",),
            buckets=_REQUEST_BOUNDS,
            registry=self.registry,
        )
        self._limits = Counter(
            "mtls_lab_limits_struck_total",
            "How often a client met one of the server's limits.",
            ("limit",),
            registry=self.registry,
        )

    def handshake_sink(self) -> EventSink:
        """Where the events of a new connection go."""
        return HandshakeTally(self._count_handshake)

    def request_answered(self, request: AnsweredRequest) -> None:
        """Count a request, and how long it took where that is known."""
        head = request.head
        method = route = NONE
        if head is not None:
            method = head.method if head.method in METHODS else OTHER
            route = PATH if head.path == PATH else OTHER
        self._requests.labels(method, route, request.status).inc()
        if request.seconds is not None:
            self._request_seconds.labels(route).observe(request.seconds)

    def limit_struck(self, limit: Limit) -> None:
        """Count a limit that a client met."""
        self._limits.labels(limit.value).inc()

    def _count_handshake(self, handshake: HandshakeSummary) -> None:
        version, alert = handshake.version, handshake.alert
        self._handshakes.labels(
            # We speak two versions, and choose; but a watch may have seen anything.
            NONE if version is None else str(version) if version.is_known else OTHER,
            handshake.outcome.value,
            NONE if alert is None else str(alert) if alert.is_known else OTHER,
            handshake.alert_by.value if handshake.alert_by else NONE,
        ).inc()
        self._handshake_seconds.labels(handshake.outcome.value).observe(handshake.seconds)
