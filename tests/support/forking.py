"""A parent with forked workers, as ``--workers`` has it: run as a process of its own by the tests.

It forks two workers that count and write on the board; kills the second without a word and starts
it again; and prints, after each of its steps, what a monitor would say.
"""

from __future__ import annotations

import asyncio
import os
import signal

from lab.http.connection_hooks import AnsweredRequest
from lab.http.limits import Limit
from lab.serving.health import HealthStatus
from lab.serving.metrics.board import Board
from lab.serving.metrics.exposition import Exposition
from lab.serving.metrics.recorder import Metrics
from lab.serving.metrics.shared_counts import shared_rows

BOARD = Board(2)
ROWS = shared_rows(2)


def work(worker: int, requests: int, ready: int, alive: int) -> None:
    """Count, say so, and wait to be killed, or for the parent's end."""
    metrics = Metrics(ROWS[worker - 1])
    for _ in range(requests):
        metrics.request_answered(AnsweredRequest(head=None, status=400, seconds=0.001))
    metrics.limit_struck(Limit.MAX_BODY)
    BOARD.note(worker, HealthStatus.OK, connections=requests, tasks=requests * 2)
    os.write(ready, b".")
    os.read(alive, 1)


def start(worker: int, requests: int) -> int:
    """Fork a worker; its process id, once it has counted."""
    reading, writing = os.pipe()
    alive, ours = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(ours)
        try:
            work(worker, requests, writing, alive)
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
    exposition = Exposition(ROWS, connections=lambda: BOARD.connections, tasks=lambda: BOARD.tasks)

    def tell() -> None:
        print(asyncio.run(BOARD.health()).status.value)
        print(exposition.text().decode(), end="\f")

    tell()
    first = start(1, 3)
    second = start(2, 4)
    tell()
    end(second)
    BOARD.clear(2)
    tell()
    second = start(2, 5)
    tell()
    end(first)
    end(second)


if __name__ == "__main__":
    main()
