"""Mutual TLS between a client and a server of one process, without sockets: what each end sends."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

from lab.stream.contexts import (
    ClientTls,
    IdentityFiles,
    ServerTls,
    TlsVersion,
    client_context,
    server_context,
)
from lab.tls.events import Endpoint


def contexts(certs: Path, version: TlsVersion) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of the client and of the server of a set, for one version."""
    ca = certs / "ca.crt"
    server = IdentityFiles(certificate=certs / "server.crt", key=certs / "server.key")
    client = IdentityFiles(certificate=certs / "client.crt", key=certs / "client.key")
    client_side = client_context(
        ClientTls(server_ca=ca, identity=client, minimum=version, maximum=version)
    )
    return client_side, server_context(ServerTls(identity=server, client_ca=ca))


class InMemoryConnection:
    """One connection; ``flights`` is what each end sent, in order."""

    def __init__(self, client_side: ssl.SSLContext, server_side: ssl.SSLContext) -> None:
        client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
        self._client = client_side.wrap_bio(client_in, client_out, server_hostname="localhost")
        server = server_side.wrap_bio(server_in, server_out, server_side=True)
        self._ends = (
            (Endpoint.CLIENT, self._client, client_out, server_in),
            (Endpoint.SERVER, server, server_out, client_in),
        )
        self.flights: list[tuple[Endpoint, bytes]] = []

    def handshake(self) -> None:
        """Do the handshake, until neither end has more to send."""
        moved = True
        while moved:
            moved = False
            for sender, end, out, other_in in self._ends:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                moved = self._carry(sender, out, other_in) or moved

    def close(self) -> None:
        """Read the tickets, and have both ends send close_notify."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._client.read()
        for sender, end, out, other_in in self._ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.unwrap()
            self._carry(sender, out, other_in)

    def _carry(self, sender: Endpoint, out: ssl.MemoryBIO, other_in: ssl.MemoryBIO) -> bool:
        if data := out.read():
            self.flights.append((sender, data))
            other_in.write(data)
        return bool(data)
