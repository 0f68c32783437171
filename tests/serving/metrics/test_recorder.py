"""The counters by themselves: what they count, and that no peer can make them grow."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import prometheus_client
import pytest
from prometheus_client import generate_latest

from lab.http.connection_hooks import AnsweredRequest
from lab.http.limits import Limit
from lab.http.message import RequestHead
from lab.serving.expirations import Expiration, Kind
from lab.serving.metrics import counts
from lab.serving.metrics.counts import (
    FAMILIES,
    Row,
    added_up,
    series_of,
)
from lab.serving.metrics.exposition import Exposition
from lab.serving.metrics.recorder import Metrics
from lab.tls.code_points import AlertDescription, AlertLevel
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Fact,
    LocalFact,
)
from tests.support.scraping import (
    Series,
    labels,
    only,
    parsed,
)


def answered(
    method: str = "GET", path: str = "/todo", *, status: int = 200, seconds: float = 0.003
) -> AnsweredRequest:
    headers: Mapping[bytes, bytes] = {}
    head = RequestHead(method=method, path=path, headers=headers, client=None)
    return AnsweredRequest(head=head, status=status, seconds=seconds)


def counted(metrics: Metrics) -> Series:
    exposition = Exposition((metrics.row,), connections=lambda: 0, tasks=lambda: 0)
    return parsed(exposition.text())


def test_requests_by_method_route_and_code() -> None:
    metrics = Metrics(Row())
    for request in (
        answered(),
        answered(),
        answered("POST", status=201),
        answered("OPTIONS", "*", status=204),
        answered("BREW", "/pot", status=404),
        AnsweredRequest(head=None, status=431, seconds=None),
    ):
        metrics.request_answered(request)
    series = counted(metrics)
    assert only(series, "requests_total") == {
        labels(method="GET", route="/todo", code="200"): 2,
        labels(method="POST", route="/todo", code="201"): 1,
        labels(method="OPTIONS", route="other", code="204"): 1,
        labels(method="other", route="other", code="404"): 1,
        labels(method="none", route="none", code="431"): 1,
    }
    assert only(series, "request_duration_seconds_count") == {
        labels(route="/todo"): 3,
        labels(route="other"): 2,
    }
    buckets = only(series, "request_duration_seconds_bucket")
    assert buckets[labels(route="/todo", le="0.002")] == 0
    assert buckets[labels(route="/todo", le="0.005")] == 3


def test_odd_paths_and_methods_make_no_series() -> None:
    metrics = Metrics(Row())
    metrics.request_answered(answered("BREW", "/pot", status=404))
    before = counted(metrics).keys()
    for number in range(200):
        metrics.request_answered(answered(f"M{number}", f"/{number}", status=404))
    assert counted(metrics).keys() == before
    assert only(counted(metrics), "requests_total") == {
        labels(method="other", route="other", code="404"): 201
    }


def test_alerts_that_no_registry_knows_are_one_series() -> None:
    metrics = Metrics(Row())
    for number in (1, 2, 3, 99, 200, 255):
        sink = metrics.handshake_sink()
        sink(LocalFact(time=0.0, endpoint=Endpoint.SERVER, fact=Fact.CONNECTED))
        sink(
            AlertSeen(
                time=0.0,
                endpoint=Endpoint.CLIENT,
                records=(),
                encrypted=False,
                level=AlertLevel.FATAL,
                description=AlertDescription(number),
            )
        )
        sink(LocalFact(time=0.25, endpoint=Endpoint.SERVER, fact=Fact.HANDSHAKE_FAILED))
    series = counted(metrics)
    assert only(series, "handshakes_total") == {
        labels(version="none", outcome="rejected", alert="other", alert_by="client"): 6
    }
    assert only(series, "handshake_duration_seconds_sum") == {labels(outcome="rejected"): 1.5}


def test_limits_by_name() -> None:
    metrics = Metrics(Row())
    for limit in (Limit.MAX_BODY, Limit.IDLE_TIMEOUT, Limit.MAX_BODY):
        metrics.limit_struck(limit)
    assert only(counted(metrics), "limits_struck_total") == {
        labels(limit="max_body"): 2,
        labels(limit="idle_timeout"): 1,
    }


def test_days_are_counted_at_each_scrape_and_follow_a_reload() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    moments = iter([now.timestamp(), (now + timedelta(days=2)).timestamp(), now.timestamp()])
    open_now = iter([3, 0, 1])
    tasks_now = iter([7, 2, 3])
    exposition = Exposition(
        (Row(),),
        connections=lambda: next(open_now),
        tasks=lambda: next(tasks_now),
        clock=lambda: next(moments),
    )
    first = Expiration(kind=Kind.SERVER, subject="CN=a", serial="1f", at=now + timedelta(hours=36))
    exposition.use_certificates([first])
    key = labels(kind="server", subject="CN=a", serial="1f")

    series = parsed(exposition.text())
    assert only(series, "certificate_expires_days") == {key: 1.5}
    assert only(series, "open_connections") == {labels(): 3}
    assert only(series, "tasks") == {labels(): 7}
    series = parsed(exposition.text())
    assert only(series, "certificate_expires_days") == {key: -0.5}
    assert only(series, "open_connections") == {labels(): 0}

    odd = 'CN="\\\nmtls_lab_forged 1'
    exposition.use_certificates(
        [Expiration(kind=Kind.CA, subject=odd, serial="", at=now + timedelta(days=9))]
    )
    series = parsed(exposition.text())
    assert only(series, "certificate_expires_days") == {
        labels(kind="ca", subject=odd, serial=""): 9
    }


def test_the_global_registry_stays_as_it_was() -> None:
    before = generate_latest(prometheus_client.REGISTRY).count(b"# TYPE")
    metrics = Metrics(Row())
    metrics.limit_struck(Limit.MAX_BODY)
    text = Exposition((metrics.row,), connections=lambda: 0, tasks=lambda: 0).text()
    assert b"mtls_lab_limits_struck_total" in text
    assert b"_created" not in text
    assert b"mtls_lab" not in generate_latest(prometheus_client.REGISTRY)
    assert generate_latest(prometheus_client.REGISTRY).count(b"# TYPE") == before


def test_every_series_has_a_place_of_its_own() -> None:
    places = [
        place
        for family in FAMILIES
        for values in itertools.product(*family.values)
        for place in range(family.place(*values), family.place(*values) + family.width)
    ]
    assert places == list(range(FAMILIES[-1].end))


def test_a_value_that_is_not_known_has_no_place() -> None:
    with pytest.raises(ValueError):
        Row().count(counts.LIMITS, "patience")


def test_rows_are_added_up_series_by_series() -> None:
    rows = [Row(), Row(), Row()]
    for number, row in enumerate(rows):
        row.count(counts.LIMITS, "max_body")
        # A bound is within its own bucket.
        row.measure(counts.REQUEST_SECONDS, "/todo", seconds=0.001 * number)
    numbers = added_up(rows)
    assert [series.numbers for series in series_of(counts.LIMITS, numbers)] == [(3,)]
    (timed,) = series_of(counts.REQUEST_SECONDS, numbers)
    assert timed.values == ("/todo",)
    assert timed.numbers == (1, 0, 1, 1, *[0] * 10, pytest.approx(0.003))
