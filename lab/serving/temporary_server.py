"""A lab server in this process for a limited time: on a free port of loopback, fully observed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.http.limits import Limits
from lab.pki.files.secret_files import write_private, write_public
from lab.pki.identity import Identity
from lab.serving.lab_server import TodoServer
from lab.stream.contexts import (
    ClientAuth,
    IdentityFiles,
    ServerTls,
    TlsVersion,
    server_contexts,
)
from lab.stream.wire import within
from lab.tls.events import Event, Fact, LocalFact
from lab.todo.application import Policy
from lab.tracing.event_buffer import EventBuffer

HOST = "127.0.0.1"
MOST_CONNECTIONS = 1000
"""How many connections a server keeps the events of."""
_CLOSE_TIMEOUT = 5.0


@dataclass(slots=True, eq=False)
class ObservedConnection:
    """One connection as the server saw it; an event sink.

    ``peer`` is the client's ``host:port``, ``buffer`` holds the events so far, ``closed`` is set
    once the server has closed the connection.
    """

    peer: str
    buffer: EventBuffer = field(default_factory=EventBuffer)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, event: Event) -> None:
        """Take one more event."""
        self.buffer(event)
        if isinstance(event, LocalFact) and event.fact is Fact.CLOSED:
            self.closed.set()


@dataclass(slots=True)
class TemporaryServer:
    """A running server and its last connections, in order of arrival."""

    port: int = 0
    connections: list[ObservedConnection] = field(default_factory=list)
    server: TodoServer | None = None

    def renew(self, tls: ServerTls) -> None:
        """Take other settings for connections from now on, as a reload does. Raises OSError."""
        assert self.server is not None
        self.server.renew(server_contexts(tls))

    @property
    def events(self) -> list[list[Event]]:
        """The events of each connection."""
        return [connection.buffer.events for connection in self.connections]

    async def events_of(self, peer: str) -> Sequence[Event]:
        """Return what the server saw of the connection from ``peer``, the client's ``host:port``.

        Waits until the server has closed its end, for at most a few seconds.
        """
        for connection in reversed(self.connections):
            if connection.peer == peer:
                with contextlib.suppress(TimeoutError):
                    await within(_CLOSE_TIMEOUT, connection.closed.wait())
                return connection.buffer.events
        return ()

    def sink(self, peer: str) -> ObservedConnection:
        """Return where the events of the next connection go."""
        del self.connections[: 1 - MOST_CONNECTIONS]
        self.connections.append(ObservedConnection(peer))
        return self.connections[-1]


@contextlib.asynccontextmanager
async def temporary_server(
    tls: ServerTls, *, limits: Limits | None = None, policy: Policy | None = None
) -> AsyncIterator[TemporaryServer]:
    """Run a server that listens inside the block. Behind it, all its connections are closed.

    Arguments and errors are those of ``TodoServer``.
    """
    running = TemporaryServer()
    server = TodoServer(tls, limits=limits, sink=running.sink, policy=policy)
    running.server = server
    try:
        _, running.port = await server.open(HOST, 0)
        yield running
    finally:
        await server.close()


def write_server_tls(
    folder: Path,
    identity: Identity,
    *,
    client_ca: bytes,
    crl: bytes | None = None,
    client_auth: ClientAuth = ClientAuth.REQUIRED,
    minimum: TlsVersion = TlsVersion.TLS12,
    maximum: TlsVersion = TlsVersion.TLS13,
) -> ServerTls:
    """Write the files of a server into ``folder``, and return its settings. Raises OSError.

    ``client_ca`` and ``crl`` are PEM. OpenSSL reads the files when the server's context is made;
    they may be removed afterwards.
    """
    pem, ca = folder / "server.pem", folder / "client-ca.crt"
    write_private(pem, identity.chain_pem() + identity.key_pem(), lasting=False)
    write_public(ca, client_ca, lasting=False)
    crl_path: Path | None = None
    if crl is not None:
        crl_path = folder / "crl.pem"
        write_public(crl_path, crl, lasting=False)
    return ServerTls(
        identity=IdentityFiles(certificate=pem, key=pem),
        client_ca=ca,
        crl=crl_path,
        client_auth=client_auth,
        minimum=minimum,
        maximum=maximum,
    )
