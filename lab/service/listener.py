"""Accepting: one TCP connection after the other, TLS on each, the service behind it, and an end.

Rules: a connection is one task, and whatever happens in it ends in it; nothing that a client does
reaches the loop's exception handler. ``close`` leaves no task and no socket behind.

This module knows no route and no log format.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable

from lab.service.limits import Limits
from lab.stream.tls_stream import Linger, TlsStream
from lab.stream.watch import Watch
from lab.stream.wire import AcceptedWire, address_text
from lab.tls.events import Endpoint

Converse = Callable[[TlsStream, str, asyncio.Event], Awaitable[None]]
"""What to do on a stream whose handshake is complete: (stream, the peer's host, closing)."""

WatchFactory = Callable[[str], Watch]
"""Makes the watch of a new connection from the peer's address, as text."""

_log = logging.getLogger("lab.server")


class Listener:
    """A TLS server on one address. Use ``open``, then ``close``.

    ``converse`` serves a connection from the end of its handshake on; it returns when the
    connection is to be closed, and is told by the event that it is given when that must be soon.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        converse: Converse,
        *,
        limits: Limits,
        watch: WatchFactory | None = None,
    ) -> None:
        self._context = context
        self._converse = converse
        self._limits = limits
        self._watch = watch
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address bound. Raises OSError."""
        try:
            self._server = await asyncio.start_server(self._accepted, host, port)
        except UnicodeError as error:  # the resolver's, for what cannot be a host name
            raise OSError(f"{host!r} is no host name") from error
        address = self._server.sockets[0].getsockname()
        return address[0], address[1]

    def use(self, context: ssl.SSLContext) -> None:
        """Take ``context`` for connections from now on; those there are keep theirs."""
        self._context = context

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._tasks)

    @property
    def accepting(self) -> bool:
        """Whether it listens, and is not about to stop."""
        listens = self._server is not None and self._server.is_serving()
        return listens and not self.closing

    @property
    def closing(self) -> bool:
        """Whether ``close`` has been called."""
        return self._closing.is_set()

    async def close(self, grace: float) -> None:
        """Stop accepting, let what is in flight finish within ``grace`` seconds, then cut."""
        if self._server is not None:
            self._server.close()
        self._closing.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            # Only close() cancels, and it has waited; there is nobody left to tell.
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peername = writer.get_extra_info("peername")
        if peername is None:  # gone before it could be asked
            writer.close()
            return
        host, port = peername[0], peername[1]
        stream = TlsStream(
            AcceptedWire(reader, writer),
            self._context,
            Endpoint.SERVER,
            watch=self._watch(address_text(host, port)) if self._watch else None,
        )
        try:
            with contextlib.suppress(ConnectionError):
                await stream.handshake(self._limits.handshake_timeout)
                await self._converse(stream, host, self._closing)
        except Exception:
            _log.exception("FAULT | peer=%s | the server's own, not the client's", host)
        finally:
            await stream.close(Linger(seconds=self._limits.discard_timeout))
