"""TLS by the OpenSSL that ``cryptography`` brings, through pyOpenSSL: newer than most Pythons'."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from OpenSSL import SSL

from lab.pki.files.secret_files import temporary_pem
from lab.pki.identity import Identity


def require_openssl(major: int, minor: int) -> None:
    """Skip the test where that OpenSSL is older than this."""
    text = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()
    found = tuple(map(int, text.split()[1].split(".")[:2]))
    if found < (major, minor):
        pytest.skip(f"cryptography has {text}: install its wheel from PyPI, with {major}.{minor}")


def context(method: int, identity: Identity) -> SSL.Context:
    """Return a context that presents an identity."""
    made = SSL.Context(method)
    with temporary_pem(identity) as path:
        made.use_certificate_chain_file(str(path))
        made.use_privatekey_file(str(path))
    return made


@contextlib.contextmanager
def serving(server: SSL.Context) -> Iterator[int]:
    """Shake hands with one client after the other, answer its request, and close; the port."""

    def serve() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            with accepted:
                tls = SSL.Connection(server, accepted)
                tls.set_accept_state()
                with contextlib.suppress(SSL.Error, OSError):
                    tls.do_handshake()
                    tls.recv(4096)
                    tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    tls.shutdown()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # which ends accept()
            thread.join()
