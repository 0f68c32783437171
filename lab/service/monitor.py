"""The monitor: ``/healthz`` and ``/metrics`` over plain HTTP, on loopback and nowhere else.

Rules: it serves whoever can reach loopback, so it tells nothing secret and changes nothing. A
request must name a loopback host: a web page whose own name is made to point here (DNS rebinding)
is of one origin with what it asks for, and its Host field is what gives it away. The answers are
HTTP's by the service's own means, with bounds of their own; requests are journalled at DEBUG only,
or those who ask every few seconds would drown the rest.

This module must not know what is counted, nor how the server's health is found out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from lab.service import journal
from lab.service.accepting import Acceptor
from lab.service.closing import Closing
from lab.service.health import HealthCheck, HealthStatus
from lab.service.http import serve_http
from lab.service.limits import Limits
from lab.service.message import RequestHead, Response, error_response, json_bytes
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
            return error_response(403, f"ask for this by the name {' or '.join(_HOSTS)}")
        if head.path not in (HEALTH, METRICS):
            return error_response(404, f"there is nothing here but {HEALTH} and {METRICS}")
        if head.method not in _METHODS:
            message = f"{head.path} knows no {head.method}, only {', '.join(_METHODS)}"
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


class Monitor:
    """A plain HTTP server on loopback for ``app``. Use ``open``, then ``close``."""

    def __init__(self, app: MonitorApp) -> None:
        self._app = app
        self._closing = Closing()
        self._tasks: set[asyncio.Task[None]] = set()
        self._acceptor = Acceptor(self._accepted)

    async def open(self, port: int, *, shared: bool = False) -> tuple[str, int]:
        """Listen, as ``Acceptor.open`` does. Returns the address bound. Raises OSError."""
        return await self._acceptor.open(HOST, port, shared=shared)

    async def close(self) -> None:
        """Stop accepting, let answers in flight finish, and let go of everything."""
        self._closing.set()
        await self._acceptor.close(_GRACE)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._tasks) >= _MOST:
            journal.write(journal.monitor_full(most=_MOST))
            writer.close()
            return
        self._tasks.add(task)
        try:
            await self._serve(AcceptedWire(reader, writer))
        except asyncio.CancelledError:  # by close(), which has waited
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _serve(self, wire: AcceptedWire) -> None:
        try:
            await serve_http(
                _Plain(wire),
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


class _Plain:
    """A wire as the byte stream that HTTP wants: without TLS, the one is the other."""

    def __init__(self, wire: AcceptedWire) -> None:
        self._wire = wire

    @property
    def pending(self) -> bool:
        return False  # nothing is kept here, and no scraper sends ahead

    async def read(self, max_bytes: int = 65536) -> bytes:
        return await self._wire.receive()

    async def write(self, data: bytes) -> None:
        await self._wire.send(data)


async def _drain(wire: AcceptedWire) -> None:
    """Read on to the peer's end: a socket closed with unread bytes in it answers with RST."""
    while await wire.receive():
        pass


def _name(host: bytes) -> str:
    """The name of a valid Host field, without its port."""
    return host.decode("latin-1").partition(":")[0].lower()
