"""What asyncio's own accepting does, and what ours does instead."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys

import pytest

from lab.service.accepting import Acceptor
from tests.serving import PATIENCE

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a system with POSIX sockets")


class Hall:
    """An acceptor, and what it has accepted."""

    def __init__(self) -> None:
        self.acceptor = Acceptor(self._serve)
        self.no_delay: asyncio.Queue[int] = asyncio.Queue()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        connection = writer.get_extra_info("socket")
        no_delay = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        await writer.wait_closed()
        self.no_delay.put_nowait(no_delay)

    async def visit(self, address: str, port: int) -> int:
        """Whether the connection to it has TCP_NODELAY at the server's end; it is over then."""
        _, writer = await asyncio.open_connection(address, port)
        writer.close()
        await writer.wait_closed()
        return await asyncio.wait_for(self.no_delay.get(), PATIENCE)


async def test_small_packets_are_sent_at_once() -> None:
    """Or an answer of two records would wait for the client's delayed ACK."""
    hall = Hall()
    _, port = await hall.acceptor.open("127.0.0.1", 0)
    assert await hall.visit("127.0.0.1", port)
    await hall.acceptor.close(0)


async def test_all_addresses_of_a_host_have_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two(host: str, port: int, **_: object) -> list[object]:
        found = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*found, (address, port)) for address in ("127.0.0.1", "127.0.0.2")]

    hall = Hall()
    with monkeypatch.context() as patched:
        patched.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
        _, port = await hall.acceptor.open("two.test", 0)
    for address in ("127.0.0.1", "127.0.0.2"):
        assert await hall.visit(address, port)
    await hall.acceptor.close(0)


@posix
async def test_a_host_without_a_socket_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object, **__: object) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    acceptor = Acceptor(lambda _reader, _writer: asyncio.sleep(0))
    monkeypatch.setattr(socket, "socket", none)
    with pytest.raises(OSError):  # in words of the system's, or from Python 3.12 on of asyncio's
        await acceptor.open("127.0.0.1", 0)
