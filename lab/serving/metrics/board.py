"""A board in shared memory on which workers write how they are, and their monitor reads it.

Rules: it is made before the workers are forked, and lives in anonymous memory that they share; it
has one place for each worker, written by that worker alone, or by the parent while there is none.
A worker that hangs writes nothing, so what it wrote last grows old: silence is the sign, and no
worker has to admit anything. POSIX only, as forking is.

This module must not know processes, signals or sockets.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.serving.health import (
    HEALTHY,
    Health,
    HealthCheck,
    HealthStatus,
)

INTERVAL = 1.0
"""Seconds from one note of a worker to its next."""

FRESH = 5.0
"""Seconds for which a note counts. More than a busy worker's loop may take for one turn."""

# Seconds on the monotonic clock, which is one for all processes; status; connections; tasks.
_NOTE = struct.Struct("dqqq")
_STATUSES = tuple(HealthStatus)
_SENTENCES = {
    HealthStatus.STOPPING: "is stopping",
    HealthStatus.NOT_ACCEPTING: "does not listen",
    HealthStatus.STORE_UNAVAILABLE: "cannot use the store; the log says why",
    HealthStatus.WORKER_SILENT: "does not answer",
}


class Board:
    """Places for ``workers`` workers, numbered from 1. ``clock`` gives monotonic seconds."""

    def __init__(self, workers: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._numbers = range(1, workers + 1)
        self._clock = clock
        self._memory = mmap.mmap(-1, workers * _NOTE.size)

    def note(self, worker: int, status: HealthStatus, *, connections: int, tasks: int) -> None:
        """Write how ``worker`` is now, and how many connections and tasks it has."""
        self._write(worker, _NOTE.pack(self._clock(), _STATUSES.index(status), connections, tasks))

    def clear(self, worker: int) -> None:
        """Forget ``worker``: its process has ended."""
        self._write(worker, bytes(_NOTE.size))

    async def health(self) -> Health:
        """Healthy where every worker has said so a moment ago; else how the first other one is."""
        now = self._clock()
        for worker in self._numbers:
            note = self._read(worker)
            status = note.status
            if not note.written or now - note.written > FRESH:
                status = HealthStatus.WORKER_SILENT
            if status is not HealthStatus.OK:
                return Health(status=status, message=f"worker {worker} {_SENTENCES[status]}")
        return HEALTHY

    @property
    def connections(self) -> int:
        """How many all workers had open when they wrote last."""
        return sum(self._read(worker).connections for worker in self._numbers)

    @property
    def tasks(self) -> int:
        """How many tasks all workers had when they wrote last."""
        return sum(self._read(worker).tasks for worker in self._numbers)

    @property
    def empty(self) -> bool:
        """Whether there is no worker that has written and was not forgotten since."""
        return not any(self._read(worker).written for worker in self._numbers)

    def close(self) -> None:
        """Let go of the memory, in this process."""
        self._memory.close()

    def _write(self, worker: int, note: bytes) -> None:
        # One assignment: pack_into would clear the place first, and a reader could see that.
        start = (worker - 1) * _NOTE.size
        self._memory[start : start + _NOTE.size] = note

    def _read(self, worker: int) -> _Note:
        note = _NOTE.unpack_from(self._memory, (worker - 1) * _NOTE.size)
        written, status, connections, tasks = note
        return _Note(
            written=written, status=_STATUSES[status], connections=connections, tasks=tasks
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """What a worker wrote last, and when; ``written`` is 0 where none has."""

    written: float
    status: HealthStatus
    connections: int
    tasks: int


async def keep_noting(
    board: Board, worker: int, health: HealthCheck, connections: Callable[[], int]
) -> None:
    """Write on ``board`` how ``worker`` is, about once a second, until cancelled."""
    while True:
        found = await health()
        tasks = len(asyncio.all_tasks())
        board.note(worker, found.status, connections=connections(), tasks=tasks)
        await asyncio.sleep(INTERVAL)
