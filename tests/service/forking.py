"""A parent with forked workers, as ``--workers`` has it: run as a process of its own by the tests.

It forks two workers that count and write on the board; kills the second without a word and starts
it again; and prints, after each of its steps, what a monitor would say.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from lab.service.board import Board
from lab.service.exposition import Exposition
from lab.service.health import HealthStatus
from lab.service.limits import Limit
from lab.service.observing import AnsweredRequest
from lab.service.shared_metrics import shared_registry, worker_metrics


def work(folder: Path, board: Board, worker: int, requests: int, ready: int, alive: int) -> None:
    """Count, say so, and wait to be killed, or for the parent's end."""
    metrics = worker_metrics(folder, worker)
    for _ in range(requests):
        metrics.request_answered(AnsweredRequest(head=None, status=400, seconds=0.001))
    metrics.limit_struck(Limit.MAX_BODY)
    board.note(worker, HealthStatus.OK, requests)
    os.write(ready, b".")
    os.read(alive, 1)


def start(folder: Path, board: Board, worker: int, requests: int) -> int:
    """Fork a worker; its process id, once it has counted."""
    reading, writing = os.pipe()
    alive, ours = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(ours)
        try:
            work(folder, board, worker, requests, writing, alive)
        finally:
            os._exit(1)
    os.close(writing)
    os.close(alive)
    assert os.read(reading, 1) == b".", "the worker has died"
    os.close(reading)
    return pid


def end(pid: int) -> None:
    """What befalls a worker that the system kills."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def main() -> None:
    folder = Path(sys.argv[1])
    board = Board(2)
    exposition = Exposition(shared_registry(folder), lambda: board.connections)

    def tell() -> None:
        print(asyncio.run(board.health()).status.value)
        print(exposition.text().decode(), end="\f")

    tell()
    first = start(folder, board, 0, 3)
    second = start(folder, board, 1, 4)
    tell()
    end(second)
    board.clear(1)
    tell()
    second = start(folder, board, 1, 5)
    (folder / "counter_9.db").touch()  # a third has just begun to make its file
    tell()
    end(first)
    end(second)
    print(*sorted(path.name for path in folder.iterdir()))


if __name__ == "__main__":
    main()
