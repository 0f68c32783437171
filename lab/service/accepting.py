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
import os
import socket
from collections.abc import Awaitable, Callable

from lab.service import journal

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Serves one connection to its end. Becomes a task."""

_BACKLOG = 1024  # who may wait to be accepted; beyond it, Linux loses connections without a word
_AT_ONCE = 32  # connections accepted before the loop does something else
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

        A ``shared`` port can be listened on by several processes of this user (SO_REUSEPORT).
        """
        try:
            self._server = await asyncio.start_server(
                self._serve, host, port, reuse_port=shared or None, start_serving=False
            )
        except UnicodeError as error:  # the resolver's, for what cannot be a host name
            raise OSError(f"{host!r} is no host name") from error
        address = self._server.sockets[0].getsockname()
        try:
            for bound in self._server.sockets:
                # The same socket under another number, which is ours to listen with and to close.
                again = socket.fromfd(bound.fileno(), bound.family, bound.type)
                self._listening.append(again)
                again.setblocking(False)
                again.listen(_BACKLOG)
            self._start()
        except NotImplementedError:  # Windows' loop lets nobody else accept
            self._let_go()
            await self._server.start_serving()
        except OSError:
            self._let_go()
            self._server.close()
            raise
        return address[0], address[1]

    async def close(self) -> None:
        """Take in who waits, and listen no more. What was accepted goes on."""
        if self._server is None:
            return
        for listening in self._listening:
            self._stop(listening)
            while self._accept(listening):
                pass
            if listening in self._pauses:  # there were no descriptors for them
                self._pauses.pop(listening).cancel()
        self._let_go()
        self._server.close()
        while self._arriving:
            await asyncio.wait(self._arriving)
        await asyncio.sleep(0)  # a task that was made takes its first step in the next turn
        await self._server.wait_closed()

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
        for _ in range(_AT_ONCE):
            if not self._accept(listening):
                return

    def _accept(self, listening: socket.socket) -> bool:
        """Accept a connection; tells whether there was one."""
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:  # no descriptors, no memory: it may be better in a while
            journal.write(journal.not_accepting(reason=os.strerror(error.errno or 0)))
            self._pause(listening)
            return False
        task = asyncio.get_running_loop().create_task(self._take_in(connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)
        return True

    def _pause(self, listening: socket.socket) -> None:
        if listening in self._pauses:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        self._pauses[listening] = loop.call_later(_PAUSE, self._resume, listening)

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
        """What ``asyncio.start_server`` makes for each connection."""
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)
