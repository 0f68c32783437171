"""A monitor with all that is behind it: beside a server, or beside the workers that share a board.

This module must not know options, signals or how processes are started. As ``exposition`` it is
imported only where needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from lab.serving.expirations import Expiration
from lab.serving.health import STOPPING, Health, HealthCheck
from lab.serving.lab_server import TodoServer
from lab.serving.metrics.board import Board
from lab.serving.metrics.counts import Row
from lab.serving.metrics.exposition import Exposition
from lab.serving.metrics.monitor_http import Monitor, MonitorApp


class Monitoring:
    """Made by one of the two functions below. Use ``open``, then ``close``."""

    def __init__(self, exposition: Exposition, health: HealthCheck) -> None:
        self._exposition = exposition
        self._found = health
        self._stopping = False
        self._monitor = Monitor(MonitorApp(health=self._health, metrics=exposition.text))

    def use(self, certificates: Iterable[Expiration]) -> None:
        """Tell from now on when these expire."""
        self._exposition.use_certificates(certificates)

    def stopping(self) -> None:
        """Tell from now on that the server stops."""
        self._stopping = True

    async def open(self, port: int, *, shared: bool = False) -> tuple[str, int]:
        """Listen, as ``Monitor.open`` does. Returns the address bound. Raises OSError."""
        return await self._monitor.open(port, shared=shared)

    async def close(self) -> None:
        """Let answers in flight finish, and let go of everything."""
        await self._monitor.close()

    async def _health(self) -> Health:
        return STOPPING if self._stopping else await self._found()


def beside_server(server: TodoServer, row: Row) -> Monitoring:
    """The monitor of a server in this process that counts in ``row``."""
    exposition = Exposition(
        (row,),
        connections=lambda: server.connections,
        tasks=lambda: len(asyncio.all_tasks()),
    )
    return Monitoring(exposition, server.health)


def beside_workers(rows: Sequence[Row], board: Board) -> Monitoring:
    """The monitor of workers that count in ``rows`` and write on ``board``."""
    exposition = Exposition(rows, connections=lambda: board.connections, tasks=lambda: board.tasks)
    return Monitoring(exposition, board.health)
