"""The stream against real peers: blocking ``ssl`` sockets and raw TCP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lab.stream.contexts import ClientAuth, TlsVersion, server_context
from lab.stream.observed_wire import ObserverFeed
from lab.stream.tls_stream import ConnectionLost, HandshakeTimedOut, Linger, TlsFailed, TlsStream
from lab.stream.wire import AcceptedWire, dial
from lab.tls.code_points import AlertDescription
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    StreamEnd,
    StreamEnded,
)
from tests.support.serving import (
    PATIENCE,
    blocking,
    client_tls,
    get,
    in_thread,
    running,
    server_tls,
)

ROOT = Path(__file__).resolve().parent.parent.parent
VERSIONS = [
    pytest.param(TlsVersion.TLS12, AlertDescription.HANDSHAKE_FAILURE, id="TLS1.2"),
    pytest.param(TlsVersion.TLS13, AlertDescription.CERTIFICATE_REQUIRED, id="TLS1.3"),
]


def facts(events: list[Event]) -> list[Fact]:
    return [event.fact for event in events if isinstance(event, LocalFact)]


def test_every_refused_client_gets_its_alert() -> None:
    """200 clients that write right behind their handshake, half in each version."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "count_alerts.py"), "--clients", "200"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 of 100  handshake_failure (40)" in done.stdout
    assert "100 of 100  certificate_required (116)" in done.stdout


@pytest.mark.parametrize(("version", "alert"), VERSIONS)
async def test_when_a_client_learns_that_it_is_refused(
    certs: Path, version: TlsVersion, alert: AlertDescription
) -> None:
    """TLS 1.2: in the handshake call. TLS 1.3: that call returns, and the first read fails."""
    context = client_tls(certs, identity=False, version=version)

    def client(port: int) -> tuple[bool, str]:
        with blocking(port, context) as tls:
            try:
                tls.do_handshake()
            except ssl.SSLError as error:
                return False, error.reason
            with pytest.raises(ssl.SSLError) as refused:
                tls.recv(1)
            return True, refused.value.reason

    async with running(certs) as server:
        returned, reason = await in_thread(lambda: client(server.port))
    assert returned is (version is TlsVersion.TLS13)
    assert reason.endswith(f"ALERT_{alert.name}")


@pytest.mark.parametrize(("version", "alert"), VERSIONS)
async def test_the_server_sees_each_stage_of_a_refusal(
    certs: Path, version: TlsVersion, alert: AlertDescription
) -> None:
    async with running(certs) as server:
        context = client_tls(certs, identity=False, version=version)
        with pytest.raises(ssl.SSLError):
            await in_thread(lambda: get(server.port, context))
    (events,) = server.events
    assert facts(events) == [
        Fact.CONNECTED,
        Fact.CERTIFICATE_REFUSED,
        Fact.HANDSHAKE_FAILED,
        Fact.CLOSED,
    ]
    alerts = [event for event in events if isinstance(event, AlertSeen)]
    assert [(each.endpoint, each.description) for each in alerts] == [(Endpoint.SERVER, alert)]
    ends = {event.endpoint: event.end for event in events if isinstance(event, StreamEnded)}
    assert ends == {Endpoint.SERVER: StreamEnd.FIN, Endpoint.CLIENT: StreamEnd.FIN}


async def test_close_notify_is_sent_and_honoured(certs: Path) -> None:
    def client(port: int) -> bytes:
        with blocking(port, client_tls(certs)) as tls:
            tls.do_handshake()
            # Returns once the server's own close_notify is here; raises where it is not.
            with tls.unwrap() as plain:
                return plain.recv(1)

    async with running(certs) as server:
        assert await in_thread(lambda: client(server.port)) == b""
    (events,) = server.events
    said = [(each.endpoint, each.description) for each in events if isinstance(each, AlertSeen)]
    assert said == [
        (Endpoint.CLIENT, AlertDescription.CLOSE_NOTIFY),
        (Endpoint.SERVER, AlertDescription.CLOSE_NOTIFY),
    ]


class RefusingServer(threading.Thread):
    """A server of the ordinary kind: blocking, refuses, and closes with bytes unread: RST."""

    def __init__(self, certs: Path) -> None:
        super().__init__(daemon=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certs / "server.crt", certs / "server.key")
        self._context.load_verify_locations(certs / "ca.crt")
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.written = threading.Event()

    def run(self) -> None:
        connection, _ = self._listening.accept()
        tls = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        try:
            tls.do_handshake()
        except ssl.SSLError:
            # Only once the client's data has come does closing mean a reset.
            self.written.wait(PATIENCE)
        tls.close()
        self._listening.close()


async def test_a_failed_write_is_followed_by_one_more_read(certs: Path) -> None:
    """The alert lies in the receive buffer when the write fails; it must still be told."""
    server = RefusingServer(certs)
    server.start()
    events: list[Event] = []
    stream = TlsStream(
        await dial("127.0.0.1", server.port),
        client_tls(certs, identity=False, version=TlsVersion.TLS13),
        Endpoint.CLIENT,
        server_hostname="localhost",
        feed=ObserverFeed(Endpoint.CLIENT, events.append),
    )
    await stream.handshake(PATIENCE)
    await stream.write(b"x" * 4096)
    server.written.set()
    await asyncio.to_thread(server.join, PATIENCE)
    with pytest.raises(TlsFailed) as refused:
        while True:  # the first writes may still find room in the socket
            await stream.write(b"x" * 65536)
    await stream.close()
    assert refused.value.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert Fact.WRITE_FAILED in facts(events)


