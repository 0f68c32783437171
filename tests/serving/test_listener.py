"""Whatever one client does, the next one is served: the listener over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import select
import socket
import ssl
import tracemalloc
from pathlib import Path

import pytest

from lab.http.limits import Limits
from lab.serving.lab_server import TodoServer
from lab.serving.temporary_server import TemporaryServer
from lab.stream.contexts import ClientAuth, TlsVersion
from lab.stream.wire import address_text
from lab.tls.events import (
    Fact,
    LocalFact,
    NotTls,
    Protocol,
)
from lab.todo.results import TodoItem
from lab.todo.store import MemoryStore
from tests.support.serving import (
    PATIENCE,
    blocking,
    client_tls,
    get,
    in_thread,
    running,
    server_tls,
)


async def assert_serves(server: TemporaryServer, certs: Path) -> None:
    response = await in_thread(lambda: get(server.port, client_tls(certs)))
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(body)["client"] == "mtls-client"


async def test_a_garbled_request(certs: Path) -> None:
    def garble(port: int) -> bytes:
        with blocking(port, client_tls(certs)) as tls:
            tls.do_handshake()
            tls.sendall(b"\x00\xff GARBLE\r\n\r\n")
            return tls.recv(65536)

    async with running(certs) as server:
        assert (await in_thread(lambda: garble(server.port))).startswith(b"HTTP/1.1 400 ")
        await assert_serves(server, certs)


async def test_plain_http_on_the_tls_port(certs: Path) -> None:
    def plain(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return connection.recv(65536)

    async with running(certs) as server:
        await in_thread(lambda: plain(server.port))
        await assert_serves(server, certs)
        aliens = [event for event in server.events[0] if isinstance(event, NotTls)]
    assert [each.protocol for each in aliens] == [Protocol.HTTP]


async def test_a_client_that_stays_silent(certs: Path) -> None:
    limits = Limits(handshake_timeout=2.0, discard_timeout=0.05)

    def silent(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            return connection.recv(1)

    async with running(certs, limits=limits) as server:
        assert await in_thread(lambda: silent(server.port)) == b""
        facts = [event.fact for event in server.events[0] if isinstance(event, LocalFact)]
        assert Fact.TIMED_OUT in facts
        await assert_serves(server, certs)


async def test_a_client_that_drops_in_mid_body(
    certs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def drop(port: int) -> None:
        with blocking(port, client_tls(certs)) as tls:
            tls.do_handshake()
            tls.sendall(
                b"POST /todo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b'Content-Length: 100\r\n\r\n{"task": "ne'
            )

    async with running(certs) as server:
        await in_thread(lambda: drop(server.port))
        await assert_serves(server, certs)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("client_auth", "status"), [(ClientAuth.OPTIONAL, 401), (ClientAuth.NONE, 200)]
)
async def test_without_a_certificate_where_none_is_required(
    certs: Path, client_auth: ClientAuth, status: int
) -> None:
    """The handshake lets the client in; what HTTP makes of it is another matter."""
    async with running(certs, client_auth=client_auth) as server:
        context = client_tls(certs, identity=False)
        response = await in_thread(lambda: get(server.port, context))
    assert response.startswith(f"HTTP/1.1 {status} ".encode())


async def test_stopping_ends_idle_connections_in_order(certs: Path) -> None:
    """A client between two requests gets close_notify, not a cut."""
    state = TemporaryServer()
    server = TodoServer(server_tls(certs), sink=state.sink)
    _, state.port = await server.open("127.0.0.1", 0)
    tls = blocking(state.port, client_tls(certs))

    def converse() -> bytes:
        tls.do_handshake()
        tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return tls.recv(65536)

    with tls:
        assert (await in_thread(converse)).startswith(b"HTTP/1.1 200 ")
        closing = asyncio.create_task(server.close())
        # The end of data, and not an exception, is what close_notify looks like.
        assert await in_thread(lambda: tls.recv(65536)) == b""
        tls.close()
        await closing


async def test_stopping_finishes_the_request_in_flight(certs: Path) -> None:
    server = TodoServer(server_tls(certs))
    _, port = await server.open("127.0.0.1", 0)
    body = '{"task": "Añadir endpoint POST"}'.encode()
    head = (
        "POST /todo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with blocking(port, client_tls(certs)) as tls:

        def begin() -> None:
            tls.do_handshake()
            # The answer to the first request tells that the connection is being served.
            tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert tls.recv(65536).startswith(b"HTTP/1.1 200 ")
            tls.sendall(head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
            assert tls.recv(65536).startswith(b"HTTP/1.1 100 ")

        await in_thread(begin)
        closing = asyncio.create_task(server.close())

        def finish() -> bytes:
            tls.sendall(body)
            return tls.recv(65536)

        response = await in_thread(finish)
        assert response.startswith(b"HTTP/1.1 201 ")
        assert b"\r\nConnection: close\r\n" in response
        with pytest.raises(ConnectionRefusedError):
            await in_thread(lambda: socket.create_connection(("127.0.0.1", port)).close())
        tls.close()
        await closing


async def test_stopping_is_bounded(certs: Path) -> None:
    """A client that never finishes its handshake is cut off."""
    state = TemporaryServer()
    limits = Limits(shutdown_timeout=0.05, discard_timeout=0.05)
    server = TodoServer(server_tls(certs), sink=state.sink, limits=limits)
    _, state.port = await server.open("127.0.0.1", 0)
    with socket.create_connection(("127.0.0.1", state.port)) as connection:

        def until_accepted() -> None:
            connection.sendall(b"\x16")

        await in_thread(until_accepted)
        while not state.events:
            await asyncio.sleep(0)
        await asyncio.wait_for(server.close(), 20)
        connection.settimeout(20)
        with pytest.raises(ConnectionError):
            if await in_thread(lambda: connection.recv(1)) == b"":
                raise ConnectionError("closed")


async def test_a_refusal_while_stopping_is_not_silent(certs: Path) -> None:
    """A handshake in progress is finished, and refused with its alert."""
    state = TemporaryServer()
    server = TodoServer(server_tls(certs), sink=state.sink)
    _, state.port = await server.open("127.0.0.1", 0)
    with blocking(state.port, client_tls(certs, identity=False)) as tls:
        while not state.events:
            await asyncio.sleep(0)
        closing = asyncio.create_task(server.close())
        await asyncio.sleep(0)

        def shake() -> str:
            try:
                tls.do_handshake()
                tls.recv(1)
            except ssl.SSLError as error:
                return error.reason
            return "let in"

        assert await in_thread(shake) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        tls.close()
        await closing


async def test_all_addresses_of_a_host_have_the_same_port(
    certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def two(host: str, port: int, **_: object) -> list[object]:
        found = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*found, (address, port)) for address in ("127.0.0.1", "127.0.0.2")]

    server = TodoServer(server_tls(certs))
    with monkeypatch.context() as patched:
        patched.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
        _, port = await server.open("two.test", 0)
    for address in ("127.0.0.1", "127.0.0.2"):
        socket.create_connection((address, port), PATIENCE).close()
    await server.close()


async def test_a_host_without_a_socket_is_an_error(
    certs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object, **__: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

    server = TodoServer(server_tls(certs))
    monkeypatch.setattr(socket, "socket", lacking)
    with pytest.raises(OSError):  # in words of the system's, or from Python 3.12 on of asyncio's
        await server.open("127.0.0.1", 0)


@pytest.mark.parametrize(
    ("host", "port", "text"), [("127.0.0.1", 8443, "127.0.0.1:8443"), ("::1", 1, "[::1]:1")]
)
def test_addresses_as_text(host: str, port: int, text: str) -> None:
    assert address_text(host, port) == text


async def test_a_client_that_never_reads_is_let_go(certs: Path) -> None:
    """Neither its own end nor the server's stop waits for it."""
    limits = Limits(
        write_timeout=0.2, discard_timeout=0.2, shutdown_timeout=0.2, max_pipelined=10**6
    )
    async with running(certs, limits=limits) as server:
        tls = blocking(server.port, client_tls(certs))

        def flood() -> None:
            tls.do_handshake()
            tls.settimeout(1.0)
            with contextlib.suppress(OSError):
                for _ in range(2000):
                    tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)

        with tls:
            await in_thread(flood)
            while Fact.CLOSED not in [
                event.fact for event in server.events[0] if isinstance(event, LocalFact)
            ]:
                await asyncio.sleep(0.01)
            await assert_serves(server, certs)


