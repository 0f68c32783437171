"""What a scrape gives: a registry's collectors, and what is only known at the moment of asking.

Rules: open connections and days until certificates expire are computed for each scrape, so they
cannot lag behind. The text is Prometheus' own form, version 0.0.4, which all scrapers read.

This module must not know HTTP, or who counted. As ``metrics`` it is imported only where needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from lab.service.expiry import Expiry

_DAY = 86400


class Exposition:
    """Makes the text of a scrape from ``registry``, to which it adds what it asks for itself.

    ``connections`` tells how many are open, ``clock`` gives Unix time in seconds.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        connections: Callable[[], int],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._current = _Current(connections, clock)
        registry.register(self._current)

    def use_certificates(self, certificates: Iterable[Expiry]) -> None:
        """From now on tell of these, and of no others."""
        self._current.certificates = tuple(certificates)

    def text(self) -> bytes:
        """The metrics as they are now."""
        return generate_latest(self._registry)


class _Current(Collector):
    """A collector that computes its values when it is asked for them."""

    def __init__(self, connections: Callable[[], int], clock: Callable[[], float]) -> None:
        self.certificates: tuple[Expiry, ...] = ()
        self._connections = connections
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "mtls_lab_open_connections",
            "Connections that are open, those in their handshake included.",
            value=self._connections(),
        )
        days = GaugeMetricFamily(
            "mtls_lab_certificate_expires_days",
            "Days until a certificate, or a revocation list, expires; below zero since it has.",
            labels=("kind", "subject", "serial"),
        )
        now = self._clock()
        for each in self.certificates:
            left = (each.at.timestamp() - now) / _DAY
            days.add_metric((each.kind.value, each.subject, each.serial), left)
        yield days
