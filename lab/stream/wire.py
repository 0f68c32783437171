"""The bytes below TLS: one contract, for a connection accepted and for one dialled; bounded waits.

An accepted connection comes from ``asyncio.start_server`` as a pair of streams. A dialled one is
driven by the event loop's socket calls instead, because asyncio's transports close the socket on
the first failed write, and with it goes whatever the peer had still said. A refused client needs
those last words: they are the alert.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar

CHUNK = 65536
_HANDSHAKE = 4096  # bytes of a client's handshake, as a rule
_REQUEST = 2048  # bytes; what is no longer is given as it comes
_PIECE = 256
T = TypeVar("T")

if sys.version_info >= (3, 11):

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Await; raise TimeoutError after ``seconds``, None being without end.

        Python 3.11's ``wait_for`` would make a task of it, which costs two turns of the loop.
        """
        async with asyncio.timeout(seconds):
            return await awaitable

else:

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Await; raise TimeoutError after ``seconds``, None being without end.

        Before Python 3.12 ``wait_for`` loses a cancellation that comes in the turn of the event
        loop in which what is awaited ends.
        """
        task, is_over = asyncio.current_task(), False
        assert task is not None, "coroutines run in tasks"
        cancel = task.cancel

        def end() -> None:
            nonlocal is_over
            is_over = True
            cancel()

        timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, end)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if is_over:
                raise TimeoutError from None
            raise
        finally:
            if timer is not None:
                timer.cancel()


class Wire(Protocol):
    """A TCP connection. Bounded: at most CHUNK bytes a receive."""

    @property
    def pending(self) -> bool:
        """Whether bytes are here that ``receive`` has not returned."""
        ...

    async def receive(self) -> bytes:
        """Some bytes, or b"" once the peer has sent FIN. Raises ConnectionError on RST."""
        ...

    async def send(self, data: bytes) -> None:
        """Hand bytes on, within flow control. Raises ConnectionError."""
        ...

    def finish_sending(self) -> None:
        """Send FIN and keep reading. Does nothing on a connection already broken."""
        ...

    async def close(self, limit: float) -> None:
        """Let go of the connection, at once if all is sent, else after ``limit`` seconds.

        Never raises for what the peer did.
        """
        ...


class _broken_is_reset:
    """Make a ConnectionResetError of ETIMEDOUT, EHOSTUNREACH and the like: it is broken too."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, ConnectionError):
            raise ConnectionResetError(*error.args) from error


class AcceptedWire:
    """A connection from ``asyncio.start_server``.

    Behind what a handshake takes it gives few bytes at a time, and others have their turn in
    between: OpenSSL would process 2,400 KeyUpdates of 27 bytes in one call.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        transport: Any = writer.transport
        if hasattr(transport, "max_size"):  # uvloop's has none
            # asyncio's 256 KiB a receive are memory that the system maps and unmaps each time.
            transport.max_size = CHUNK
        self._heard = False
        self._rest = memoryview(b"")  # that was received, and is still to be given
        self._whole = _HANDSHAKE  # bytes that are given as they come

    @property
    def pending(self) -> bool:  # noqa: D102 - see Wire
        return bool(self._rest)

    @property
    def silent(self) -> bool:
        """Whether nothing of the peer has been received so far."""
        return not self._heard

    async def receive(self) -> bytes:  # noqa: D102 - see Wire
        if self._rest:
            await asyncio.sleep(0)
            size = _PIECE
        else:
            with _broken_is_reset():
                self._rest = memoryview(await self._reader.read(CHUNK))
            self._heard = True
            size = _REQUEST if len(self._rest) <= _REQUEST else max(self._whole, _PIECE)
        data, self._rest = bytes(self._rest[:size]), self._rest[size:]
        self._whole -= min(self._whole, len(data))
        return data

    async def send(self, data: bytes) -> None:  # noqa: D102 - see Wire
        if self._writer.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._writer.write(data)
        with _broken_is_reset():
            await self._writer.drain()

    def finish_sending(self) -> None:  # noqa: D102 - see Wire
        if not self._writer.is_closing():
            with contextlib.suppress(OSError):
                self._writer.write_eof()

    async def close(self, limit: float) -> None:  # noqa: D102 - see Wire
        self._writer.close()
        if self._writer.transport.get_write_buffer_size():
            await self._flush(limit)
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _flush(self, limit: float) -> None:
        """Wait until all is sent, and throw the rest away after ``limit`` seconds."""
        closed = asyncio.ensure_future(self._writer.wait_closed())
        try:
            await asyncio.wait((closed,), timeout=limit)
        finally:
            # A peer that does not read would keep what is unsent, and the socket, for ever.
            self._writer.transport.abort()
            with contextlib.suppress(OSError):
                await closed


class DialledWire:
    """A connection that we opened, on a non-blocking socket that this object owns.

    ``peer`` is the address, and the port, that it was opened to; of a Unix socket, its path and 0.
    """

    def __init__(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        self._socket = connection
        self.peer = peer
        self._loop = asyncio.get_running_loop()
        self._receiving: asyncio.Task[bytes] | None = None
        self._reset: ConnectionResetError | None = None
        self._ahead = b""

    @property
    def pending(self) -> bool:  # noqa: D102 - see Wire
        return bool(self._ahead)

    @property
    def local(self) -> tuple[str, int]:
        """This end's address and port, by which the other end knows the connection."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def unread(self, data: bytes) -> None:
        """Take back bytes that ``receive`` has returned: they are returned again, first."""
        self._ahead = data + self._ahead

    async def receive(self) -> bytes:  # noqa: D102 - see Wire
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        if self._receiving is None:
            receiving = self._loop.sock_recv(self._socket, CHUNK)
            self._receiving = self._loop.create_task(receiving)
        # Whoever waits here may be cancelled; the bytes are then for the next who asks.
        await asyncio.wait((self._receiving,))
        done, self._receiving = self._receiving, None
        with _broken_is_reset():
            data = done.result()
        if not data and self._reset is not None:
            raise self._reset
        return data

    async def send(self, data: bytes) -> None:  # noqa: D102 - see Wire
        try:
            with _broken_is_reset():
                await self._loop.sock_sendall(self._socket, data)
        except ConnectionResetError as error:
            # The system tells of a reset once: to whoever reads now it would look like FIN.
            self._reset = error
            raise

    def finish_sending(self) -> None:  # noqa: D102 - see Wire
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    async def close(self, limit: float) -> None:  # noqa: D102 - see Wire
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.wait((self._receiving,))
        self._socket.close()


def address_text(host: str, port: int) -> str:
    """``host:port``, with the brackets that RFC 3986 section 3.2.2 wants around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def dial(host: str, port: int) -> DialledWire:
    """Open a TCP connection; raises what ``open_connection`` raises."""
    return DialledWire(*await open_connection(host, port))


async def dial_unix(path: str) -> DialledWire:
    """Open a connection to a Unix socket. Raises OSError."""
    if sys.platform == "win32":
        raise OSError("this system has no Unix sockets for Python")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, path)
    except BaseException:
        connection.close()
        raise
    return DialledWire(connection, (path, 0))


async def open_connection(host: str, port: int) -> tuple[socket.socket, tuple[str, int]]:
    """Return a connected socket that does not block, and the address that it is connected to.

    It is opened by trying each address that the name has, in the resolver's order.

    Raises OSError: that of the last address tried, or ``socket.gaierror`` where the name has none.
    """
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # the resolver's, for what cannot be a host name
        raise OSError(f"{host!r} is no host name") from error
    last: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in addresses:
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:
            last = error
            continue
        try:
            connection.setblocking(False)
            # What a flight carries must leave at once, not wait for the last flight's ACK.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(connection, address)
        except OSError as error:
            connection.close()
            last = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection, (str(address[0]), int(address[1]))
    raise last
