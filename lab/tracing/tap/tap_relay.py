"""The relay of a tap: the bytes of one TCP connection to another and back, and both their ends.

Rules: each end sees what it would see without the relay: the same bytes, FIN as FIN while the other
direction goes on, RST as RST. Bytes are passed on before they are shown. Of either direction no
more than ``CHUNK`` is held that has not been passed on, so that a slow end slows the other.

This module must not know what the bytes are.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
import sys
import time
from typing import NoReturn, Protocol

from lab.stream.wire import CHUNK
from lab.tls.events import Endpoint, StreamEnd

if sys.platform == "linux":
    import fcntl
    import termios

# How often an end that is not read from is asked whether it has sent RST, in seconds.
_CHECK = 1.0
# How long a peer may take to acknowledge what is under way to it before it is sent RST, which
# would overtake that: the last words are often the alert.
_LAST_WORDS = 1.0
_STEP = 0.01
_RESETS = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT, errno.ECONNABORTED})


class _Over(Exception):
    """One end has sent RST: the connection is over for both."""


class PassingBytes(Protocol):
    """Takes what passes, with times of ``time.monotonic``."""

    def sent(self, sender: Endpoint, data: bytes, time: float) -> None:
        """Take the next bytes that ``sender`` sent."""
        ...

    def ended(self, sender: Endpoint, end: StreamEnd, time: float) -> None:
        """Take that TCP ended for what ``sender`` sends."""
        ...


class Relay:
    """Relays between ``client`` and ``server``, connected sockets that it closes at the end.

    ``first`` are bytes of the client that have been read from its socket already, ``said`` those of
    the server.
    """

    def __init__(
        self, client: socket.socket, server: socket.socket, first: bytes = b"", said: bytes = b""
    ) -> None:
        self._sockets = {Endpoint.CLIENT: client, Endpoint.SERVER: server}
        self._ahead = {Endpoint.CLIENT: first, Endpoint.SERVER: said}
        self._loop = asyncio.get_running_loop()
        self._directions: dict[Endpoint, asyncio.Task[None]] = {}
        self._open = set(Endpoint)  # whose direction has not ended
        self._unwritable: set[Endpoint] = set()
        self._reset = False
        for end in self._sockets.values():
            prepare(end)

    async def run(self, sink: PassingBytes) -> None:
        """Relay until both directions have ended, and show it to ``sink``.

        Cancelled, it resets both ends.
        """
        self._sink = sink
        for sender in Endpoint:
            self._directions[sender] = self._loop.create_task(self._carry(sender))
        directions = self._directions.values()
        try:
            done, _ = await asyncio.wait(directions, return_when=asyncio.FIRST_EXCEPTION)
            for direction in done:
                with contextlib.suppress(_Over):
                    direction.result()
        except asyncio.CancelledError:
            self._reset = True
            raise
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            self._close()

    def _close(self) -> None:
        for end in self._sockets.values():
            if self._reset:
                reset(end)
            else:
                end.close()

    async def _carry(self, sender: Endpoint) -> None:
        """Pass on what ``sender`` sends, to its end. Raises _Over."""
        source = self._sockets[sender]
        while True:
            try:
                data = await self._receive(sender)
            except OSError:
                await self._was_reset(sender)
            now = time.monotonic()
            if not data:
                break
            rest = self._pass_on(sender.other, data)
            self._sink.sent(sender, data, now)
            if rest and sender.other not in self._unwritable:
                await self._wait_for(sender, rest)
            if self._unwritable - self._open:
                await self._was_reset(sender.other)
            await asyncio.sleep(0)  # others have their turn, however fast this one is
        if sender in self._unwritable:
            await self._was_reset(sender)  # the system has told of it, and does so once
        self._open.discard(sender)
        self._sink.ended(sender, StreamEnd.FIN, now)
        with contextlib.suppress(OSError):
            self._sockets[sender.other].shutdown(socket.SHUT_WR)
        while self._open:  # nobody reads from this end any more
            await asyncio.wait((self._directions[sender.other],), timeout=_CHECK)
            if self._open and _has_failed(source):
                await self._was_reset(sender)

    async def _receive(self, sender: Endpoint) -> bytes:
        if ahead := self._ahead[sender]:
            self._ahead[sender] = b""
            return ahead
        return await self._loop.sock_recv(self._sockets[sender], CHUNK)

    def _pass_on(self, receiver: Endpoint, data: bytes) -> bytes:
        """Send what can be sent at once; return the rest.

        Where sending fails, what the receiver has still said is read first, then how it ended.
        """
        try:
            return data[self._sockets[receiver].send(data) :]
        except (BlockingIOError, InterruptedError):
            return data
        except OSError:
            self._unwritable.add(receiver)
            return b""

    async def _wait_for(self, sender: Endpoint, data: bytes) -> None:
        """Send to an end that takes its time. Raises _Over where the sender is reset meanwhile."""
        receiver = sender.other
        sending = self._loop.create_task(self._loop.sock_sendall(self._sockets[receiver], data))
        try:
            while not sending.done():
                await asyncio.wait((sending,), timeout=_CHECK)
                if not sending.done() and _has_failed(self._sockets[sender]):
                    await self._was_reset(sender)
            sending.result()
        except OSError:
            self._unwritable.add(receiver)
        finally:
            sending.cancel()

    async def _was_reset(self, sender: Endpoint) -> NoReturn:
        """End the connection, as ``sender`` has done. Raises _Over."""
        if self._reset:
            raise _Over
        now = time.monotonic()
        self._open.clear()
        self._reset = True
        self._sink.ended(sender, StreamEnd.RESET, now)
        self._show_what_is_left(sender.other)
        await _flushed(self._sockets[sender.other])
        raise _Over

    def _show_what_is_left(self, other: Endpoint) -> None:
        """Show what the other end had sent already, and nobody will get."""
        with contextlib.suppress(OSError):
            if data := self._sockets[other].recv(CHUNK):
                self._sink.sent(other, data, time.monotonic())


def prepare(end: socket.socket) -> None:
    """Make a socket fit for relaying: what it sends leaves at once, and a lost peer is noticed."""
    end.setblocking(False)
    with contextlib.suppress(OSError):  # of one that has been reset, on some systems
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def reset(end: socket.socket) -> None:
    """Close a socket by RST."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def _has_failed(end: socket.socket) -> bool:
    """Tell whether an end has sent RST, or is lost; to be asked where nobody reads from it."""
    return end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in _RESETS


async def _flushed(end: socket.socket) -> None:
    """Wait until a peer has acknowledged what was sent to it, for a bounded time."""
    if sys.platform != "linux":
        return
    for _ in range(round(_LAST_WORDS / _STEP)):
        try:
            (unacknowledged,) = struct.unpack("i", fcntl.ioctl(end, termios.TIOCOUTQ, bytes(4)))
        except OSError:
            return
        if not unacknowledged:
            return
        await asyncio.sleep(_STEP)
