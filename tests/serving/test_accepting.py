"""What asyncio's own accepting does, and what ours does instead."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys

import pytest

from lab.serving.accepting import Acceptor
from tests.support.serving import PATIENCE

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a system with POSIX sockets")


_STOCK = """
import asyncio, os, resource, socket

async def main():
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0, backlog=50)
    client = socket.socket()
    client.setblocking(False)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        while True:
            os.open(os.devnull, os.O_RDONLY)
    except OSError:
        client.connect_ex(server.sockets[0].getsockname())
    while not told:
        await asyncio.sleep(0)
    print(len(told))

asyncio.run(main())
"""


@posix
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="needs Python before 3.14, as far as known")
def test_stock_asyncio_complains_for_every_place_in_its_backlog() -> None:
    """One connection, no descriptor for it: the reason why accepting is done by hand here."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _STOCK],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert int(done.stdout) >= 50, done.stderr


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
