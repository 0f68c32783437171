"""What a scrape gives: what was counted, and what is only known at the moment of asking.

Rules: open connections and days until certificates expire are computed for each scrape, so they
cannot lag behind. The text is Prometheus' own form, version 0.0.4, which all scrapers read. Its
library is used to write that form, in a registry of its own, and for nothing else: its counters
would count in files if some variable of the environment said so.

This module must not know HTTP, or who counted. It is imported only where a monitor is asked for:
the library takes memory and time to start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from lab.serving.expirations import Expiration
from lab.serving.metrics.counts import (
    FAMILIES,
    MetricFamily,
    Row,
    added_up,
    series_of,
)

_DAY = 86400


class Exposition:
    """Makes the text of a scrape from ``rows``, and from what it asks for itself.

    ``connections`` tells how many are open, ``tasks`` how many tasks there are, both now; ``clock``
    gives Unix time in seconds.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        connections: Callable[[], int],
        tasks: Callable[[], int],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry = CollectorRegistry()
        self._current = _Current(connections, tasks, clock)
        self._registry.register(_Counted(rows))
        self._registry.register(self._current)

    def use_certificates(self, certificates: Iterable[Expiration]) -> None:
        """From now on tell of these, and of no others."""
        self._current.certificates = tuple(certificates)

    def text(self) -> bytes:
        """The metrics as they are now."""
        return generate_latest(self._registry)


class _Counted(Collector):
    """A collector of what all rows together have counted."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def collect(self) -> Iterator[Metric]:
        numbers = added_up(self._rows)
        for family in FAMILIES:
            yield _histogram(family, numbers) if family.bounds else _counter(family, numbers)


def _counter(family: MetricFamily, numbers: list[float]) -> CounterMetricFamily:
    found = CounterMetricFamily(family.name, family.about, labels=family.labels)
    for series in series_of(family, numbers):
        found.add_metric(series.values, series.numbers[0])
    return found


def _histogram(family: MetricFamily, numbers: list[float]) -> HistogramMetricFamily:
    found = HistogramMetricFamily(family.name, family.about, labels=family.labels)
    bounds = [*map(floatToGoString, family.bounds), "+Inf"]
    for series in series_of(family, numbers):
        *within, seconds = series.numbers
        # A bucket counts those of the buckets below it, too.
        buckets = tuple(zip(bounds, accumulate(within), strict=True))
        found.add_metric(series.values, buckets, seconds)
    return found


class _Current(Collector):
    """A collector that computes its values when it is asked for them."""

    def __init__(
        self,
        connections: Callable[[], int],
        tasks: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self.certificates: tuple[Expiration, ...] = ()
        self._connections = connections
        self._tasks = tasks
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "mtls_lab_open_connections",
            "Open connections, including those in their TLS handshake.",
            value=self._connections(),
        )
        yield GaugeMetricFamily(
            "mtls_lab_tasks",
            "Tasks of the server's event loops.",
            value=self._tasks(),
        )
        days = GaugeMetricFamily(
            "mtls_lab_certificate_expires_days",
            "Days until a certificate or a revocation list expires; negative if it has expired.",
            labels=("kind", "subject", "serial"),
        )
        now = self._clock()
        for each in self.certificates:
            left = (each.at.timestamp() - now) / _DAY
            days.add_metric((each.kind.value, each.subject, each.serial), left)
        yield days
