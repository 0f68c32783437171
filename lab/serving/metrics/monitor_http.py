"""The monitor: ``/healthz`` and ``/metrics`` over plain HTTP, on loopback and nowhere else.

Rules: it serves whoever can reach loopback, so it tells nothing secret and changes nothing. A
request must name a loopback host: a web page whose own name is made to point here (DNS rebinding)
is of one origin with what it asks for, and its Host field is what gives it away. The answers are
HTTP's by the service's own means, with bounds of their own; requests are journalled at DEBUG only,
or those who ask every few seconds would drown the rest. Whoever comes gets a place: where there is
none, who has waited longest without a word makes room, or nobody could see how the server is.

This module must not know what is counted, nor how the server's health is found out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from lab.http import log_entries
from lab.http.limits import (
    Interruption,
    Limits,
    WaitInterrupted,
    WaitTimer,
)
from lab.http.message import (
    RequestHead,
    Response,
    error_response,
    json_bytes,
)
from lab.http.server_connection import serve_http
from lab.http.shutdown_signal import ShutdownSignal
from lab.serving import server_log_entries
from lab.serving.health import HealthCheck, HealthStatus
from lab.stream.waiting import within
from lab.stream.wire import AcceptedWire

HOST = "127.0.0.1"
HEALTH = "/healthz"
METRICS = "/metrics"

# https://prometheus.io/docs/instrumenting/exposition_formats/
_TEXT = b"text/plain; version=0.0.4; charset=utf-8"
_METHODS = ("GET", "HEAD")
_ALLOW = ((b"Allow", b", ".join(method.encode() for method in _METHODS)),)
_NOT_KEPT = ((b"Cache-Control", b"no-store"),)
_HOSTS = ("localhost", HOST)
_MOST = 32  # connections at a time; a scraper needs one
_TOLD_FOR = 60.0  # seconds for which it is not told again that these are too few
_FIRST = 5.0  # seconds for a first byte: who connects has something to ask
_PEER = f"{HOST} (monitor)"  # as the journal shows whoever asks here
_GRACE = 3.0  # seconds for what is in flight, when the monitor closes
# Scrapers keep their connection from one scrape to the next; Prometheus, for five minutes.
_LIMITS = Limits(header_timeout=5.0, body_timeout=5.0, idle_timeout=360.0, discard_timeout=1.0)


class MonitorApp:
    """Answers with the health that ``health`` finds and the text that ``metrics`` makes."""

    def __init__(self, *, health: HealthCheck, metrics: Callable[[], bytes]) -> None:
        self._health = health
        self._metrics = metrics

    def refuse(self, head: RequestHead) -> Response | None:
        """Refuses for the host (403), path (404) or method (405)."""
        host = head.headers.get(b"host")
        # Without a Host field it is HTTP/1.0, which no browser speaks.
        if host is not None and _name(host) not in _HOSTS:
            return error_response(403, f"the Host header must name {' or '.join(_HOSTS)}")
        if head.path not in (HEALTH, METRICS):
            return error_response(404, f"not found; the paths here are {HEALTH} and {METRICS}")
        if head.method not in _METHODS:
            message = f"{head.path} does not support {head.method}, only {', '.join(_METHODS)}"
            return error_response(405, message, headers=_ALLOW)
        return None

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Answers with 200, or about a server that cannot do its work with 503."""
        if head.path == METRICS:
            return Response(status=200, body=self._metrics(), media_type=_TEXT, headers=_NOT_KEPT)
        health = await self._health()
        return Response(
            status=200 if health.status is HealthStatus.OK else 503,
            body=json_bytes({"status": health.status.value, "message": health.message}),
            headers=_NOT_KEPT,
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Guest:
    """A connection that has a place."""

    stream: _Plain
    task: asyncio.Task[None]

    @property
    def merit(self) -> tuple[bool, float]:
        """What it has done for its place: the least makes room."""
        return self.stream.spoken, self.stream.active


class Monitor:
    """A plain HTTP server on loopback for ``app``. Use ``open``, then ``close``."""

    def __init__(self, app: MonitorApp) -> None:
        self._app = app
        self._closing = ShutdownSignal()
        self._guests: set[_Guest] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._told_until = 0.0
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address bound. Raises OSError."""
        self._server = await asyncio.start_server(self._accepted, HOST, port)
        address = self._server.sockets[0].getsockname()
        return address[0], address[1]

    async def close(self) -> None:
        """Stop accepting, let answers in flight finish, and let go of everything."""
        self._closing.set()
        if self._server is not None:
            self._server.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._guests) >= _MOST:
            self._make_room()
        wire = AcceptedWire(reader, writer)
        guest = _Guest(stream=_Plain(wire, asyncio.get_running_loop().time), task=task)
        self._tasks.add(task)
        self._guests.add(guest)
        try:
            await self._serve(guest.stream, wire)
        except asyncio.CancelledError:  # to make room, or by close(), which has waited
            writer.transport.abort()
        finally:
            self._guests.discard(guest)
            self._tasks.discard(task)

    def _make_room(self) -> None:
        guest = min(self._guests, key=lambda each: each.merit)
        self._guests.discard(guest)
        guest.task.cancel()
        now = asyncio.get_running_loop().time()
        if now >= self._told_until:
            self._told_until = now + _TOLD_FOR
            log_entries.write(server_log_entries.monitor_full(most=_MOST))

    async def _serve(self, stream: _Plain, wire: AcceptedWire) -> None:
        try:
            if not await self._begun(stream):
                return
            await serve_http(
                stream,
                client=None,
                peer=_PEER,
                app=self._app,
                limits=_LIMITS,
                closing=self._closing,
                request_level=logging.DEBUG,
            )
            wire.finish_sending()
            with contextlib.suppress(ConnectionError, TimeoutError):
                await within(_LIMITS.discard_timeout, _drain(wire))
        finally:
            await wire.close(_LIMITS.discard_timeout)

    async def _begun(self, stream: _Plain) -> bool:
        """Whether the peer has something to say; once the monitor closes, HTTP finds that out."""
        timer = WaitTimer(closing=self._closing, tick=_FIRST)
        try:
            return self._closing.is_set() or await timer.wait(
                stream.begin(), deadline=timer.after(_FIRST), idle=True
            )
        except WaitInterrupted as interrupted:
            return interrupted.cause is Interruption.CLOSING
        except ConnectionError:
            return False
        finally:
            timer.stop()


class _Plain:
    """A wire as the byte stream that HTTP wants: without TLS, the one is the other.

    ``active`` is when something last went over it, on the ``clock``.
    """

    def __init__(self, wire: AcceptedWire, clock: Callable[[], float]) -> None:
        self._wire = wire
        self._clock = clock
        self._first = b""
        self.active = clock()

    @property
    def spoken(self) -> bool:
        """Whether the peer has said something."""
        return not self._wire.silent

    @property
    def pending(self) -> bool:
        return bool(self._first)  # no scraper sends ahead

    async def begin(self) -> bool:
        """Wait for the first bytes, which are kept for ``read``; tells whether there are any."""
        self._first = await self.read()
        return bool(self._first)

    async def read(self, max_bytes: int = 65536) -> bytes:
        first, self._first = self._first, b""
        data = first or await self._wire.receive()
        self.active = self._clock()
        return data

    async def write(self, data: bytes) -> None:
        await self._wire.send(data)
        self.active = self._clock()


async def _drain(wire: AcceptedWire) -> None:
    """Read on to the peer's end: a socket closed with unread bytes in it answers with RST."""
    while await wire.receive():
        pass


def _name(host: bytes) -> str:
    """The name of a valid Host field, without its port."""
    return host.decode("latin-1").partition(":")[0].lower()
