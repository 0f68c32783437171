"""The monitor beside a server that works: real clients, real scrapes, exact counts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.http import log_entries
from lab.http.limits import Limits
from lab.pki.files.lab_set import load_set
from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from lab.serving.lab_server import Health, TodoServer
from lab.serving.metrics.monitor_http import Monitor
from lab.serving.metrics.recorder import Metrics
from lab.serving.server_files import ServerFiles
from lab.stream.contexts import TlsVersion
from lab.todo.results import TodoItem
from lab.todo.store import MemoryStore, StoreUnavailable
from tests.support.scraping import (
    Series,
    fetch,
    labels,
    only,
    scrape,
)
from tests.support.serving import (
    PATIENCE,
    blocking,
    client_tls,
    get,
    in_thread,
    server_tls,
)


class BrokenStore(MemoryStore):
    """A store whose disk is full."""

    async def list(self) -> tuple[TodoItem, ...]:
        raise StoreUnavailable("the disk is full")


class ReadOnlyStore(MemoryStore):
    """A store that can be read, on a disk that is full."""

    async def check(self) -> None:
        raise StoreUnavailable("nothing can be written")


class SilentStore(MemoryStore):
    """A store that never answers."""

    async def list(self) -> tuple[TodoItem, ...]:
        await asyncio.Event().wait()
        raise AssertionError


@dataclass(frozen=True)
class Monitored:
    server: TodoServer
    port: int
    monitor: int

    async def scrape(self) -> Series:
        return await in_thread(lambda: scrape(self.monitor))

    async def health(self) -> tuple[int, dict[str, str]]:
        fetched = await in_thread(lambda: fetch(self.monitor, "/healthz"))
        assert fetched.headers["Content-Type"] == "application/json"
        return fetched.status, json.loads(fetched.body)


@contextlib.asynccontextmanager
async def monitored(
    certs: Path,
    *,
    limits: Limits | None = None,
    store: MemoryStore | None = None,
    failures_only: bool = False,
    closes: bool = True,
) -> AsyncIterator[Monitored]:
    """A server with its monitor. Unless it ``closes`` the server, the test must."""
    metrics = Metrics()
    server = TodoServer(
        server_tls(certs),
        limits=limits,
        store=store,
        failures_only=failures_only,
        hooks=metrics,
    )
    metrics.watch(connections=lambda: server.connections, tasks=lambda: len(asyncio.all_tasks()))
    loaded = ServerFiles(directory=certs).load(now=datetime.now(timezone.utc))
    metrics.use_certificates(loaded.expiries)
    monitor = Monitor(health=server.health, metrics=metrics.text)
    _, port = await server.open("127.0.0.1", 0)
    host, monitor_port = await monitor.open(0)
    assert host == "127.0.0.1"
    try:
        yield Monitored(server, port, monitor_port)
    finally:
        if closes:
            await server.close()
        await monitor.close()


def refused(port: int, context: ssl.SSLContext) -> None:
    """Go through a handshake that the server refuses, up to its alert."""
    with blocking(port, context) as tls, pytest.raises(ssl.SSLError):
        tls.do_handshake()
        tls.recv(1)


@pytest.mark.parametrize("failures_only", [False, True], ids=["decoded", "not decoded"])
async def test_handshakes_by_version_outcome_and_alert(
    certs: Path, tmp_path: Path, failures_only: bool
) -> None:
    write_set(tmp_path / "other", SetPlan(key_type=KeyType.EC), now=datetime.now(timezone.utc))
    stranger = client_tls(certs, version=TlsVersion.TLS13)
    stranger.load_cert_chain(tmp_path / "other/client.crt", tmp_path / "other/client.key")
    async with monitored(certs, failures_only=failures_only) as running:
        for version, times in ((TlsVersion.TLS12, 2), (TlsVersion.TLS13, 3)):
            context = client_tls(certs, version=version)
            for _ in range(times):
                await in_thread(lambda: get(running.port, context))  # noqa: B023 - awaited here
        for version in TlsVersion:
            context = client_tls(certs, identity=False, version=version)
            await in_thread(lambda: refused(running.port, context))  # noqa: B023 - awaited here
        await in_thread(lambda: refused(running.port, stranger))
        series = await running.scrape()
    assert only(series, "handshakes_total") == {
        handshakes("TLS 1.2", "accepted"): 2,
        handshakes("TLS 1.3", "accepted"): 3,
        handshakes("TLS 1.2", "rejected", "handshake_failure"): 1,
        handshakes("TLS 1.3", "rejected", "certificate_required"): 1,
        handshakes("TLS 1.3", "rejected", "unknown_ca"): 1,
    }
    assert only(series, "handshake_duration_seconds_count") == {
        labels(outcome="accepted"): 5,
        labels(outcome="rejected"): 3,
    }
    assert only(series, "requests_total") == {labels(method="GET", route="/todo", code="200"): 5}
    assert only(series, "request_duration_seconds_count") == {labels(route="/todo"): 5}


def handshakes(version: str, outcome: str, alert: str = "none") -> frozenset[tuple[str, str]]:
    by = "none" if alert == "none" else "server"
    return labels(version=version, outcome=outcome, alert=alert, alert_by=by)


async def test_two_hundred_odd_requests_make_one_series(certs: Path) -> None:
    def ask_oddly(port: int, context: ssl.SSLContext) -> None:
        for number in range(200):
            with blocking(port, context) as tls:
                tls.do_handshake()
                head = f"M{number} /{number} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                tls.sendall(head.encode() + b"\r\n")
                while tls.recv(65536):
                    pass

    async with monitored(certs) as running:
        await in_thread(lambda: ask_oddly(running.port, client_tls(certs)))
        series = await running.scrape()
    assert only(series, "requests_total") == {
        labels(method="other", route="other", code="404"): 200
    }


async def test_hostile_names_make_no_series(certs: Path, tmp_path: Path) -> None:
    """A client's SNI and its certificate's subject are its own choice."""

    def come_as(port: int, name: str) -> None:
        context = client_tls(certs, identity=False, version=TlsVersion.TLS12)
        context.check_hostname = False
        connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        with (
            context.wrap_socket(
                connection, server_hostname=name, do_handshake_on_connect=False
            ) as tls,
            pytest.raises(ssl.SSLError),
        ):
            tls.do_handshake()

    async with monitored(certs) as running:
        await in_thread(lambda: come_as(running.port, "first.example"))
        before = await running.scrape()
        for number in range(20):
            await in_thread(lambda: come_as(running.port, f"n{number}.example"))  # noqa: B023
        after = await running.scrape()
    assert after.keys() == before.keys()
    assert only(after, "handshakes_total") == {
        handshakes("TLS 1.2", "rejected", "handshake_failure"): 21
    }


async def test_open_connections_come_and_go(certs: Path) -> None:
    async def until_open(running: Monitored, number: int) -> None:
        while only(await running.scrape(), "open_connections") != {labels(): number}:
            pass  # a scrape lets the server go on

    async with monitored(certs) as running:
        await until_open(running, 0)
        held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(3)]
        await asyncio.wait_for(until_open(running, 3), PATIENCE)
        await in_thread(lambda: get(running.port, client_tls(certs)))
        for _, writer in held:
            writer.close()
        await asyncio.wait_for(until_open(running, 0), PATIENCE)


async def test_days_until_certificates_expire(certs: Path) -> None:
    now = datetime.now(timezone.utc)
    ours = load_set(certs, now=now)
    async with monitored(certs) as running:
        days = only(await running.scrape(), "certificate_expires_days")
    expected = {
        (kind, identity.certificate.serial_number): (
            identity.certificate.not_valid_after_utc - now
        ).total_seconds()
        / 86400
        for kind, identity in (("server", ours.server), ("ca", ours.ca))
    }
    found = {(dict(key)["kind"], int(dict(key)["serial"], 16)): days[key] for key in days}
    assert found == {key: pytest.approx(value, abs=0.01) for key, value in expected.items()}


async def test_health_of_a_server_that_works_and_of_one_that_stops(certs: Path) -> None:
    limits = Limits(shutdown_timeout=PATIENCE)
    async with monitored(certs, limits=limits, closes=False) as running:
        assert await running.health() == (
            200,
            {"status": "ok", "message": "accepting connections, and the store responds"},
        )
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        while not running.server.connections:
            await asyncio.sleep(0)
        closing = asyncio.create_task(running.server.close())
        while (await running.health())[0] == 200:
            pass
        assert await running.health() == (
            503,
            {"status": "stopping", "message": "the server is stopping"},
        )
        writer.close()
        await closing


async def test_health_of_a_server_that_does_not_listen_yet(certs: Path) -> None:
    server = TodoServer(server_tls(certs))
    monitor = Monitor(health=server.health, metrics=bytes)
    _, port = await monitor.open(0)
    fetched = await in_thread(lambda: fetch(port, "/healthz"))
    assert (fetched.status, json.loads(fetched.body)["status"]) == (503, "not_accepting")
    await monitor.close()
    await server.close()


@pytest.mark.parametrize(
    ("store", "message"),
    [
        (BrokenStore(), "the disk is full"),
        (ReadOnlyStore(), "nothing can be written"),
        (SilentStore(), "the store did not respond within 0.05 s"),
    ],
    ids=["broken", "read-only", "silent"],
)
async def test_health_without_a_store(
    certs: Path, monkeypatch: pytest.MonkeyPatch, store: MemoryStore, message: str
) -> None:
    monkeypatch.setattr("lab.serving.lab_server._STORE_PATIENCE", 0.05)
    async with monitored(certs, store=store) as running:
        assert await running.health() == (
            503,
            {"status": "store_unavailable", "message": message},
        )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/todo", 404),
        ("GET", "/metrics/", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/healthz", 405),
        ("OPTIONS", "/metrics", 405),
        ("HEAD", "/metrics", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/metrics?x=1", 200),
    ],
)
async def test_what_else_may_be_asked(certs: Path, method: str, path: str, status: int) -> None:
    async with monitored(certs) as running:
        fetched = await in_thread(lambda: fetch(running.monitor, path, method=method))
    assert fetched.status == status
    if status == 405:
        assert fetched.headers["Allow"] == "GET, HEAD"
    if status == 200:
        assert fetched.headers["Cache-Control"] == "no-store"
    if method == "HEAD":
        assert fetched.body == b""
        assert int(fetched.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:9000", 200),
        ("127.0.0.1:9000", 200),
        ("rebound.example", 403),
        ("rebound.example:9000", 403),
        ("localhost.rebound.example", 403),
        ("127.0.0.1.rebound.example", 403),
        ("[::1]:9000", 403),
    ],
)
async def test_only_loopback_s_own_names_are_served(certs: Path, host: str, status: int) -> None:
    async with monitored(certs) as running:
        fetched = await in_thread(lambda: fetch(running.monitor, "/metrics", host=host))
    assert fetched.status == status


HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def exchanged(port: int, data: bytes, *, half_close: bool = False) -> bytes:
    """Send ``data`` to the monitor, and return all that it answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if half_close:
        writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    return answer


