"""A service on a loopback port, and in memory: the stream's part is played by plain TCP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from lab.http.interfaces import App
from lab.http.limits import Limits, ShutdownSignal
from lab.http.server_connection import serve_http
from lab.todo.application import TodoApp, certificate_required
from lab.todo.store import MemoryStore
from lab.x509.client_identity import ClientIdentity

ALICE = ClientIdentity(
    common_name="mtls-client",
    subject="CN=mtls-client",
    serial=7,
    certificate=b"\x30\x00",
    not_after=datetime.max,
)
HOSTILE_TEXTS = {
    "line end": "a\r\n[SERVER] FORGED",
    "ANSI": "\x1b[2J\x1b[31mred",
    "C1 control": "\x9b31m",
    "line separator": "a\u2028b\u2029c\x85d",
    "right to left": "a\u202eb\u2066c",
    "quotes": "\"' 200 - \\",
    "lone surrogate": "a\udcffb",
    "NUL and DEL": "a\x00b\x7fc",
}
"""What a peer may send to forge a line of the log."""
GET = b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n"


def post(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    """A POST of JSON, with more header lines where given."""
    lines = [
        b"POST /todo HTTP/1.1",
        b"Host: localhost",
        b"Content-Type: application/json",
        b"Content-Length: %d" % (len(body) if length is None else length),
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*rest: bytes, headers: Iterable[bytes] = ()) -> bytes:
    """A POST of JSON whose body is what ``rest`` says, framing included."""
    lines = [
        b"POST /todo HTTP/1.1",
        b"Host: localhost",
        b"Content-Type: application/json",
        b"Transfer-Encoding: chunked",
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(rest)


def new_app() -> TodoApp:
    return TodoApp(store=MemoryStore(), policy=certificate_required)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close"

    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


class Client:
    """A raw client: bytes out, answers in, read by rules of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, bodiless: bool = False) -> Answer:
        """The next answer; ``bodiless`` for those to HEAD."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
        version, status, phrase = status_line.split(" ", 2)
        assert version == "HTTP/1.1" and phrase
        headers: dict[str, str] = {}
        for line in lines:
            name, value = line.split(": ", 1)
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value
        length = int(headers.get("content-length", "0"))
        body = b"" if bodiless else await self.reader.readexactly(length)
        return Answer(int(status), headers, body)

    async def ask(self, data: bytes) -> Answer:
        await self.send(data)
        return await self.answer()

    async def at_end(self) -> bool:
        """Waits for the server to end the connection; False where bytes come before that."""
        return await self.reader.read() == b""

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


class TcpStream:
    """The ByteStream that the service sees, over asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def pending(self) -> bool:
        return False

    async def read(self, max_bytes: int = 65536) -> bytes:
        return await self._reader.read(max_bytes)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def end(self) -> None:
        """What a listener does at the end: shut the write side, drain, close."""
        try:
            self._writer.write_eof()
            while await self._reader.read(65536):
                pass
            self._writer.close()
            await self._writer.wait_closed()
        except OSError:
            self._writer.close()


class Service:
    """A running service; ``ended`` tells how often ``serve_http`` has returned."""

    def __init__(self, port: int, closing: ShutdownSignal) -> None:
        self.port = port
        self.closing = closing
        self.ended = asyncio.Semaphore(0)
        self.clients: list[Client] = []

    async def connect(self) -> Client:
        """A new client, closed at the service's end where the test has not done so."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client


@asynccontextmanager
async def served(
    app: App | None = None,
    *,
    client: ClientIdentity | None = ALICE,
    limits: Limits | None = None,
) -> AsyncIterator[Service]:
    """A service on a free port; at the end nothing of it may be left, and nothing have failed."""
    app = app or new_app()
    limits = limits or Limits()
    closing = ShutdownSignal()
    failures: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context))

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = TcpStream(reader, writer)
        await serve_http(
            stream, client=client, peer="127.0.0.1", app=app, limits=limits, closing=closing
        )
        service.ended.release()
        await stream.end()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    service = Service(server.sockets[0].getsockname()[1], closing)
    try:
        yield service
    finally:
        closing.set()
        server.close()
        for opened in service.clients:
            opened.writer.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        _, late = await asyncio.wait(others, timeout=10) if others else (None, set())
        for task in late:
            task.cancel()
    assert not failures
    assert not late, "a connection outlived its service"


@dataclass
class ScriptedStream:
    """A stream in memory: gives ``chunks`` one a read, then ends, breaks or stays silent."""

    chunks: list[bytes]
    ending: str = "eof"  # or "reset", or "silence"
    stuck: bool = False  # writes are never taken
    written: list[bytes] = field(default_factory=list)

    @property
    def pending(self) -> bool:
        return bool(self.chunks)

    async def read(self, max_bytes: int = 65536) -> bytes:
        if self.chunks:
            chunk = self.chunks.pop(0)
            if len(chunk) > max_bytes:
                self.chunks.insert(0, chunk[max_bytes:])
            return chunk[:max_bytes]
        if self.ending == "reset":
            raise ConnectionResetError(104, "Connection reset by peer")
        if self.ending == "silence":
            await asyncio.Event().wait()
        return b""

    async def write(self, data: bytes) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.written.append(data)


async def serve_script(
    stream: ScriptedStream,
    *,
    app: App | None = None,
    client: ClientIdentity | None = ALICE,
    limits: Limits | None = None,
    closing: ShutdownSignal | None = None,
) -> list[int]:
    """Serves a script to its end; gives the status codes of what was written, one a write."""
    await serve_http(
        stream,
        client=client,
        peer="192.0.2.1",
        app=app or new_app(),
        limits=limits or Limits(),
        closing=closing or ShutdownSignal(),
    )
    return [int(data.split(b" ", 2)[1]) for data in stream.written]
