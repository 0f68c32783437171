"""A TCP front: it reads the start of a connection, chooses a server for it, and carries the bytes.

With it one address can behave as servers of several kinds: another one for each TLS version, for
each server name, or from some connection on.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from tests.support.serving import PATIENCE

PortChoice = Callable[[int, bytes], int | None]
"""Takes the number of the connection, from 0, and its first bytes; gives a port, None: reset it."""


@contextlib.contextmanager
def choosing_relay(choose: PortChoice) -> Iterator[int]:
    """The port of a front that listens inside the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, choose), daemon=True).start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, choose: PortChoice) -> None:
    number = 0
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_carry, args=(connection, number, choose), daemon=True).start()
            number += 1


def _carry(client: socket.socket, number: int, choose: PortChoice) -> None:
    with client, contextlib.suppress(OSError):
        client.settimeout(PATIENCE)
        first = client.recv(65536)
        port = choose(number, first)
        if port is None:
            # Closed with a lingering time of 0, TCP sends RST.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as server:
            server.sendall(first)
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join(PATIENCE)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