async def test_a_silent_peer_is_given_up(certs: Path) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    events: list[Event] = []
    with silent:
        stream = TlsStream(
            await dial("127.0.0.1", silent.getsockname()[1]),
            client_tls(certs),
            Endpoint.CLIENT,
            server_hostname="localhost",
            feed=ObserverFeed(Endpoint.CLIENT, events.append),
        )
        with pytest.raises(HandshakeTimedOut, match=r"0\.05 s"):
            await stream.handshake(0.05)
        await stream.close(Linger(seconds=0.05))
    assert facts(events) == [Fact.CONNECTED, Fact.TIMED_OUT, Fact.CLOSED]


async def test_a_peer_that_hangs_up_is_no_tls_failure(certs: Path) -> None:
    """OpenSSL answers a bare end with an alert of its own; the error must blame the end."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await reader.read(65536)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        events: list[Event] = []
        stream = TlsStream(
            await dial("127.0.0.1", server.sockets[0].getsockname()[1]),
            client_tls(certs),
            Endpoint.CLIENT,
            server_hostname="localhost",
            feed=ObserverFeed(Endpoint.CLIENT, events.append),
        )
        with pytest.raises(ConnectionLost) as lost:
            await stream.handshake(PATIENCE)
        await stream.close()
    assert lost.value.end is StreamEnd.FIN
    assert lost.value.in_handshake
    ends = [event for event in events if isinstance(event, StreamEnded)]
    assert ends[0].endpoint is Endpoint.SERVER


async def test_a_refused_client_cannot_hold_the_server_by_sending_on(certs: Path) -> None:
    """The courtesy of reading on after an alert is bounded in bytes."""
    context = client_tls(certs, identity=False, version=TlsVersion.TLS12)

    def flood(port: int) -> int:
        with blocking(port, context) as tls:
            with pytest.raises(ssl.SSLError):
                tls.do_handshake()
            raw = socket.socket(fileno=tls.detach())
        sent = 0
        with raw:
            raw.settimeout(PATIENCE)
            try:
                while sent < 1 << 27:
                    sent += raw.send(b"x" * 65536)
            except ConnectionError:
                pass
        return sent

    async with running(certs) as server:
        assert await in_thread(lambda: flood(server.port)) < 1 << 27
        assert await in_thread(lambda: get(server.port, client_tls(certs)))


async def test_large_data_both_ways(certs: Path) -> None:
    """More than a record, and more than the socket's buffers, in one write."""
    received = bytearray()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = TlsStream(
            AcceptedWire(reader, writer),
            server_context(server_tls(certs, ClientAuth.NONE)),
            Endpoint.SERVER,
        )
        await stream.handshake(PATIENCE)
        while data := await stream.read():
            await stream.write(data)
        await stream.close()

    payload = bytes(range(256)) * 8192
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        stream = TlsStream(
            await dial("127.0.0.1", server.sockets[0].getsockname()[1]),
            client_tls(certs),
            Endpoint.CLIENT,
            server_hostname="localhost",
        )
        await stream.handshake(PATIENCE)
        for start in range(0, len(payload), 65536):
            await stream.write(payload[start : start + 65536])
            while len(received) < start + 65536:
                received += await stream.read()
        await stream.close()
    assert bytes(received) == payload


class UnendingWire:
    """A wire whose peer has left, and whose close never comes to an end."""

    pending = False

    def __init__(self) -> None:
        self.closing = asyncio.Event()

    async def receive(self) -> bytes:
        return b""

    async def send(self, data: bytes) -> None: ...

    def finish_sending(self) -> None: ...

    async def close(self, limit: float) -> None:
        self.closing.set()
        await asyncio.Event().wait()


async def test_a_close_that_is_cut_short_is_told_too(certs: Path) -> None:
    events: list[Event] = []
    wire = UnendingWire()
    watch = ObserverFeed(Endpoint.CLIENT, events.append)
    stream = TlsStream(
        wire, client_tls(certs), Endpoint.CLIENT, server_hostname="localhost", feed=watch
    )
    task = asyncio.create_task(stream.close())
    await wire.closing.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert facts(events) == [Fact.CONNECTED, Fact.CLOSED]


async def test_the_end_stays_the_end_although_tcp_goes_on(certs: Path) -> None:
    """After close_notify, each read says so at once, and does not wait for what cannot come."""
    context = server_context(server_tls(certs, ClientAuth.NONE))
    seen = threading.Event()

    def say_goodbye(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        connection.settimeout(PATIENCE)
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.sendall(b"last words")
            tls.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
            assert seen.wait(PATIENCE)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = asyncio.create_task(in_thread(lambda: say_goodbye(listening)))
        stream = TlsStream(
            await dial("127.0.0.1", listening.getsockname()[1]),
            client_tls(certs),
            Endpoint.CLIENT,
            server_hostname="localhost",
        )
        await stream.handshake(PATIENCE)
        words = b""
        while part := await asyncio.wait_for(stream.read(), PATIENCE):
            words += part
        assert words == b"last words"
        assert await asyncio.wait_for(stream.read(), PATIENCE) == b""
        seen.set()
        await server
        await stream.close()


async def test_a_reset_that_a_write_has_met_is_no_fin_to_the_read_after_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        wire = await dial("127.0.0.1", listening.getsockname()[1])
        connection, _ = listening.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        with pytest.raises(ConnectionResetError):
            await wire.send(b"a request")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(wire.receive(), PATIENCE)
        await wire.close(PATIENCE)
