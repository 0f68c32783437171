"""The counters by themselves: what they count, and that no peer can make them grow."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import prometheus_client
from prometheus_client import generate_latest

from lab.http.limits import Limit
from lab.http.message import RequestHead
from lab.serving.metrics.recorder import Metrics
from lab.serving.server_files import Expiration, Kind
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
    metrics: Metrics, method: str = "GET", path: str = "/todo", *, status: int = 200
) -> None:
    head = RequestHead(method=method, path=path, headers={}, client=None)
    metrics.request_answered(head, status, 0.003)


def counted(metrics: Metrics) -> Series:
    return parsed(metrics.text())


def test_requests_by_method_route_and_code() -> None:
    metrics = Metrics()
    answered(metrics)
    answered(metrics)
    answered(metrics, "POST", status=201)
    answered(metrics, "OPTIONS", "*", status=204)
    answered(metrics, "BREW", "/pot", status=404)
    metrics.request_answered(None, 431, None)
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
    metrics = Metrics()
    answered(metrics, "BREW", "/pot", status=404)
    before = counted(metrics).keys()
    for number in range(200):
        answered(metrics, f"M{number}", f"/{number}", status=404)
    assert counted(metrics).keys() == before
    assert only(counted(metrics), "requests_total") == {
        labels(method="other", route="other", code="404"): 201
    }


def test_alerts_that_no_registry_knows_are_one_series() -> None:
    metrics = Metrics()
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
    metrics = Metrics()
    for limit in (Limit.MAX_BODY, Limit.IDLE_TIMEOUT, Limit.MAX_BODY):
        metrics.limit_struck(limit)
    assert only(counted(metrics), "limits_struck_total") == {
        labels(limit="max_body"): 2,
        labels(limit="idle_timeout"): 1,
    }


def test_days_are_counted_at_each_scrape_and_follow_a_reload() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    clock = now
    open_now = iter([3, 0, 1])
    tasks_now = iter([7, 2, 3])
    metrics = Metrics(clock=lambda: clock.timestamp())
    metrics.watch(connections=lambda: next(open_now), tasks=lambda: next(tasks_now))
    first = Expiration(kind=Kind.SERVER, subject="CN=a", serial="1f", at=now + timedelta(hours=36))
    metrics.use_certificates([first])
    key = labels(kind="server", subject="CN=a", serial="1f")

    series = counted(metrics)
    assert only(series, "certificate_expires_days") == {key: 1.5}
    assert only(series, "open_connections") == {labels(): 3}
    assert only(series, "tasks") == {labels(): 7}
    clock += timedelta(days=2)
    series = counted(metrics)
    assert only(series, "certificate_expires_days") == {key: -0.5}
    assert only(series, "open_connections") == {labels(): 0}

    clock = now
    odd = 'CN="\\\nmtls_lab_forged 1'
    metrics.use_certificates(
        [Expiration(kind=Kind.CA, subject=odd, serial="", at=now + timedelta(days=9))]
    )
    series = counted(metrics)
    assert only(series, "certificate_expires_days") == {
        labels(kind="ca", subject=odd, serial=""): 9
    }


def test_the_global_registry_stays_as_it_was() -> None:
    before = generate_latest(prometheus_client.REGISTRY).count(b"# TYPE")
    metrics = Metrics()
    metrics.limit_struck(Limit.MAX_BODY)
    text = metrics.text()
    assert b"mtls_lab_limits_struck_total" in text
    assert b"_created" not in text
    assert b"mtls_lab" not in generate_latest(prometheus_client.REGISTRY)
    assert generate_latest(prometheus_client.REGISTRY).count(b"# TYPE") == before
