"""The lab's server for tests: in this process, on a free port of loopback."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from lab.http.limits import Limits
from lab.serving.temporary_server import TemporaryServer, temporary_server
from lab.stream.contexts import (
    ClientAuth,
    ClientTls,
    IdentityFiles,
    ServerTls,
    TlsVersion,
    client_context,
)

T = TypeVar("T")
PATIENCE = 20.0  # seconds until a test that hangs fails; nothing waits for it to pass


def server_tls(certs: Path, client_auth: ClientAuth = ClientAuth.REQUIRED) -> ServerTls:
    return ServerTls(
        identity=IdentityFiles(certificate=certs / "server.crt", key=certs / "server.key"),
        client_ca=certs / "ca.crt",
        client_auth=client_auth,
    )


def client_tls(
    certs: Path, *, identity: bool = True, version: TlsVersion | None = None
) -> ssl.SSLContext:
    files = IdentityFiles(certificate=certs / "client.crt", key=certs / "client.key")
    return client_context(
        ClientTls(
            server_ca=certs / "ca.crt",
            identity=files if identity else None,
            minimum=version or TlsVersion.TLS12,
            maximum=version or TlsVersion.TLS13,
        )
    )


@contextlib.asynccontextmanager
async def running(
    certs: Path,
    *,
    client_auth: ClientAuth = ClientAuth.REQUIRED,
    limits: Limits | None = None,
) -> AsyncIterator[TemporaryServer]:
    async with temporary_server(server_tls(certs, client_auth), limits=limits) as server:
        yield server


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work beside the event loop that serves it."""
    return await asyncio.wait_for(asyncio.to_thread(work), PATIENCE)


def blocking(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A blocking TLS connection; the handshake is still to do."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    return context.wrap_socket(
        connection,
        server_hostname="localhost",
        do_handshake_on_connect=False,
        suppress_ragged_eofs=False,  # an end without close_notify must show
    )


def get(port: int, context: ssl.SSLContext) -> bytes:
    """One GET /todo on a connection of its own; the whole response."""
    with blocking(port, context) as tls:
        tls.do_handshake()
        tls.sendall(b"GET /todo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        parts = []
        while part := tls.recv(65536):
            parts.append(part)
        return b"".join(parts)


def program(name: str, package: str) -> str:
    """The path of an installed program; skips the test where it is missing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed (Debian: apt install {package})")
    return path
