"""The listener: TLS on each connection that is accepted, the service behind it, and an end.

Rules: a connection is one task, and whatever happens in it ends in it; nothing that a client does
reaches the loop's exception handler. ``close`` leaves no task and no socket behind, and turns
nobody away whom the system had already let in.

This module knows no route and no log format.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lab.http import log_entries
from lab.http.connection_hooks import LimitHooks
from lab.http.limits import Limit, Limits
from lab.http.shutdown_signal import ShutdownSignal
from lab.serving.accepting import Acceptor
from lab.serving.connection_slots import ConnectionSlots, Place
from lab.stream.observed_wire import ObserverFeed
from lab.stream.stream_errors import HandshakeTimedOut
from lab.stream.tls_stream import Linger, TlsStream
from lab.stream.wire import AcceptedWire, address_text
from lab.tls.events import Endpoint

_GONE = Linger(seconds=0.001, octets=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedConnection:
    """What the service is told of a connection.

    ``peer`` is the client's host; ``surplus`` that there is no place for it, which is to be said;
    ``closing`` is set when the connection must end soon.
    """

    peer: str
    surplus: bool
    closing: ShutdownSignal


Converse = Callable[[TlsStream, AcceptedConnection], Awaitable[None]]
"""What to do on a stream whose handshake is complete; it returns when the connection is to end."""

WatchFactory = Callable[[str], ObserverFeed]
"""Makes the watch of a new connection from the peer's address, as text."""


@dataclass(slots=True, eq=False)
class _OpenConnection:
    """A connection as a guest of the crowd, and its task."""

    wire: AcceptedWire
    peer: str
    port: int
    task: asyncio.Task[None]
    evicted: bool = False

    @property
    def silent(self) -> bool:
        return self.wire.silent

    def evict(self) -> None:
        self.evicted = True
        self.task.cancel()


class Listener:
    """A TLS server on one address. Use ``open``, then ``close``."""

    def __init__(
        self,
        context: ssl.SSLContext,
        converse: Converse,
        *,
        limits: Limits,
        watch: WatchFactory | None = None,
        observer: LimitHooks | None = None,
    ) -> None:
        self._context = context
        self._converse = converse
        self._limits = limits
        self._watch = watch
        self._observer = observer
        self._crowd = ConnectionSlots(limits)
        self._closing = ShutdownSignal()
        self._tasks: set[asyncio.Task[None]] = set()
        self._acceptor = Acceptor(self._accepted)

    async def open(self, host: str, port: int, *, shared: bool = False) -> tuple[str, int]:
        """Listen, as ``Acceptor.open`` does. Returns the address bound. Raises OSError."""
        return await self._acceptor.open(host, port, shared=shared)

    def use(self, context: ssl.SSLContext) -> None:
        """Take ``context`` for connections from now on; those there are keep theirs."""
        self._context = context

    @property
    def connections(self) -> int:
        """How many there are now."""
        return self._crowd.inside

    @property
    def accepting(self) -> bool:
        """Whether it listens."""
        return self._acceptor.accepting

    async def close(self, grace: float) -> None:
        """Stop accepting, let what is in flight finish within ``grace`` seconds, then cut."""
        self._closing.set()
        end = asyncio.get_running_loop().time() + grace
        await self._acceptor.close(grace)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=end - asyncio.get_running_loop().time())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peername = writer.get_extra_info("peername")
        try:
            if peername is None:  # gone before it could be asked
                writer.close()
            else:
                host, number = peername[:2]
                await self._place(_OpenConnection(AcceptedWire(reader, writer), host, number, task))
        except asyncio.CancelledError:
            # Only close() cancels, and it has waited; there is nobody left to tell.
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _place(self, connection: _OpenConnection) -> None:
        """Let a connection in if there is a place for it, and serve it to its end."""
        peer = connection.peer
        place = self._crowd.enter(connection)
        if place is not Place.SERVED:
            self._struck(Limit.MAX_CONNECTIONS, peer, place.value)
        if place is Place.NONE:
            await connection.wire.close(0)
            return
        try:
            visit = AcceptedConnection(
                peer=peer, surplus=place is Place.SURPLUS, closing=self._closing
            )
            await self._serve(connection, visit)
        except asyncio.CancelledError:
            if not connection.evicted or not _taken_back(connection.task):
                raise
            connection.wire.abort()
            self._struck(
                Limit.MAX_HANDSHAKES_PER_PEER, peer, f"closed: too many handshakes from {peer}"
            )
        finally:
            self._crowd.leave(connection)

    async def _serve(self, connection: _OpenConnection, visit: AcceptedConnection) -> None:
        peer = visit.peer
        stream = TlsStream(
            connection.wire,
            self._context,
            Endpoint.SERVER,
            watch=self._watch(address_text(peer, connection.port)) if self._watch else None,
        )
        try:
            await stream.handshake(self._limits.handshake_timeout)
            # One that failed stays on probation until it is gone: it may linger for a while.
            self._crowd.known(connection)
            await self._converse(stream, visit)
        except HandshakeTimedOut:
            self._struck(
                Limit.HANDSHAKE_TIMEOUT, peer, "closed: the handshake was not completed in time"
            )
        except ConnectionError:
            pass  # whoever watches the stream was told
        except Exception as error:
            log_entries.write(log_entries.connection_failed(peer=peer), error=error)
        finally:
            gone = connection.evicted
            await stream.close(_GONE if gone else Linger(seconds=self._limits.discard_timeout))

    def _struck(self, limit: Limit, peer: str, done: str) -> None:
        if self._observer is not None:
            self._observer.limit_struck(limit)
        entry = log_entries.limit_struck(
            peer=peer, limit=limit.flag, value=self._limits.of(limit), done=done
        )
        log_entries.write(entry)


def _taken_back(task: asyncio.Task[None]) -> bool:
    """Take one cancellation back; tells whether it was the only one (as far as Python knows)."""
    return sys.version_info < (3, 11) or task.uncancel() == 0
