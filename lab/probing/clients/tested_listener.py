"""Run one server for a client under test, on a port of loopback, and keep what it saw.

Rules: it listens for one run of the command. Connections are bounded in number, and each in what is
kept of it; none outlives the block.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from lab.capture.results import Address
from lab.pki.lab_ca import LabAuthority
from lab.probing.clients.handmade_handshake import HandmadeHandshake, NotAgreed
from lab.probing.clients.handmade_records import ClientLeft, HandmadeRecords
from lab.probing.clients.openssl_context import context_of, held_to
from lab.probing.clients.served_answers import answer_to, converse
from lab.probing.clients.spoiling_wire import SpoilingWire
from lab.probing.clients.tested_server import ClearServer, HandmadeServer, OpenSslServer
from lab.stream.contexts import TlsVersion
from lab.stream.key_log_source import KeyLogSource
from lab.stream.observed_wire import ObserverFeed
from lab.stream.tls_stream import Linger, StreamError, TlsStream
from lab.stream.wire import AcceptedWire, Wire, within
from lab.tls.code_points import AlertDescription, ContentType
from lab.tls.events import Endpoint, Fact, StreamEnd
from lab.tls.reader import SERVER_BUDGET
from lab.tracing.event_buffer import EventBuffer

HOST = "127.0.0.1"
MOST_CONNECTIONS = 50
"""How many connections of one run are answered; others are reset."""
_LINGER = Linger(seconds=1.0)
_HANDSHAKE = 30.0  # seconds; a run has a limit of its own
_TRIES = 10  # for a port that is free in both families
_CLEAR = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n" + (
    b"Connection: close\r\n\r\nnot here\n"
)

_Serve = Callable[[Wire, EventBuffer, int], Awaitable[None]]
"""Serves one connection; the last argument is its place among all."""


@dataclass(slots=True, eq=False)
class RunningListener:
    """A running server: its port, and what it saw of each connection, in order of arrival.

    ``peers`` are the clients' addresses, ``surplus`` counts connections that were reset,
    ``not_agreed`` is what a client did not offer that a server written here needs, "" for nothing.
    ``returned`` are the places of the connections that met the identity for a client's return.
    """

    port: int = 0
    buffers: list[EventBuffer] = field(default_factory=list)
    peers: list[Address] = field(default_factory=list)
    surplus: int = 0
    not_agreed: str = ""
    returned: list[int] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def closed(self, limit: float) -> None:
        """Wait until all connections are closed, for at most ``limit`` seconds."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=limit)


@contextlib.asynccontextmanager
async def listening(
    server: OpenSslServer | HandmadeServer | ClearServer,
    ca: LabAuthority,
    version: TlsVersion | None = None,
) -> AsyncIterator[RunningListener]:
    """Run a server inside the block, in ``version`` only where it speaks that.

    Raises NotAvailable where OpenSSL cannot be such a server here, and OSError.
    """
    running = RunningListener()
    with contextlib.ExitStack() as stack:
        if isinstance(server, OpenSslServer):
            serve = _openssl(held_to(server, version), ca, running, stack)
        elif isinstance(server, HandmadeServer):
            serve = _handmade(server, ca, running)
        else:
            serve = _clear

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(running.tasks) >= MOST_CONNECTIONS:
                running.surplus += 1
                writer.transport.abort()
                return
            buffer = EventBuffer()
            running.buffers.append(buffer)
            running.peers.append(Address(*writer.get_extra_info("peername")[:2]))
            wire = AcceptedWire(reader, writer)
            work = _attended(serve(wire, buffer, len(running.buffers) - 1), writer)
            running.tasks.append(asyncio.get_running_loop().create_task(work))

        sockets = _sockets()
        running.port = sockets[0].getsockname()[1]
        servers = [await asyncio.start_server(accepted, sock=each) for each in sockets]
        try:
            yield running
        finally:
            for each in servers:
                each.close()
            for task in running.tasks:
                task.cancel()
            await asyncio.gather(*running.tasks, return_exceptions=True)
            for each in servers:
                await each.wait_closed()


def _sockets() -> list[socket.socket]:
    """Return sockets on one port of 127.0.0.1 and, where the system has it, of ::1."""
    for last in [False] * (_TRIES - 1) + [True]:
        first = socket.create_server((HOST, 0))
        try:
            port = first.getsockname()[1]
            return [first, socket.create_server(("::1", port), family=socket.AF_INET6)]
        except OSError:
            if last or not _has_ipv6():
                return [first]
            first.close()
    raise AssertionError("the last try returns")


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def _attended(work: Awaitable[None], writer: asyncio.StreamWriter) -> None:
    try:
        await work
    finally:
        writer.transport.abort()


