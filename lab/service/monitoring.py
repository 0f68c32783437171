"""A monitor with all that is behind it: beside a server, or beside the workers that share a board.

This module must not know options, signals or how processes are started. As ``metrics`` it is
imported only where needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lab.service.board import Board
from lab.service.expiry import Expiry
from lab.service.exposition import Exposition
from lab.service.health import STOPPING, Health, HealthCheck
from lab.service.metrics import Metrics
from lab.service.monitor import Monitor, MonitorApp
from lab.service.shared_metrics import shared_registry
from lab.service.todo_server import TodoServer


class Monitoring:
    """Made by one of the two functions below. Use ``open``, then ``close``."""

    def __init__(self, exposition: Exposition, health: HealthCheck) -> None:
        self._exposition = exposition
        self._found = health
        self._stopping = False
        self._monitor = Monitor(MonitorApp(health=self._health, metrics=exposition.text))

    def use(self, certificates: Iterable[Expiry]) -> None:
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


def beside_server(server: TodoServer, metrics: Metrics) -> Monitoring:
    """The monitor of a server in this process; ``metrics`` is the server's observer."""
    exposition = Exposition(metrics.registry, lambda: server.connections)
    return Monitoring(exposition, server.health)


def beside_workers(folder: Path, board: Board) -> Monitoring:
    """The monitor of workers that count in ``folder`` and write on ``board``."""
    exposition = Exposition(shared_registry(folder), lambda: board.connections)
    return Monitoring(exposition, board.health)
