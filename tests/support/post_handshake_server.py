"""A TLS 1.3 server that asks for a certificate after the handshake, for one path only (RFC 9846,
section 4.7.2), as servers do whose configuration requires it for a location."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.serving import PATIENCE

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@contextlib.contextmanager
def post_handshake_server(certs: Path, *, private: bytes = b"/private") -> Iterator[int]:
    """The port of such a server; it answers each path, and asks first where it is ``private``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "server.crt", certs / "server.key")
    context.load_verify_locations(certs / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    context.post_handshake_auth = True
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, context, private), daemon=True).start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, context: ssl.SSLContext, private: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            connection.settimeout(PATIENCE)
            threading.Thread(
                target=_serve, args=(connection, context, private), daemon=True
            ).start()


def _serve(connection: socket.socket, context: ssl.SSLContext, private: bytes) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)
    is_asked = False
    with connection, contextlib.suppress(OSError):
        while True:
            try:
                if b"GET " in (request := tls.read(65536)) and private in request.split()[1]:
                    tls.verify_client_post_handshake()
                    tls.do_handshake()
                    is_asked = True
                elif not is_asked:
                    tls.write(_ANSWER)
            except ssl.SSLWantReadError:
                if is_asked and tls.getpeercert(binary_form=True):
                    tls.write(_ANSWER)
                    is_asked = False
            except ssl.SSLError:
                connection.sendall(outgoing.read())
                return
            connection.sendall(outgoing.read())
            data = connection.recv(65536)
            if not data:
                return
            incoming.write(data)
