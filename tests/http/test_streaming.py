"""Answers that are streamed: in chunks, to their end, the client's or the server's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from lab.http.limits import Limits
from lab.http.message import RequestHead, Response
from tests.support.http_rig import GET, ScriptedStream, serve_script, served


class Streaming:
    """An app whose answer has the pieces that are put into ``pieces``, up to an empty one."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed = asyncio.Event()

    def refuse(self, head: RequestHead) -> Response | None:
        return None

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        return Response(status=200, media_type=b"text/event-stream", stream=self._stream())

    async def _stream(self) -> AsyncGenerator[bytes, None]:
        try:
            while piece := await self.pieces.get():
                yield piece
        finally:
            self.closed.set()


async def test_pieces_are_sent_as_they_come_and_the_connection_goes_on() -> None:
    app = Streaming()
    async with served(app) as service:
        client = await service.connect()
        await client.send(GET)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head.lower()
        assert b"content-length" not in head.lower()
        for piece in (b"one", b"and two"):
            app.pieces.put_nowait(piece)
            chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
            assert await client.reader.readexactly(len(chunk)) == chunk
        app.pieces.put_nowait(b"")
        assert await client.reader.readexactly(5) == b"0\r\n\r\n"
        assert app.closed.is_set()
        app.pieces.put_nowait(b"")
        await client.send(GET)
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await client.close()


async def test_a_stream_ends_in_order_when_the_server_closes() -> None:
    app = Streaming()
    async with served(app) as service:
        client = await service.connect()
        await client.send(GET)
        await client.reader.readuntil(b"\r\n\r\n")
        service.closing.set()
        assert await client.reader.read() == b"0\r\n\r\n"
        assert app.closed.is_set()


async def test_a_stream_whose_reader_has_gone_is_closed() -> None:
    app = Streaming()
    async with served(app) as service:
        client = await service.connect()
        await client.send(GET)
        await client.reader.readuntil(b"\r\n\r\n")
        client.writer.transport.abort()
        while not app.closed.is_set():
            app.pieces.put_nowait(b"x")
            await asyncio.sleep(0.01)
        await service.ended.acquire()


async def test_in_memory_a_reader_that_does_not_read_is_given_up() -> None:
    app = Streaming()
    app.pieces.put_nowait(b"x")
    stream = ScriptedStream([GET], stuck=True)
    await serve_script(stream, app=app, limits=Limits(write_timeout=0.05))
    assert stream.written == []


async def test_in_memory_head_has_no_content() -> None:
    app = Streaming()
    stream = ScriptedStream([GET.replace(b"GET", b"HEAD")])
    assert await serve_script(stream, app=app) == [200]
    assert b"".join(stream.written).endswith(b"\r\n\r\n")
