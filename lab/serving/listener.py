"""The listener: TLS on each connection that is accepted, the service behind it, and an end.

Rules: a connection is one task, and whatever happens in it ends in it; nothing that a client does
reaches the loop's exception handler. ``close`` leaves no task and no socket behind, and turns
nobody away whom the system had already let in.

This module knows no route and no log format.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import selectors
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from lab.http import log_entries
from lab.http.limits import Limit, Limits, ShutdownSignal
from lab.http.message import RequestHooks
from lab.stream.contexts import ServerContexts
from lab.stream.observed_wire import ObserverFeed
from lab.stream.on_demand_stream import accepted_stream
from lab.stream.tls_stream import HandshakeTimedOut, Linger, TlsStream
from lab.stream.wire import AcceptedWire, address_text
from lab.tls.escape import escaped

_AT_ONCE = 8  # connections that asyncio accepts before the loop does something else
_QUEUE = 1024  # who may wait to be accepted; beyond it, Linux drops connections silently
_TURNS = 3  # of the loop, in which asyncio hands on whom it has accepted
_NO_LINGER = Linger(seconds=0.001, octets=0)


class Slot(enum.Enum):
    """What is done for a connection."""

    SERVED = "served"
    SURPLUS = "too many connections: answering with HTTP 503"
    NONE = "closed: too many connections"


class SlotHolder(Protocol):
    """A connection, as far as its slot depends on it: ``peer`` is the address it comes from."""

    peer: str

    @property
    def silent(self) -> bool:
        """Whether it has sent nothing so far."""
        ...

    def evict(self) -> None:
        """Close it, to free its slot."""
        ...


class ConnectionSlots:
    """How many clients there may be: of all addresses, and of one in its handshake.

    A connection is given a slot or none, at once. A client that has not completed its handshake,
    be it under way or failed, has proved nothing, so where one address has too many of those, its
    newest takes the slot of its oldest: connections that stay silent cannot keep an honest client
    of the same address out. Those that have sent nothing are evicted first, or a burst of them
    would evict handshakes that are under way. Each is given to ``enter``, ``known``, ``leave``.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken = 0
        self._leaving: set[SlotHolder] = set()  # evicted, and no longer counted
        # Dictionaries keep the order in which their keys came.
        self._in_handshake: dict[str, dict[SlotHolder, None]] = {}

    @property
    def taken(self) -> int:
        """How many connections have a slot, those that are told 503 included."""
        return self._taken

    def enter(self, connection: SlotHolder) -> Slot:
        """Give a connection a slot; without one it is not counted, and must not ``leave``."""
        others = self._in_handshake.get(connection.peer, {})
        if len(others) >= self._limits.max_handshakes_per_peer:
            self._evict(next((other for other in others if other.silent), next(iter(others))))
        if self._taken >= self._limits.max_connections + self._limits.max_surplus:
            return Slot.NONE
        self._taken += 1
        self._in_handshake.setdefault(connection.peer, {})[connection] = None
        crowded = self._taken > self._limits.max_connections
        return Slot.SURPLUS if crowded else Slot.SERVED

    def _evict(self, connection: SlotHolder) -> None:
        """Close a connection. Its slot is free from now on, however long closing takes."""
        self._taken -= 1
        self._leaving.add(connection)
        self.known(connection)
        connection.evict()

    def known(self, connection: SlotHolder) -> None:
        """Note that a connection has completed its handshake, and is evicted no more."""
        others = self._in_handshake.get(connection.peer)
        if others is not None:
            others.pop(connection, None)
            if not others:
                del self._in_handshake[connection.peer]

    def leave(self, connection: SlotHolder) -> None:
        """Note that a connection is closed."""
        if connection in self._leaving:
            self._leaving.remove(connection)
        else:
            self._taken -= 1
            self.known(connection)


Converse = Callable[[TlsStream, str, bool, ShutdownSignal], Awaitable[None]]
"""What to do on a stream whose handshake is complete; it returns when the connection is to end.

It gets the client's host, whether it is surplus, so that there is no place for it, which is to be
said, and what is set when the connection must end soon.
"""

WatchFactory = Callable[[str], ObserverFeed]
"""Makes the watch of a new connection from the peer's address, as text."""


