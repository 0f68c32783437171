"""The board that workers share: what a monitor reads of them, and of those that are silent."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from lab.serving.health import (
    HEALTHY,
    STOPPING,
    Health,
    HealthStatus,
)
from lab.serving.metrics.board import FRESH, Board, keep_noting


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_healthy_once_every_worker_has_said_so() -> None:
    board = Board(2)
    assert (await board.health()).message == "worker 1 does not answer"
    board.note(1, HealthStatus.OK, connections=3, tasks=6)
    assert (await board.health()).message == "worker 2 does not answer"
    board.note(2, HealthStatus.OK, connections=4, tasks=8)
    assert await board.health() == HEALTHY
    assert (board.connections, board.tasks) == (7, 14)
    board.close()


async def test_a_worker_that_falls_silent() -> None:
    clock = Clock()
    board = Board(2, clock=clock)
    board.note(1, HealthStatus.OK, connections=0, tasks=0)
    clock.now += FRESH
    board.note(2, HealthStatus.OK, connections=0, tasks=0)
    assert await board.health() == HEALTHY
    clock.now += 0.5
    found = await board.health()
    assert found.status is HealthStatus.WORKER_SILENT
    assert found.message == "worker 1 does not answer"
    board.close()


@pytest.mark.parametrize("status", [each for each in HealthStatus if each is not HealthStatus.OK])
async def test_a_worker_that_is_not_well(status: HealthStatus) -> None:
    board = Board(2)
    board.note(1, HealthStatus.OK, connections=0, tasks=0)
    board.note(2, status, connections=0, tasks=0)
    found = await board.health()
    assert found.status is status
    assert found.message.startswith("worker 2 ")
    board.close()


async def test_a_worker_that_has_ended_is_forgotten_with_its_connections() -> None:
    board = Board(2)
    board.note(1, HealthStatus.OK, connections=3, tasks=6)
    board.note(2, HealthStatus.OK, connections=4, tasks=8)
    board.clear(2)
    assert (await board.health()).status is HealthStatus.WORKER_SILENT
    assert board.connections == 3
    board.close()


async def test_a_worker_notes_on_and_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.serving.metrics.board.INTERVAL", 0.001)
    board = Board(1)
    healths = [HEALTHY, STOPPING]
    stopped = asyncio.Event()
    counted: list[int] = []

    async def health() -> Health:
        counted.append(len(asyncio.all_tasks()))
        if len(healths) > 1:
            return healths.pop(0)
        stopped.set()
        return healths[0]

    task = asyncio.create_task(keep_noting(board, 1, health, lambda: 5))
    await asyncio.wait_for(stopped.wait(), 20)
    while (await board.health()).status is HealthStatus.OK:
        await asyncio.sleep(0)
    assert (await board.health()).message == "worker 1 is stopping"
    assert board.connections == 5
    assert board.tasks == counted[-1]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    board.close()
