"""A server that says what a test has written down, one answer for each thing that it is sent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.serving import PATIENCE


@contextmanager
def answering(*answers: bytes, greets: bool = True) -> Iterator[int]:
    """A port of loopback at which each connection gets ``answers``, then the end of TCP.

    With ``greets`` the first is said unasked.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.settimeout(PATIENCE)
                    for number, answer in enumerate(answers):
                        if number or not greets:
                            connection.recv(4096)
                        connection.sendall(answer)
                    connection.recv(4096)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)