@dataclass(slots=True, eq=False)
class _OpenConnection:
    """A connection that takes a slot, and its task."""

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
        contexts: ServerContexts,
        converse: Converse,
        *,
        limits: Limits,
        watch: WatchFactory | None = None,
        hooks: RequestHooks | None = None,
    ) -> None:
        self._contexts = contexts
        self._converse = converse
        self._limits = limits
        self._watch = watch
        self._hooks = hooks
        self._slots = ConnectionSlots(limits)
        self._closing = ShutdownSignal()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int, *, reuse_port: bool = False) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address bound. Raises OSError.

        With ``reuse_port``, several processes of this user can listen on the port (SO_REUSEPORT).
        Where ``host`` has several addresses, the port is the same at all of them.
        """
        server = await self._bind(host, port, reuse_port)
        address = server.sockets[0].getsockname()
        if any(bound.getsockname()[1] != address[1] for bound in server.sockets):
            server.close()
            server = await self._bind(host, address[1], reuse_port)
        self._server = server
        await server.start_serving()
        for bound in server.sockets:
            # asyncio's ``backlog`` is both the queue of the system and what is accepted at once.
            with socket.fromfd(bound.fileno(), bound.family, bound.type) as listening:
                listening.listen(_QUEUE)
        return address[0], address[1]

    async def _bind(self, host: str, port: int, reuse_port: bool) -> asyncio.Server:
        try:
            server = await asyncio.start_server(
                self._connected,
                host,
                port,
                backlog=_AT_ONCE,
                reuse_port=reuse_port or None,
                start_serving=False,
            )
        except UnicodeError as error:  # the resolver's, for what cannot be a host name
            raise OSError(f"{host!r} is no host name") from error
        if not server.sockets:  # before Python 3.12, for an address family that the system lacks
            raise OSError(f"the system has no socket for {host}")
        return server

    def use(self, contexts: ServerContexts) -> None:
        """Take ``contexts`` for connections from now on; those there are keep theirs."""
        self._contexts = contexts

    @property
    def connections(self) -> int:
        """How many there are now."""
        return self._slots.taken

    @property
    def accepting(self) -> bool:
        """Whether it listens."""
        return self._server is not None and self._server.is_serving()

    async def close(self, grace: float) -> None:
        """Stop accepting, let what is in flight finish within ``grace`` seconds, then cut."""
        if self._server is None:
            return
        loop = asyncio.get_running_loop()
        end = loop.time() + grace
        self._closing.set()
        await self._empty_queue(self._server, end)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=end - loop.time())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _empty_queue(self, server: asyncio.Server, end: float) -> None:
        """Close the server once nobody waits to be accepted, or at ``end``.

        Who waits has been told by the system that it is connected, and would be reset. So would
        those be whom asyncio has accepted in the last turns and not handed on.
        """
        empty = 0
        while empty < _TURNS and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0)
            empty = 0 if any(map(_has_queue, server.sockets)) else empty + 1
        server.close()
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection, which asyncio has accepted, in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._accepted(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        peername = writer.get_extra_info("peername")
        if peername is None:  # gone before it could be asked
            writer.close()
            return
        peer, port = peername[:2]
        connection = _OpenConnection(AcceptedWire(reader, writer), peer, port, task)
        try:
            await self._place(connection)
        except asyncio.CancelledError:
            # By eviction, or by close(), which has waited: there is nobody left to tell.
            writer.transport.abort()
            if connection.evicted:
                self._struck(
                    Limit.MAX_HANDSHAKES_PER_PEER, peer, f"closed: too many handshakes from {peer}"
                )

    async def _place(self, connection: _OpenConnection) -> None:
        """Serve a connection to its end, if there is a slot for it."""
        slot = self._slots.enter(connection)
        if slot is not Slot.SERVED:
            self._struck(Limit.MAX_CONNECTIONS, connection.peer, slot.value)
        if slot is Slot.NONE:
            await connection.wire.close(0)
            return
        try:
            await self._serve(connection, surplus=slot is Slot.SURPLUS)
        finally:
            self._slots.leave(connection)

    async def _serve(self, connection: _OpenConnection, *, surplus: bool) -> None:
        peer = connection.peer
        stream = accepted_stream(
            connection.wire,
            self._contexts,
            feed=self._watch(address_text(peer, connection.port)) if self._watch else None,
        )
        try:
            await stream.handshake(self._limits.handshake_timeout)
            # One that failed is evicted first until it is gone: it may linger for a while.
            self._slots.known(connection)
            await self._converse(stream, peer, surplus, self._closing)
        except HandshakeTimedOut:
            self._struck(
                Limit.HANDSHAKE_TIMEOUT, peer, "closed: the handshake was not completed in time"
            )
        except ConnectionError:
            pass  # whoever watches the stream was told
        except Exception as error:
            log_entries.write(
                log_entries.INTERNAL_ERROR,
                f"peer={escaped(peer)}",
                "closing the connection",
                level=logging.ERROR,
                error=error,
                event="internal_error",
                peer=peer,
            )
        finally:
            linger = Linger(seconds=self._limits.discard_timeout)
            await stream.close(_NO_LINGER if connection.evicted else linger)

    def _struck(self, limit: Limit, peer: str, done: str) -> None:
        if self._hooks is not None:
            self._hooks.limit_struck(limit)
        log_entries.limit_reached(limit, self._limits, peer=peer, done=done)


def _has_queue(listening: socket.socket) -> bool:
    """Whether somebody waits to be accepted."""
    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        return bool(selector.select(0))
