"""The server of lab.web: HTTP on a port of loopback, over plain TCP.

Rules: ``close`` leaves no task and no socket behind; streams of events end in order.
"""

from __future__ import annotations

import asyncio
import contextlib

from lab.http.interfaces import App
from lab.http.limits import Limits, ShutdownSignal
from lab.http.server_connection import serve_http
from lab.stream.wire import within
from lab.webapp.access import HOST

UPLOAD = 64 * 1024 * 1024
"""Bytes of the largest request body."""
LIMITS = Limits(
    max_body=UPLOAD, body_timeout=120.0, max_discard=UPLOAD, discard_timeout=5.0, idle_timeout=120.0
)
_MOST_CONNECTIONS = 64
_GRACE = 3.0  # seconds for requests in flight, when the server closes
_LINGER = 2.0  # seconds for a client to close, once it has had the last answer


class _TcpStream:
    """A connection of asyncio's as a ``ByteStream``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def pending(self) -> bool:
        """Whether bytes are here that have not been read; asyncio does not say."""
        return False

    async def read(self, max_bytes: int = 65536) -> bytes:
        """Return some bytes, ``b""`` at the end."""
        return await self._reader.read(max_bytes)

    async def write(self, data: bytes) -> None:
        """Hand on bytes, within the peer's flow control."""
        if self._writer.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._writer.write(data)
        await self._writer.drain()


class LoopbackServer:
    """An HTTP server on loopback. Use ``open``, then ``serve``, then ``close``."""

    def __init__(self) -> None:
        self._closing = ShutdownSignal()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._app: App | None = None

    async def open(self, port: int) -> int:
        """Take a port, 0: a free one; return it. Raises OSError."""
        self._server = await asyncio.start_server(self._connected, HOST, port, start_serving=False)
        return int(self._server.sockets[0].getsockname()[1])

    async def serve(self, app: App) -> None:
        """Answer requests from now on."""
        assert self._server is not None, "open() comes first"
        self._app = app
        await self._server.start_serving()

    async def close(self) -> None:
        """Stop accepting, let requests in flight finish, and end every connection."""
        self._closing.set()
        if self._server is not None:
            self._server.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= _MOST_CONNECTIONS or self._closing.is_set():
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._app is not None
        try:
            await serve_http(
                _TcpStream(reader, writer),
                client=None,
                peer="the browser",
                app=self._app,
                limits=LIMITS,
                closing=self._closing,
            )
            await _end(reader, writer)
        finally:
            writer.transport.abort()


async def _end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send FIN, and read away what still comes: a socket closed with bytes in it sends RST."""
    with contextlib.suppress(OSError):  # a TimeoutError is one
        writer.write_eof()
        await within(_LINGER, _read_away(reader))


async def _read_away(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass
