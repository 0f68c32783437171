"""A TLS client taken apart: each step of it can be left out, cut in pieces, or replaced by a lie.

Rules: plain sockets, and OpenSSL between two memory BIOs; nothing of ``lab.stream``, which is under
attack here. ``sealed`` and ``flight`` give bytes without sending them; what is sent is the
caller's choice. Every wait is bounded by PATIENCE: a server that keeps a client for ever fails the
test.

This module must not know pytest: scripts/soak.py uses it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lab.stream.contexts import (
    ClientTls,
    IdentityFiles,
    TlsVersion,
    client_context,
)

T = TypeVar("T")
HOST = "127.0.0.1"
PATIENCE = 60.0  # seconds until a wait has failed; nothing waits for them to pass
GET = b"GET /todo HTTP/1.1\r\nHost: localhost\r\n\r\n"
_CHUNK = 65536
_AT_ONCE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # struct linger


def post(task: str) -> bytes:
    """A POST of one item."""
    body = json.dumps({"task": task}).encode()
    head = "POST /todo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class End(enum.Enum):
    """How the server ended a connection."""

    FIN = "closed"
    RESET = "reset"


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it announces the end of its connection."""
        return self.headers.get("connection") == "close"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A server to attack, and the contexts of clients that it lets in and that it refuses.

    ``certs`` is the folder that all of them have their certificates from.
    """

    port: int
    certs: Path
    trusted: Mapping[TlsVersion, ssl.SSLContext]
    nameless: Mapping[TlsVersion, ssl.SSLContext]


def target(port: int, certs: Path) -> Target:
    """The server at ``port`` that has its certificate from ``certs``."""
    files = IdentityFiles(certificate=certs / "client.crt", key=certs / "client.key")

    def context(version: TlsVersion, identity: IdentityFiles | None) -> ssl.SSLContext:
        return client_context(
            ClientTls(
                server_ca=certs / "ca.crt", identity=identity, minimum=version, maximum=version
            )
        )

    return Target(
        port=port,
        certs=certs,
        trusted={version: context(version, files) for version in TlsVersion},
        nameless={version: context(version, None) for version in TlsVersion},
    )


async def within_patience(waiting: Awaitable[T]) -> T:
    """Awaits, and fails where that takes for ever."""
    return await asyncio.wait_for(waiting, PATIENCE)


def records(data: bytes) -> list[bytes]:
    """TLS records, each with its header; the last one is what there is of it."""
    found = []
    while data:
        size = 5 + int.from_bytes(data[3:5], "big")
        found.append(data[:size])
        data = data[size:]
    return found


def are_whole_records(data: bytes) -> bool:
    """Whether ``data`` is TLS records of known types from the first byte to the last."""
    return all(
        len(each) >= 5
        and len(each) == 5 + int.from_bytes(each[3:5], "big")
        and each[0] in (20, 21, 22, 23)
        and each[1] == 3
        for each in records(data)
    )


class Peer:
    """One connection of one client. Use ``connect``, then ``close`` or ``reset``.

    With a ``context`` there is a TLS client on it, which has not spoken yet.
    """

    def __init__(
        self,
        connection: socket.socket,
        context: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        connection.setblocking(False)
        # As many segments as there are sends.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        if context is not None:
            self._tls = context.wrap_bio(
                self._incoming, self._outgoing, server_hostname="localhost", session=session
            )
        self._plain = b""

    @classmethod
    async def connect(
        cls,
        port: int,
        context: ssl.SSLContext | None = None,
        *,
        session: ssl.SSLSession | None = None,
        receive_buffer: int | None = None,
        source: str | None = None,
    ) -> Peer:
        """Connect. Raises OSError.

        ``source`` is the address to come from; on Linux, all of 127.0.0.0/8 is this host.
        """
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            peer = cls(connection, context, session)
            if receive_buffer is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source is not None:
                connection.bind((source, 0))
            await within_patience(peer._loop.sock_connect(connection, (HOST, port)))
        except BaseException:
            connection.close()
            raise
        return peer

    # TCP.

    async def send(self, data: bytes) -> None:
        """Send bytes as they are. Raises OSError."""
        await within_patience(self._loop.sock_sendall(self._socket, data))

    async def receive(self) -> bytes:
        """Bytes as they come, b"" at FIN. Raises OSError."""
        return await within_patience(self._loop.sock_recv(self._socket, _CHUNK))

    async def everything(self) -> tuple[bytes, End]:
        """What the server still sends, as it is, and how it ended the connection."""
        parts = []
        try:
            while part := await self.receive():
                parts.append(part)
        except ConnectionError:
            return b"".join(parts), End.RESET
        return b"".join(parts), End.FIN

    def finish_sending(self) -> None:
        """Send FIN."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Let go of the connection by RST, whatever lies in its buffers."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._socket.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    # TLS.

    @property
    def tls(self) -> ssl.SSLObject:
        """OpenSSL's view."""
        assert self._tls is not None, "this peer has no TLS"
        return self._tls

    def flight(self) -> bytes:
        """The bytes of the next step of the handshake; b"" where there is nothing to say.

        Raises ``ssl.SSLError`` where OpenSSL gives up; its alert is then in the next flight.
        """
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._outgoing.read()

    def take(self, data: bytes) -> None:
        """Give OpenSSL bytes of the server, b"" being its FIN."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def answer_flight(self) -> bytes:
        """Read the server's flight; the bytes of the client's answer to it. Raises OSError."""
        while not (said := self.flight()):
            self.take(await self.receive())
        return said

    async def handshake(self) -> None:
        """Complete the handshake. Raises OSError (``ssl.SSLError`` is one)."""
        await self._pump(self.tls.do_handshake)

    def sealed(self, data: bytes) -> bytes:
        """``data`` in records, under the connection's keys."""
        self.tls.write(data)
        return self._outgoing.read()

    async def write(self, data: bytes) -> None:
        """Send ``data`` protected. Raises OSError."""
        await self.send(self.sealed(data))

    async def read(self) -> bytes:
        """Some plaintext, b"" at close_notify. Raises OSError; an alert is an ``ssl.SSLError``."""
        try:
            return await self._pump(lambda: self.tls.read(_CHUNK))
        except ssl.SSLZeroReturnError:
            return b""

    async def answer(self) -> Answer:
        """The next response. Raises EOFError where the connection ends instead, or OSError."""
        while b"\r\n\r\n" not in self._plain:
            await self._read_on()
        head, _, self._plain = self._plain.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._plain) < length:
            await self._read_on()
        body, self._plain = self._plain[:length], self._plain[length:]
        return Answer(int(status_line.split(" ")[1]), headers, body)

    async def ask(self, request: bytes) -> Answer:
        """The response to ``request``. Raises as ``answer``."""
        await self.write(request)
        return await self.answer()

    async def at_end(self) -> bool:
        """Whether close_notify comes next, and no data before it. Raises OSError."""
        return not self._plain and not await self.read()

    async def verdict(self) -> str:
        """What a client is told in the end: OpenSSL's name of the alert, or how it was cut off.

        Data on the way is read over. "" is close_notify.
        """
        try:
            while await self.read():
                pass
        except ssl.SSLError as error:
            return error.reason or type(error).__name__
        except ConnectionError as error:
            return type(error).__name__
        return ""

    def goodbye(self) -> bytes:
        """The bytes of close_notify."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        return self._outgoing.read()

    async def leave(self) -> None:
        """Part in order: close_notify, FIN, the server's own, and the end of the socket."""
        try:
            await self.send(self.goodbye())
            self.finish_sending()
            await self.everything()
        except ConnectionError:
            pass  # the server was first
        finally:
            self.close()

    async def _read_on(self) -> None:
        data = await self.read()
        if not data:
            raise EOFError("the server ended the connection before its answer")
        self._plain += data

    async def _pump(self, step: Callable[[], T]) -> T:
        """Do a step of OpenSSL's, with all the bytes that it wants. Raises OSError."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                self.take(await self.receive())
            except ssl.SSLError:
                await self._flush()
                raise
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            with contextlib.suppress(ConnectionError):
                # The server may have refused already; then what it said is there to read.
                await self.send(data)