def _openssl(
    server: OpenSslServer, ca: LabAuthority, running: RunningListener, stack: contextlib.ExitStack
) -> _Serve:
    contexts = [context_of(server, server.identity(ca), ca)]
    if server.returning is not None:
        contexts.append(context_of(server, server.returning(ca), ca))
    sources = [stack.enter_context(KeyLogSource(context)) for context in contexts]

    has_been_here = False

    async def serve(wire: Wire, buffer: EventBuffer, place: int) -> None:
        nonlocal has_been_here
        # A client may open connections that it does not use, or several at a time.
        first = not has_been_here
        at = 0 if first else -1
        if not first and server.returning is not None:
            running.returned.append(place)
        source = sources[at]
        feed = ObserverFeed(Endpoint.SERVER, buffer, key_log=source, budget=SERVER_BUDGET)
        sent_to = SpoilingWire(wire) if server.spoils_signature else wire
        stream = TlsStream(sent_to, contexts[at], Endpoint.SERVER, feed=feed)
        goodbye = True
        try:
            with contextlib.suppress(StreamError):
                await stream.handshake(_HANDSHAKE)
                has_been_here = True
                goodbye = await converse(
                    stream, server.behind, first=first, seen=lambda: buffer.events
                )
        finally:
            if goodbye:
                await stream.close(_LINGER)
            else:
                await _end_without_goodbye(stream, wire, feed)

    return serve


async def _end_without_goodbye(stream: TlsStream, wire: Wire, feed: ObserverFeed) -> None:
    """End TCP and not TLS, and read until the client ends it, too."""
    wire.finish_sending()
    feed.ended(Endpoint.SERVER, StreamEnd.FIN)
    with contextlib.suppress(StreamError, TimeoutError):
        await within(_LINGER.seconds, _read_away(stream))
    await wire.close(_LINGER.seconds)
    feed.closed()


async def _read_away(stream: TlsStream) -> None:
    while await stream.read():
        pass


def _handmade(server: HandmadeServer, ca: LabAuthority, running: RunningListener) -> _Serve:
    async def serve(wire: Wire, buffer: EventBuffer, place: int) -> None:
        records = HandmadeRecords(wire, buffer)
        try:
            with contextlib.suppress(ClientLeft):
                handshake = HandmadeHandshake(server, ca, records)
                try:
                    await handshake.run()
                except NotAgreed as error:
                    running.not_agreed = str(error)
                    await handshake.alert(AlertDescription.HANDSHAKE_FAILURE)
                else:
                    await _answer(records)
        finally:
            await records.close(_LINGER.seconds)

    return serve


async def _answer(records: HandmadeRecords) -> None:
    """Answer one request, and end TLS in order. Raises ClientLeft."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 65536:
        kind, data = await records.receive()
        if kind is ContentType.ALERT:
            return
        if kind is ContentType.APPLICATION_DATA:
            head += data
    await records.send(ContentType.APPLICATION_DATA, answer_to(head))
    await records.send(ContentType.ALERT, bytes([1, AlertDescription.CLOSE_NOTIFY.value]))
    with contextlib.suppress(TimeoutError):
        await within(_LINGER.seconds, _drained(records))


async def _drained(records: HandmadeRecords) -> None:
    while True:
        await records.receive()


async def _clear(wire: Wire, buffer: EventBuffer, place: int) -> None:
    """Answer whatever comes in plain HTTP."""
    feed = ObserverFeed(Endpoint.SERVER, buffer, budget=SERVER_BUDGET)
    feed.fact(Fact.CONNECTED)
    try:
        with contextlib.suppress(ConnectionError, TimeoutError):
            data = await wire.receive()
            if data:
                feed.received(data, feed.clock())
                feed.sent(_CLEAR, feed.clock())
                await wire.send(_CLEAR)
            wire.finish_sending()
            feed.ended(Endpoint.SERVER, StreamEnd.FIN)
            while data:
                data = await within(_LINGER.seconds, wire.receive())
                feed.received(data, feed.clock())
    finally:
        await wire.close(_LINGER.seconds)
        feed.closed()