async def test_stopping_does_not_wait_for_a_client_that_never_reads(certs: Path) -> None:
    limits = Limits(
        write_timeout=60, discard_timeout=0.2, shutdown_timeout=0.2, max_pipelined=10**6
    )
    async with running(certs, limits=limits) as server:
        tls = blocking(server.port, client_tls(certs))

        def flood() -> None:
            tls.do_handshake()
            tls.settimeout(1.0)
            with contextlib.suppress(OSError):
                for _ in range(2000):
                    tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)

        await in_thread(flood)
    # Behind the block the server has stopped; the client has still not read a byte.
    tls.close()
    assert isinstance(server.events[0][-1], LocalFact)


async def test_a_resumed_session_is_not_called_verified(certs: Path) -> None:
    """No certificate is shown and no key is proved: what is known comes from before."""
    context = client_tls(certs, version=TlsVersion.TLS12)

    def twice(port: int) -> bool:
        with blocking(port, context) as first:
            first.do_handshake()
            session = first.session
            first.unwrap().close()
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        with context.wrap_socket(connection, server_hostname="localhost", session=session) as tls:
            tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b"mtls-client" in tls.recv(65536)
            return bool(tls.session_reused)

    async with running(certs) as server:
        assert await in_thread(lambda: twice(server.port))
    facts = [
        [event.fact for event in events if isinstance(event, LocalFact)] for events in server.events
    ]
    assert Fact.CERTIFICATE_VERIFIED in facts[0]
    assert Fact.SESSION_RESUMED in facts[1]
    assert Fact.CERTIFICATE_VERIFIED not in facts[1]


