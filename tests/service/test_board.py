"""The board that workers share: what a monitor reads of them, and of those that are silent."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from lab.service.board import FRESH, Board, keep_noting
from lab.service.health import HEALTHY, STOPPING, Health, HealthStatus


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_healthy_once_every_worker_has_said_so() -> None:
    board = Board(2)
    assert (await board.health()).message == "worker 0 does not answer"
    board.note(0, HealthStatus.OK, 3)
    assert (await board.health()).message == "worker 1 does not answer"
    board.note(1, HealthStatus.OK, 4)
    assert await board.health() == HEALTHY
    assert board.connections == 7
    board.close()


async def test_a_worker_that_falls_silent() -> None:
    clock = Clock()
    board = Board(2, clock=clock)
    board.note(0, HealthStatus.OK, 0)
    clock.now += FRESH
    board.note(1, HealthStatus.OK, 0)
    assert await board.health() == HEALTHY
    clock.now += 0.5
    found = await board.health()
    assert found.status is HealthStatus.WORKER_SILENT
    assert found.message == "worker 0 does not answer"
    board.close()


@pytest.mark.parametrize("status", [each for each in HealthStatus if each is not HealthStatus.OK])
async def test_a_worker_that_is_not_well(status: HealthStatus) -> None:
    board = Board(2)
    board.note(0, HealthStatus.OK, 0)
    board.note(1, status, 0)
    found = await board.health()
    assert found.status is status
    assert found.message.startswith("worker 1 ")
    board.close()


async def test_a_worker_that_has_ended_is_forgotten_with_its_connections() -> None:
    board = Board(2)
    board.note(0, HealthStatus.OK, 3)
    board.note(1, HealthStatus.OK, 4)
    board.clear(1)
    assert (await board.health()).status is HealthStatus.WORKER_SILENT
    assert board.connections == 3
    board.close()


async def test_a_worker_notes_on_and_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.service.board.INTERVAL", 0.001)
    board = Board(1)
    healths = [HEALTHY, STOPPING]
    stopped = asyncio.Event()

    async def health() -> Health:
        if len(healths) > 1:
            return healths.pop(0)
        stopped.set()
        return healths[0]

    task = asyncio.create_task(keep_noting(board, 0, health, lambda: 5))
    await asyncio.wait_for(stopped.wait(), 20)
    while (await board.health()).status is HealthStatus.OK:
        await asyncio.sleep(0)
    assert (await board.health()).message == "worker 0 is stopping"
    assert board.connections == 5
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    board.close()
