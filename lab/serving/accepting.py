"""Accepting: listening sockets on one address, and a pair of streams for each connection.

Rules: ``asyncio.start_server`` finds the addresses and binds; the accepting itself is done here,
where the loop lets us. asyncio's own, out of descriptors, complains once for every place in its
backlog, plans as many new tries, and trips over all of them if it is closed meanwhile. Here the
shortage is told in one line, and accepting pauses. Whoever waits in a socket's queue when it is to
be closed is taken in first: the system has told those clients that they are connected, and would
answer them with RST.

This module must not know what the streams are for.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from lab.http import log_entries
from lab.stream.wire import CountingReader

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Serves one connection to its end. Becomes a task."""

_BACKLOG = 1024  # who may wait to be accepted; beyond it, Linux loses connections without a word
_AT_ONCE = 32  # connections accepted before the loop does something else
_RETRY = 0.05  # seconds until the next try at the end
_PAUSE = 1.0  # seconds without accepting when the system can give no more


class Acceptor:
    """Accepts connections for ``serve``. Use ``open``, then ``close``."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._listening: list[socket.socket] = []
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._arriving: set[asyncio.Task[None]] = set()

    @property
    def accepting(self) -> bool:
        """Whether it listens."""
        return bool(self._listening) or (self._server is not None and self._server.is_serving())

    async def open(self, host: str, port: int, *, shared: bool = False) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address bound. Raises OSError.

        A ``shared`` port can be listened on by several processes of this user (SO_REUSEPORT). Where
        ``host`` has several addresses, the port is the same at all of them.
        """
        server = await self._bind(host, port, shared)
        address = server.sockets[0].getsockname()
        if any(each.getsockname()[1] != address[1] for each in server.sockets):
            server.close()
            server = await self._bind(host, address[1], shared)
        self._server = server
        try:
            for bound in server.sockets:
                # The same socket under another number, which is ours to listen with and to close.
                # With its protocol: asyncio sets TCP_NODELAY on what it knows to be TCP.
                again = socket.fromfd(bound.fileno(), bound.family, bound.type, bound.proto)
                self._listening.append(again)
                again.setblocking(False)
                again.listen(_BACKLOG)
            self._start()
        except NotImplementedError:  # Windows' loop lets nobody else accept
            self._let_go()
            await server.start_serving()
        except OSError:
            self._let_go()
            server.close()
            raise
        return address[0], address[1]

    async def _bind(self, host: str, port: int, shared: bool) -> asyncio.Server:
        try:
            server = await asyncio.start_server(
                self._serve, host, port, reuse_port=shared or None, start_serving=False
            )
        except UnicodeError as error:  # the resolver's, for what cannot be a host name
            raise OSError(f"{host!r} is no host name") from error
        if not server.sockets:
            # Before Python 3.12, asyncio passes over sockets that the system does not give.
            socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()  # raises what is wrong
            raise OSError(f"there is no socket to be had for {host}")
        return server

    async def close(self, grace: float) -> None:
        """Take in who waits, and listen no more. What was accepted goes on.

        Where the system gives no descriptors for them, it is tried again for ``grace`` seconds.
        """
        if self._server is None:
            return
        end = asyncio.get_running_loop().time() + grace
        for listening in self._listening:
            self._stop(listening)
            await self._take_all(listening, end)
        self._let_go()
        self._server.close()
        while self._arriving:
            await asyncio.wait(self._arriving)
        await asyncio.sleep(0)  # a task that was made takes its first step in the next turn
        await self._server.wait_closed()

    async def _take_all(self, listening: socket.socket, end: float) -> None:
        """Accept until nobody waits, or until ``end`` on the loop's clock."""
        told = False
        while True:
            try:
                while self._accept(listening):
                    pass
                return
            except OSError as error:
                if not told:
                    self._tell(error)
                told = True
                if asyncio.get_running_loop().time() >= end:
                    return
            await asyncio.sleep(_RETRY)  # connections end, as the server does

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            loop.add_reader(listening, self._readable, listening)

    def _stop(self, listening: socket.socket) -> None:
        if (pause := self._pauses.pop(listening, None)) is not None:
            pause.cancel()
        else:
            asyncio.get_running_loop().remove_reader(listening)

    def _let_go(self) -> None:
        for listening in self._listening:
            listening.close()
        self._listening = []

    def _readable(self, listening: socket.socket) -> None:
        """There are connections to be had."""
        try:
            for _ in range(_AT_ONCE):
                if not self._accept(listening):
                    return
        except OSError as error:
            self._tell(error)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listening)
            self._pauses[listening] = loop.call_later(_PAUSE, self._resume, listening)

    def _accept(self, listening: socket.socket) -> bool:
        """Accept a connection; tells whether there was one. Raises OSError for a shortage."""
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        task = asyncio.get_running_loop().create_task(self._take_in(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)
        return True

    def _tell(self, error: OSError) -> None:
        """No descriptors, no memory: it may be better in a while."""
        log_entries.write(log_entries.not_accepting(reason=error.strerror or str(error)))

    def _resume(self, listening: socket.socket) -> None:
        del self._pauses[listening]
        asyncio.get_running_loop().add_reader(listening, self._readable, listening)

    async def _take_in(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # gone already
            await loop.connect_accepted_socket(self._protocol, connection)
            return
        connection.close()

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        """What ``asyncio.start_server`` makes for each connection, but for the kind of reader."""
        return asyncio.StreamReaderProtocol(CountingReader(), self._serve)