async def test_clients_that_do_not_read_a_long_list_share_it(certs: Path) -> None:
    """Each holds what is on its way to it, and not a list of its own."""
    long, many = "x" * 60_000, 40
    store = MemoryStore(TodoItem(id=number, task=long, done=False) for number in range(1, 101))
    limits = Limits(discard_timeout=0.2, shutdown_timeout=0.2)
    server = TodoServer(server_tls(certs), store=store, limits=limits)
    _, port = await server.open("127.0.0.1", 0)
    context = client_tls(certs)
    with contextlib.ExitStack() as stack:

        def ask() -> None:
            tls = stack.enter_context(blocking(port, context))
            tls.do_handshake()
            tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n")
            select.select([tls], [], [], PATIENCE)  # the answer has begun, and is not read

        await in_thread(ask)
        tracemalloc.start()
        for _ in range(many):
            await in_thread(ask)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await server.close()
    assert held < many * len(long) * 10  # a tenth of what lists of their own would take


@pytest.mark.parametrize("version", list(TlsVersion), ids=lambda each: each.value)
async def test_what_tls_refuses_after_the_handshake_is_told(
    certs: Path, caplog: pytest.LogCaptureFixture, version: TlsVersion
) -> None:
    """Between two requests too: the server has sent an alert, and somebody will ask why."""
    caplog.set_level(logging.INFO, logger="lab.server")

    def garble(port: int) -> bytes:
        with blocking(port, client_tls(certs, version=version)) as tls:
            tls.do_handshake()
            tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert tls.recv(65536).startswith(b"HTTP/1.1 200 ")
            with socket.socket(fileno=tls.detach()) as raw:
                raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
                raw.settimeout(PATIENCE)
                parts = []
                while part := raw.recv(65536):
                    parts.append(part)
                return b"".join(parts)

    async with running(certs) as server:
        assert await in_thread(lambda: garble(server.port))  # an alert
    (line,) = [message for message in caplog.messages if message.startswith("ABORTED")]
    assert "bad record mac" in line
