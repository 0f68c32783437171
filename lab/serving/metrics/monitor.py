"""A monitor with all that is behind it, beside a server.

This module must not know options, signals or how processes are started. As ``exposition`` it is
imported only where needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from lab.serving.expirations import Expiration
from lab.serving.health import HealthCheck
from lab.serving.lab_server import TodoServer
from lab.serving.metrics.counts import Row
from lab.serving.metrics.exposition import Exposition
from lab.serving.metrics.monitor_http import Monitor, MonitorApp


class Monitoring:
    """Made by ``beside_server``. Use ``open``, then ``close``."""

    def __init__(self, exposition: Exposition, health: HealthCheck) -> None:
        self._exposition = exposition
        self._monitor = Monitor(MonitorApp(health=health, metrics=exposition.text))

    def use(self, certificates: Iterable[Expiration]) -> None:
        """Tell from now on when these expire."""
        self._exposition.use_certificates(certificates)

    async def open(self, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address bound. Raises OSError."""
        return await self._monitor.open(port)

    async def close(self) -> None:
        """Let answers in flight finish, and let go of everything."""
        await self._monitor.close()


def beside_server(server: TodoServer, row: Row) -> Monitoring:
    """The monitor of a server in this process that counts in ``row``."""
    exposition = Exposition(
        (row,),
        connections=lambda: server.connections,
        tasks=lambda: len(asyncio.all_tasks()),
    )
    return Monitoring(exposition, server.health)
