"""What a server counts, as a row of numbers: every series that there can be has its place in it.

Rules: each label has a handful of values, all known when the server starts, so a row has a fixed
length. Counting takes no file, allocates nothing and cannot fail.

This module must not know who counts, or how numbers are shown.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.http.limits import Limit
from lab.http.message import PHRASES
from lab.serving.metrics.handshake_counts import OUTCOMES
from lab.tls.code_points import AlertDescription, ProtocolVersion
from lab.tls.events import Endpoint
from lab.todo.application import METHODS, PATH

NONE = "none"
OTHER = "other"

VERSIONS = (str(ProtocolVersion.TLS_1_2), str(ProtocolVersion.TLS_1_3), OTHER, NONE)
ALERTS = (*map(str, AlertDescription), OTHER, NONE)
_ENDS = (*(each.value for each in Endpoint), NONE)
_ROUTES = (PATH, OTHER, NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of a family: the values of its labels, and its ``numbers``.

    Of a counter that is its total; of a histogram how many lay within each bound but not within
    the one before it, how many above the last, and the sum of all.
    """

    values: tuple[str, ...]
    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFamily:
    """What is counted under one name: a counter, or with ``bounds`` (rising) a histogram.

    ``values`` has, for each of ``labels``, what it may be. ``start`` is where its places in a row
    begin.
    """

    name: str
    about: str
    labels: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    bounds: tuple[float, ...] = ()
    start: int

    @property
    def width(self) -> int:
        """How many numbers a series of it has."""
        return len(self.bounds) + 2 if self.bounds else 1

    @property
    def end(self) -> int:
        """Where its places end, and those of the next family begin."""
        places = self.width
        for known in self.values:
            places *= len(known)
        return self.start + places

    def place(self, *values: str) -> int:
        """Where the series with these values begins. Raises ValueError for one not known."""
        number = 0
        for value, known in zip(values, self.values, strict=True):
            number = number * len(known) + known.index(value)
        return self.start + number * self.width


HANDSHAKES = MetricFamily(
    name="mtls_lab_handshakes",
    about="TLS handshakes that have ended, by negotiated version, outcome, and the first fatal "
    "alert with its sender.",
    labels=("version", "outcome", "alert", "alert_by"),
    values=(VERSIONS, OUTCOMES, ALERTS, _ENDS),
    start=0,
)
# Seconds. A handshake takes milliseconds here and two round trips elsewhere; the last bounds are
# those that time-outs set.
HANDSHAKE_SECONDS = MetricFamily(
    name="mtls_lab_handshake_duration_seconds",
    about="Time from the accepted TCP connection to the end of the TLS handshake.",
    labels=("outcome",),
    values=(OUTCOMES,),
    bounds=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
    start=HANDSHAKES.end,
)
REQUESTS = MetricFamily(
    name="mtls_lab_requests",
    about="HTTP requests answered; method and route are none if the request head was invalid.",
    labels=("method", "route", "code"),
    values=((*METHODS, OTHER, NONE), _ROUTES, tuple(map(str, PHRASES))),
    start=HANDSHAKE_SECONDS.end,
)
REQUEST_SECONDS = MetricFamily(
    name="mtls_lab_request_duration_seconds",
    about="Time from the end of the request head until the response is ready to be sent.",
    labels=("route",),
    values=(_ROUTES,),
    bounds=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 20),
    start=REQUESTS.end,
)
LIMITS = MetricFamily(
    name="mtls_lab_limits_struck",
    about="How often a client reached one of the server's limits.",
    labels=("limit",),
    values=(tuple(each.value for each in Limit),),
    start=REQUEST_SECONDS.end,
)
FAMILIES = (HANDSHAKES, HANDSHAKE_SECONDS, REQUESTS, REQUEST_SECONDS, LIMITS)

ROW_BYTES = FAMILIES[-1].end * 8
"""What a row takes in memory: a double for each place."""


class Row:
    """The numbers of one process, in ``memory``: ROW_BYTES, zero at first, or in its own."""

    def __init__(self, memory: memoryview | None = None) -> None:
        self._numbers = (memoryview(bytearray(ROW_BYTES)) if memory is None else memory).cast("d")

    def count(self, family: MetricFamily, *values: str) -> None:
        """One more. ``values`` are those of the labels, in their order."""
        self._numbers[family.place(*values)] += 1

    def measure(self, family: MetricFamily, *values: str, seconds: float) -> None:
        """One more that took so long."""
        place = family.place(*values)
        self._numbers[place + bisect_left(family.bounds, seconds)] += 1
        self._numbers[place + len(family.bounds) + 1] += seconds

    def numbers(self) -> list[float]:
        """All that it has, now."""
        return list(self._numbers)


def added_up(rows: Iterable[Row]) -> list[float]:
    """The sums of what several rows have, place by place."""
    return [sum(places) for places in zip(*(row.numbers() for row in rows), strict=True)]


def series_of(family: MetricFamily, numbers: list[float]) -> Iterator[Series]:
    """The series of a family in the numbers of a row that were counted at least once."""
    places = itertools.count(family.start, family.width)
    for values, place in zip(itertools.product(*family.values), places, strict=False):
        found = tuple(numbers[place : place + family.width])
        if any(found):
            yield Series(values=values, numbers=found)
