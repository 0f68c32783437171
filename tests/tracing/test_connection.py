"""A client without TLS, against sockets that answer in every way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    NotTls,
    StreamEnd,
    StreamEnded,
)
from lab.tracing.connection import NoConnection, send_bytes
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.target import Target
from tests.support.peers import free_port
from tests.support.serving import PATIENCE

ALERT = bytes.fromhex("15030300020246")
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[Target]:
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()
            done.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Target(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        await asyncio.wait_for(done.wait(), PATIENCE)


async def said(answer: Answer, data: bytes, limit: float = PATIENCE) -> list[Event]:
    recording = EventBuffer()
    async with answering(answer) as target:
        await send_bytes(target, data, recording, limit=limit)
    return recording.events


def ends(events: list[Event]) -> list[tuple[Endpoint, StreamEnd]]:
    return [(event.endpoint, event.end) for event in events if isinstance(event, StreamEnded)]


async def test_what_is_said_arrives_and_the_answer_is_seen() -> None:
    heard = bytearray()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readexactly(16))
        writer.write(ALERT)
        await writer.drain()

    events = await said(answer, b"GET / HTTP/1.1\r\n")
    assert heard == b"GET / HTTP/1.1\r\n"
    assert isinstance(events[0], LocalFact)
    assert events[0].fact is Fact.CONNECTED
    assert isinstance(events[1], NotTls)
    assert isinstance(events[2], AlertSeen)
    assert events[2].endpoint is Endpoint.SERVER
    assert ends(events) == [(Endpoint.SERVER, StreamEnd.FIN), (Endpoint.CLIENT, StreamEnd.FIN)]
    assert isinstance(events[-1], LocalFact)
    assert events[-1].fact is Fact.CLOSED


async def test_a_server_that_resets_is_told() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    events = await said(answer, b"x")
    assert ends(events)[0] == (Endpoint.SERVER, StreamEnd.RESET)


async def test_patience_with_a_silent_server_is_bounded() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""

    events = await said(answer, b"", limit=0.05)
    assert ends(events) == [(Endpoint.CLIENT, StreamEnd.FIN), (Endpoint.SERVER, StreamEnd.FIN)]


async def test_nobody_there() -> None:
    target = Target(host="127.0.0.1", port=free_port())
    with pytest.raises(NoConnection, match="cannot connect"):
        await send_bytes(target, b"", EventBuffer(), limit=PATIENCE)
