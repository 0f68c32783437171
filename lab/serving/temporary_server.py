"""A server of the lab's for a while: in this process, on a free port of loopback, and watched."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from lab.http.limits import Limits
from lab.serving.lab_server import TodoServer
from lab.stream.contexts import ServerTls
from lab.tls.events import Event
from lab.todo.access import Policy

HOST = "127.0.0.1"


@dataclass(slots=True)
class TemporaryServer:
    """A server that runs; ``events`` has one list for each connection, in order of arrival."""

    port: int = 0
    events: list[list[Event]] = field(default_factory=list)

    def sink(self, peer: str) -> Callable[[Event], None]:
        """Where the events of the next connection go."""
        self.events.append([])
        return self.events[-1].append


@contextlib.asynccontextmanager
async def temporary_server(
    tls: ServerTls, *, limits: Limits | None = None, policy: Policy | None = None
) -> AsyncIterator[TemporaryServer]:
    """A server that listens inside the block. Behind it, all its connections are closed.

    Arguments and errors are those of ``TodoServer``.
    """
    own = TemporaryServer()
    server = TodoServer(tls, limits=limits, sink=own.sink, policy=policy)
    _, own.port = await server.open(HOST, 0)
    try:
        yield own
    finally:
        await server.close()
