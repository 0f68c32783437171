"""A server of the lab's for a while: in this process, on a free port of loopback, and watched."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from lab.service.access import Policy
from lab.service.limits import Limits
from lab.service.todo_server import TodoServer
from lab.stream.contexts import ServerTls
from lab.tls.events import Event

HOST = "127.0.0.1"


@dataclass(slots=True)
class OwnServer:
    """A server that runs; ``events`` has one list for each connection, in order of arrival."""

    port: int = 0
    events: list[list[Event]] = field(default_factory=list)

    def sink(self, peer: str) -> Callable[[Event], None]:
        """Where the events of the next connection go."""
        self.events.append([])
        return self.events[-1].append


@contextlib.asynccontextmanager
async def own_server(
    tls: ServerTls, *, limits: Limits | None = None, policy: Policy | None = None
) -> AsyncIterator[OwnServer]:
    """A server that listens inside the block. Behind it, all its connections are closed.

    Arguments and errors are those of ``TodoServer``.
    """
    own = OwnServer()
    server = TodoServer(tls, limits=limits, sink=own.sink, policy=policy)
    _, own.port = await server.open(HOST, 0)
    try:
        yield own
    finally:
        await server.close()
