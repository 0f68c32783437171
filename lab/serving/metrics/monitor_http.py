"""The monitor: ``/healthz`` and ``/metrics`` over plain HTTP, on loopback and nowhere else.

It serves whoever can reach loopback, so it shows nothing secret and changes nothing. A request must
name a loopback host: a web page whose own name is made to point here (DNS rebinding) is of one
origin with what it asks for, and its Host field is what gives it away. A connection has one request
and a few seconds. Requests are logged at DEBUG only: who asks every few seconds would drown the
rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import h11

from lab.http import log_entries
from lab.http.message import (
    Refused,
    RequestHead,
    Response,
    encode,
    error_response,
    head_of,
    json_bytes,
    next_event,
)
from lab.serving.lab_server import Health
from lab.stream.wire import within

HOST = "127.0.0.1"
HEALTH = "/healthz"
METRICS = "/metrics"

# https://prometheus.io/docs/instrumenting/exposition_formats/
_TEXT = b"text/plain; version=0.0.4; charset=utf-8"
_METHODS = ("GET", "HEAD")
_ALLOW = ((b"Allow", b", ".join(method.encode() for method in _METHODS)),)
_NO_STORE = ((b"Cache-Control", b"no-store"),)
_HOSTS = ("localhost", HOST)
_MAX_CONNECTIONS = 32  # at a time; a scraper needs one
_SECONDS = 5.0  # for a connection, from its first byte to its last; the store may take 2 of them
_MAX_FIELDS = 100  # of a request's head
_GRACE = 3.0  # seconds for requests in flight, when the monitor closes
_LOG_INTERVAL = 60.0  # seconds from one log line about refused connections to the next


class Monitor:
    """A plain HTTP server on loopback. Use ``open``, then ``close``.

    It answers with the health that ``health`` finds, and the text that ``metrics`` makes.
    """

    def __init__(
        self, *, health: Callable[[], Awaitable[Health]], metrics: Callable[[], bytes]
    ) -> None:
        self._health = health
        self._metrics = metrics
        self._server: asyncio.Server | None = None
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self._silent_until = 0.0

    async def open(self, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address bound. Raises OSError."""
        self._server = await asyncio.start_server(self._accepted, HOST, port)
        host, number = self._server.sockets[0].getsockname()
        return host, number

    async def close(self) -> None:
        """Stop accepting, let requests in flight finish, and end every connection."""
        self._closing = True
        if self._server is not None:
            self._server.close()
        if self._answering:
            await asyncio.wait(self._answering, timeout=_GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        full = len(self._tasks) >= _MAX_CONNECTIONS
        if full or self._closing:
            writer.transport.abort()
            if full:
                self._log_full()
            return
        self._tasks.add(task)
        try:
            await within(_SECONDS, self._serve(reader, writer, task))
        except (OSError, asyncio.CancelledError):  # the peer's end, the time's, or by close()
            pass
        finally:
            self._tasks.discard(task)
            self._answering.discard(task)
            writer.transport.abort()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        """Answer one request, then wait for the peer to close."""
        http = h11.Connection(h11.SERVER)
        request = None
        try:
            request = await _read_head(http, reader)
            if request is None:
                return
            self._answering.add(task)
            response = await self._answer(head_of(request, None, max_fields=_MAX_FIELDS))
        except Refused as refused:
            response = refused.response
        _log_request(request, response)
        bodiless = request is not None and request.method == b"HEAD"
        writer.writelines(encode(http, response, keep=False, bodiless=bodiless))
        await writer.drain()
        writer.write_eof()
        self._answering.discard(task)
        while await reader.read(65536):  # a socket closed with unread bytes in it sends RST
            pass
        writer.close()
        await writer.wait_closed()

    async def _answer(self, head: RequestHead) -> Response:
        """Answer with 200, or about a server that cannot do its work with 503."""
        host = head.headers.get(b"host")
        # Without a Host field it is HTTP/1.0, which no browser speaks.
        if host is not None and _name(host) not in _HOSTS:
            return error_response(403, f"the Host header must name {' or '.join(_HOSTS)}")
        if head.path not in (HEALTH, METRICS):
            return error_response(404, f"not found; the paths here are {HEALTH} and {METRICS}")
        if head.method not in _METHODS:
            message = f"{head.path} does not support {head.method}, only {', '.join(_METHODS)}"
            return error_response(405, message, headers=_ALLOW)
        if head.path == METRICS:
            return Response(status=200, body=self._metrics(), media_type=_TEXT, headers=_NO_STORE)
        health = await self._health()
        return Response(
            status=200 if health.status == "ok" else 503,
            body=json_bytes({"status": health.status, "message": health.message}),
            headers=_NO_STORE,
        )

    def _log_full(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._silent_until:
            self._silent_until = now + _LOG_INTERVAL
            log_entries.write(
                "MONITOR FULL",
                f"{_MAX_CONNECTIONS} connections are open",
                "closing the new one",
                level=logging.WARNING,
                event="monitor_full",
                most=_MAX_CONNECTIONS,
            )


async def _read_head(http: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """Return a request's head, or None where the peer closed. Raises Refused."""
    while True:
        event = next_event(http)
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(65536))
        else:
            return event if isinstance(event, h11.Request) else None


def _log_request(request: h11.Request | None, response: Response) -> None:
    parts = (request.method, request.target, b"HTTP/" + request.http_version) if request else ()
    log_entries.request(
        peer=f"{HOST} (monitor)",
        common_name=None,
        request_line=b" ".join(parts).decode("ascii"),
        status=response.status,
        level=logging.DEBUG,
    )


def _name(host: bytes) -> str:
    """Return the name in a valid Host field, without its port."""
    return host.decode("latin-1").partition(":")[0].lower()
