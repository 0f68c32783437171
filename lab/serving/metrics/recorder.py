"""The server's metrics, and the text of a scrape.

What a peer chose (a method, a path, an alert's number) is one of the values that a label is known
to have, or ``other``; so no peer makes a series, and none fills memory.

This module is imported only where a monitor is asked for: the library takes time to load.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from lab.http.limits import Limit
from lab.http.message import RequestHead
from lab.serving.metrics.handshake_counts import HandshakeCounter, HandshakeSummary
from lab.serving.server_files import Expiration
from lab.stream.observed_wire import EventSink
from lab.tls.code_points import AlertDescription, ProtocolVersion
from lab.todo.application import METHODS, PATH

_NONE = "none"
_OTHER = "other"
_VERSIONS = frozenset({str(ProtocolVersion.TLS_1_2), str(ProtocolVersion.TLS_1_3)})
_ALERTS = frozenset(map(str, AlertDescription))
_DAY = 86400

# Seconds. A handshake takes milliseconds here and two round trips elsewhere; the last bounds are
# those that time-outs set.
_HANDSHAKE_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_REQUEST_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 20)

# Else each counter has a second series, the time of its first count.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """ServerHooks that count, in a registry of their own. ``clock`` gives Unix time in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._registry = registry = CollectorRegistry()
        # Finding the child of some label values takes longer than counting, so it is kept.
        self._handshakes = cache(
            Counter(
                "mtls_lab_handshakes",
                "TLS handshakes that have ended, by negotiated version, outcome, and the alert "
                "that decided it with its sender.",
                ("version", "outcome", "alert", "alert_by"),
                registry=registry,
            ).labels
        )
        self._handshake_seconds = cache(
            Histogram(
                "mtls_lab_handshake_duration_seconds",
                "Time from the accepted TCP connection to the end of the TLS handshake.",
                ("outcome",),
                buckets=_HANDSHAKE_BUCKETS,
                registry=registry,
            ).labels
        )
        self._requests = cache(
            Counter(
                "mtls_lab_requests",
                "HTTP requests answered; method and route are none if the request head was "
                "invalid.",
                ("method", "route", "code"),
                registry=registry,
            ).labels
        )
        self._request_seconds = cache(
            Histogram(
                "mtls_lab_request_duration_seconds",
                "Time from the end of the request head until the response is ready to be sent.",
                ("route",),
                buckets=_REQUEST_BUCKETS,
                registry=registry,
            ).labels
        )
        self._limits = cache(_limits(registry).labels)
        self._days = _days(registry)

    def watch(self, *, connections: Callable[[], int], tasks: Callable[[], int]) -> None:
        """Ask these, at each scrape, how many connections are open and how many tasks there are."""
        Gauge(
            "mtls_lab_open_connections",
            "Open connections, including those in their TLS handshake.",
            registry=self._registry,
        ).set_function(connections)
        Gauge(
            "mtls_lab_tasks", "Tasks of the server's event loop.", registry=self._registry
        ).set_function(tasks)

    def use_certificates(self, certificates: Iterable[Expiration]) -> None:
        """Show from now on when these expire, and no others."""
        self._days.clear()
        for certificate in certificates:
            labels = (certificate.kind.value, certificate.subject, certificate.serial)
            self._days.labels(*labels).set_function(self._days_until(certificate.at))

    def text(self) -> bytes:
        """Return the metrics as they are now, in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)

    def handshake_sink(self) -> EventSink:
        """Return where the events of a new connection go."""
        return HandshakeCounter(self._count_handshake)

    def request_answered(
        self, head: RequestHead | None, status: int, seconds: float | None
    ) -> None:
        """Count a request, and how long it took where that is known."""
        method = route = _NONE
        if head is not None:
            method = head.method if head.method in METHODS else _OTHER
            route = head.path if head.path == PATH else _OTHER
        self._requests(method, route, status).inc()
        if seconds is not None:
            self._request_seconds(route).observe(seconds)

    def limit_struck(self, limit: Limit) -> None:
        """Count a limit that a client met."""
        self._limits(limit.value).inc()

    def _count_handshake(self, handshake: HandshakeSummary) -> None:
        version, alert = handshake.version, handshake.outcome.alert
        self._handshakes(
            # We speak two versions, and choose; but what was observed may be anything.
            _NONE if version is None else _known(str(version), _VERSIONS),
            handshake.result,
            _NONE if alert is None else _known(str(alert.description), _ALERTS),
            alert.endpoint.value if alert else _NONE,
        ).inc()
        self._handshake_seconds(handshake.result).observe(handshake.seconds)

    def _days_until(self, moment: datetime) -> Callable[[], float]:
        return lambda: (moment.timestamp() - self._clock()) / _DAY


def _limits(registry: CollectorRegistry) -> Counter:
    return Counter(
        "mtls_lab_limits_struck",
        "How often a client reached one of the server's limits.",
        ("limit",),
        registry=registry,
    )


def _days(registry: CollectorRegistry) -> Gauge:
    return Gauge(
        "mtls_lab_certificate_expires_days",
        "Days until a certificate or a revocation list expires; negative if it has expired.",
        ("kind", "subject", "serial"),
        registry=registry,
    )


def _known(value: str, values: frozenset[str]) -> str:
    return value if value in values else _OTHER