async def test_a_connection_has_one_request(certs: Path) -> None:
    async with monitored(certs) as running:
        answer = await exchanged(running.monitor, HEALTHZ * 2)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /metrics HTTP/1.0\r\n\r\n", 200),
        (b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx", 405),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        (b"HEAD /metrics HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\r\n\r\n", 400),
        (b"GET /" + b"x" * 200_000, 431),
    ],
    ids=["1.0", "body", "no host", "2.0", "odd host", "TLS", "long"],
)
@pytest.mark.parametrize("half_close", [False, True], ids=["", "half-closed"])
async def test_what_is_no_request_for_it(
    certs: Path, data: bytes, status: int, half_close: bool
) -> None:
    async with monitored(certs) as running:
        answer = await exchanged(running.monitor, data, half_close=half_close)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert (await running.health())[0] == 200


async def ended(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Wait for the monitor to end a connection on which it says nothing."""
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(stream[0].read(), PATIENCE) == b""
    stream[1].close()


async def test_connections_have_a_limit_and_an_end(
    certs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lab.serving.metrics.monitor_http._MAX_CONNECTIONS", 3)
    monkeypatch.setattr("lab.serving.metrics.monitor_http._SECONDS", 0.5)
    async with monitored(certs) as running:
        silent = [await asyncio.open_connection("127.0.0.1", running.monitor) for _ in range(3)]
        for _ in range(5):
            await ended(await asyncio.open_connection("127.0.0.1", running.monitor))
        for stream in silent:
            await ended(stream)
        assert (await running.health())[0] == 200
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if line.startswith("MONITOR FULL")] == [
        "MONITOR FULL | 3 connections are open | closing the new one"
    ]


async def test_silent_connections_do_not_hold_up_the_end(
    certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were they waited for, or for their time to come, this would take days."""
    monkeypatch.setattr("lab.serving.metrics.monitor_http._GRACE", 1e5)
    monkeypatch.setattr("lab.serving.metrics.monitor_http._SECONDS", 1e5)
    async with monitored(certs) as running:
        silent = await asyncio.open_connection("127.0.0.1", running.monitor)
        await running.health()  # so that it is accepted
    await ended(silent)


async def test_a_request_in_flight_is_answered_before_the_end(certs: Path) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow() -> Health:
        asked.set()
        await may_answer.wait()
        return Health(status="ok", message="")

    monitor = Monitor(health=slow, metrics=bytes)
    _, port = await monitor.open(0)
    asking = asyncio.create_task(exchanged(port, HEALTHZ))
    await asked.wait()
    closing = asyncio.create_task(monitor.close())
    await asyncio.sleep(0)
    may_answer.set()
    assert (await asking).startswith(b"HTTP/1.1 200 ")
    await closing
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(("level", "shown"), [(logging.INFO, False), (logging.DEBUG, True)])
async def test_scrapes_are_logged_at_debug_only(
    certs: Path,
    caplog: pytest.LogCaptureFixture,
    level: int,
    shown: bool,
) -> None:
    with caplog.at_level(level, logger=log_entries.LOGGER.name):
        async with monitored(certs) as running:
            await running.scrape()
            await in_thread(lambda: fetch(running.monitor, "/odd"))
    lines = [record.getMessage() for record in caplog.records if record.name == "lab.server"]
    expected = [
        f'REQUEST | peer=127.0.0.1 (monitor) | cert-CN=None | "GET {line}'
        for line in ('/metrics HTTP/1.1" 200 -', '/odd HTTP/1.1" 404 -')
    ]
    assert lines == (expected if shown else [])
