"""How a handshake is summed up: what is counted, once, and by whose alert."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.http.limits import Limits
from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from lab.serving.lab_server import TodoServer
from lab.serving.metrics.handshake_counts import (
    HandshakeCounter,
    HandshakeSummary,
    in_turn,
)
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import AlertDescription, AlertLevel, ProtocolVersion
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
)
from tests.support.serving import (
    blocking,
    client_tls,
    get,
    in_thread,
    server_tls,
)

Summaries = list[HandshakeSummary]


@contextlib.asynccontextmanager
async def tallied(
    certs: Path, *, limits: Limits | None = None, failures_only: bool = False
) -> AsyncIterator[tuple[int, Summaries]]:
    """A server whose handshakes are summed up; behind the block, all of them are."""
    found: Summaries = []
    server = TodoServer(
        server_tls(certs),
        limits=limits,
        sink=lambda _: HandshakeCounter(found.append),
        failures_only=failures_only,
    )
    _, port = await server.open("127.0.0.1", 0)
    try:
        yield port, found
    finally:
        await server.close()


def refused(port: int, context: ssl.SSLContext) -> None:
    """Go through a handshake that the server refuses, up to its alert."""
    with blocking(port, context) as tls, pytest.raises(ssl.SSLError):
        tls.do_handshake()
        tls.recv(1)


@pytest.mark.parametrize("failures_only", [False, True])
@pytest.mark.parametrize(
    ("version", "code"),
    [
        (TlsVersion.TLS12, ProtocolVersion.TLS_1_2),
        (TlsVersion.TLS13, ProtocolVersion.TLS_1_3),
    ],
)
async def test_an_accepted_handshake(
    certs: Path, version: TlsVersion, code: ProtocolVersion, failures_only: bool
) -> None:
    async with tallied(certs, failures_only=failures_only) as (port, found):
        assert b" 200 OK" in await in_thread(lambda: get(port, client_tls(certs, version=version)))
    (summary,) = found
    assert summary.result == "accepted"
    assert summary.version == code
    assert summary.outcome.alert is None
    assert summary.seconds > 0


@pytest.mark.parametrize(
    ("version", "code", "alert"),
    [
        (TlsVersion.TLS12, ProtocolVersion.TLS_1_2, AlertDescription.HANDSHAKE_FAILURE),
        (TlsVersion.TLS13, ProtocolVersion.TLS_1_3, AlertDescription.CERTIFICATE_REQUIRED),
    ],
)
async def test_a_client_without_a_certificate(
    certs: Path, version: TlsVersion, code: ProtocolVersion, alert: AlertDescription
) -> None:
    context = client_tls(certs, identity=False, version=version)
    async with tallied(certs, failures_only=True) as (port, found):
        await in_thread(lambda: refused(port, context))
    (summary,) = found
    assert summary.result == "rejected"
    assert (summary.version, *alert_of(summary)) == (code, alert, Endpoint.SERVER)


async def test_a_client_that_refuses_the_server(certs: Path, tmp_path: Path) -> None:
    context = client_tls(strangers(tmp_path))
    async with tallied(certs) as (port, found):
        await in_thread(lambda: refused(port, context))
    (summary,) = found
    assert summary.result == "rejected"
    assert alert_of(summary) == (AlertDescription.UNKNOWN_CA, Endpoint.CLIENT)


async def test_no_version_in_common_is_a_rejection(certs: Path) -> None:
    async with tallied(certs) as (port, found):
        # A ClientHello of TLS 1.0 with one suite and no extensions.
        body = b"\x03\x01" + bytes(32) + b"\x00" + b"\x00\x02\x00\x2f" + b"\x01\x00"
        hello = b"\x01" + len(body).to_bytes(3, "big") + body
        record = b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello
        answer = await in_thread(lambda: exchange(port, record))
    assert answer == b"\x15\x03\x01\x00\x02\x02\x46"  # fatal protocol_version
    (summary,) = found
    assert summary.result == "rejected"
    assert summary.version is None
    assert alert_of(summary) == (
        AlertDescription.PROTOCOL_VERSION,
        Endpoint.SERVER,
    )


async def test_silence_times_out(certs: Path) -> None:
    async with tallied(certs, limits=Limits(handshake_timeout=0.05)) as (port, found):
        assert await in_thread(lambda: exchange(port, b"")) == b""
    (summary,) = found
    assert summary.result == "timed_out"
    assert summary.outcome.alert is None
    assert summary.seconds >= 0.05


async def test_a_server_that_stops_counts_whom_it_cuts_short(certs: Path) -> None:
    limits = Limits(shutdown_timeout=0.05, discard_timeout=0.05)
    async with tallied(certs, limits=limits) as (port, found):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16")
        await writer.drain()
        # Behind the first in the queue: once it is served, the first is in its handshake.
        await in_thread(lambda: get(port, client_tls(certs)))
    writer.close()
    assert [each.result for each in found] == [
        "accepted",
        "failed",
    ]


def test_what_ends_nothing_is_no_alert_of_a_handshake() -> None:
    found: Summaries = []
    tally = HandshakeCounter(found.append)
    for event in (
        fact(Fact.CONNECTED, at=1.0),
        alert(AlertDescription.USER_CANCELED, AlertLevel.WARNING),
        alert(AlertDescription.NO_RENEGOTIATION, AlertLevel.WARNING),
        alert(AlertDescription.BAD_CERTIFICATE, AlertLevel.FATAL),
        alert(AlertDescription.DECODE_ERROR, AlertLevel.FATAL),  # an echo
        fact(Fact.HANDSHAKE_FAILED, at=3.5),
        fact(Fact.CLOSED, at=4.0),
    ):
        tally(event)
    (summary,) = found
    assert (summary.version, summary.result, summary.seconds) == (None, "rejected", 2.5)
    assert alert_of(summary) == (AlertDescription.BAD_CERTIFICATE, Endpoint.CLIENT)


def alert_of(summary: HandshakeSummary) -> tuple[AlertDescription, Endpoint]:
    """The alert that decided, and who sent it."""
    alert = summary.outcome.alert
    assert alert is not None
    return alert.description, alert.endpoint


def test_two_sinks_get_each_event_in_turn() -> None:
    seen: list[tuple[str, Event]] = []
    sink = in_turn(lambda e: seen.append(("first", e)), lambda e: seen.append(("second", e)))
    events = fact(Fact.CONNECTED, at=0.0), fact(Fact.CLOSED, at=1.0)
    for event in events:
        sink(event)
    assert seen == [(who, event) for event in events for who in ("first", "second")]


def fact(what: Fact, *, at: float) -> LocalFact:
    return LocalFact(time=at, endpoint=Endpoint.SERVER, fact=what)


def alert(description: AlertDescription, level: AlertLevel) -> AlertSeen:
    return AlertSeen(
        time=2.0,
        endpoint=Endpoint.CLIENT,
        records=(),
        encrypted=False,
        level=level,
        description=description,
    )


def exchange(port: int, data: bytes) -> bytes:
    """Send ``data`` over plain TCP; all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


def strangers(folder: Path) -> Path:
    """A set of certificates that has nothing to do with the server's."""
    write_set(folder / "other", SetPlan(key_type=KeyType.EC), now=datetime.now(timezone.utc))
    return folder / "other"
