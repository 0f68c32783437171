"""The relay of a tap: the same bytes, and the same ends, as without it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from lab.tls.events import Endpoint, StreamEnd
from lab.tracing.tap.tap_relay import Relay, reset

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
PATIENCE = 20.0


@dataclass
class Seen:
    """What a relay showed."""

    data: dict[Endpoint, bytearray] = field(
        default_factory=lambda: {e: bytearray() for e in Endpoint}
    )
    ends: list[tuple[Endpoint, StreamEnd]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def sent(self, sender: Endpoint, data: bytes, time: float) -> None:
        self.data[sender] += data
        self.times.append(time)

    def ended(self, sender: Endpoint, end: StreamEnd, time: float) -> None:
        self.ends.append((sender, end))


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection that do not block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    for end in (near, far):
        end.setblocking(False)
    return near, far


@contextlib.asynccontextmanager
async def relayed(
    first: bytes = b"", said: bytes = b""
) -> AsyncIterator[tuple[socket.socket, socket.socket, Seen, asyncio.Task[None]]]:
    """A client's and a server's socket with a relay between them."""
    (client, near), (far, server) = pair(), pair()
    seen = Seen()
    task = asyncio.create_task(Relay(near, far, first, said).run(seen))
    try:
        yield client, server, seen, task
        await asyncio.wait((task,), timeout=PATIENCE)
        assert task.done() and (task.cancelled() or task.exception() is None)
        assert near.fileno() == far.fileno() == -1
    finally:
        task.cancel()
        client.close()
        server.close()


async def send(end: socket.socket, data: bytes) -> None:
    await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(end, data), PATIENCE)


async def read(end: socket.socket, octets: int | None = None) -> bytes:
    """Read so many bytes, or to FIN."""
    data = bytearray()
    while octets is None or len(data) < octets:
        receiving = asyncio.get_running_loop().sock_recv(end, 65536)
        if not (piece := await asyncio.wait_for(receiving, PATIENCE)):
            break
        data += piece
    return bytes(data)


async def test_bytes_pass_both_ways_and_each_end_closes_in_order() -> None:
    asked, answer = bytes(range(256)) * 4000, bytes(reversed(range(256))) * 4000
    async with relayed() as (client, server, seen, _):
        sending = asyncio.gather(send(client, asked), send(server, answer))
        got = await asyncio.gather(read(server, len(asked)), read(client, len(answer)))
        await sending
        assert list(got) == [asked, answer]
        client.shutdown(socket.SHUT_WR)
        assert await read(server) == b""
        server.shutdown(socket.SHUT_WR)
        assert await read(client) == b""
    assert seen.data == {CLIENT: asked, SERVER: answer}
    assert seen.ends == [(CLIENT, StreamEnd.FIN), (SERVER, StreamEnd.FIN)]
    assert seen.times == sorted(seen.times)


@pytest.mark.parametrize("closing", [CLIENT, SERVER])
async def test_after_half_a_close_the_other_direction_goes_on(closing: Endpoint) -> None:
    async with relayed() as (client, server, seen, _):
        near, far = (client, server) if closing is CLIENT else (server, client)
        near.shutdown(socket.SHUT_WR)
        assert await read(far) == b""
        for _ in range(3):
            await send(far, b"still here")
            assert await read(near, 10) == b"still here"
        far.close()
        assert await read(near) == b""
    assert seen.ends == [(closing, StreamEnd.FIN), (closing.other, StreamEnd.FIN)]


@pytest.mark.parametrize("resetting", [CLIENT, SERVER])
async def test_a_reset_becomes_a_reset(resetting: Endpoint) -> None:
    async with relayed() as (client, server, seen, _):
        near, far = (client, server) if resetting is CLIENT else (server, client)
        await send(near, b"last words")
        assert await read(far, 10) == b"last words"
        reset(near)
        with pytest.raises(ConnectionResetError):
            await read(far)
    assert seen.ends == [(resetting, StreamEnd.RESET)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a loop that watches sockets")
async def test_last_words_come_before_the_reset_that_follows_them() -> None:
    """A server that closes with unread bytes sends RST right behind its alert."""
    async with relayed() as (client, server, seen, _):
        await send(client, b"never read")
        await asyncio.wait_for(_readable(server), PATIENCE)
        await send(server, b"an alert")
        server.close()
        assert await read(client, 8) == b"an alert"
        with pytest.raises(ConnectionResetError):
            await read(client)
    assert seen.data[SERVER] == b"an alert"
    assert seen.ends == [(SERVER, StreamEnd.RESET)]


async def test_a_reset_behind_a_fin_is_passed_on() -> None:
    async with relayed() as (client, server, seen, _):
        client.shutdown(socket.SHUT_WR)
        assert await read(server) == b""
        reset(client)
        await asyncio.wait_for(_failed(server), PATIENCE)
    assert seen.ends == [(CLIENT, StreamEnd.FIN), (CLIENT, StreamEnd.RESET)]


async def test_who_writes_to_an_end_that_is_gone_is_reset() -> None:
    async with relayed() as (client, server, seen, _):
        server.close()
        assert await read(client) == b""
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(1000):
                await send(client, b"x")
                await asyncio.sleep(0.01)
    assert seen.ends[0] == (SERVER, StreamEnd.FIN)


async def test_an_end_that_does_not_read_slows_the_other_and_holds_little() -> None:
    async with relayed() as (client, server, seen, _):
        sent = 0
        with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
            while sent < 2**27:
                await asyncio.wait_for(
                    asyncio.get_running_loop().sock_sendall(client, bytes(65536)), 0.3
                )
                sent += 65536
        assert sent < 2**27, "the client is held up at some time"
        held = -1
        while held != len(seen.data[CLIENT]):  # until nothing moves any more
            held = len(seen.data[CLIENT])
            await asyncio.sleep(0.3)
        await send(server, b"the other way is open")
        assert await read(client, 21) == b"the other way is open"
        assert len(seen.data[CLIENT]) == held
        reset(client)  # nobody reads from it now, and still it is seen
        with pytest.raises(ConnectionResetError):
            await read(server)
    assert seen.ends == [(CLIENT, StreamEnd.RESET)]


async def test_what_was_read_before_is_passed_on_first() -> None:
    async with relayed(b"first", b"greeting") as (client, server, seen, _):
        await send(client, b"second")
        assert await read(server, 11) == b"firstsecond"
        assert await read(client, 8) == b"greeting"
        client.close()
        assert await read(server) == b""
        server.close()
    assert seen.data == {CLIENT: b"firstsecond", SERVER: b"greeting"}


async def test_a_relay_that_is_cut_resets_both_ends() -> None:
    async with relayed() as (client, server, seen, task):
        await send(client, b"x")
        assert await read(server, 1) == b"x"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for end in (client, server):
            with pytest.raises(ConnectionResetError):
                await read(end)
        assert seen.ends == []


def test_reset_sends_rst() -> None:
    near, far = pair()
    linger = struct.unpack("ii", near.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
    assert linger[0] == 0
    reset(near)
    far.settimeout(PATIENCE)
    with far, pytest.raises(ConnectionResetError):
        far.recv(1)


async def _readable(end: socket.socket) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(end, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(end)


async def _failed(end: socket.socket) -> None:
    while not end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        await asyncio.sleep(0.01)
