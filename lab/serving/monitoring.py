"""The monitor at the door: beside one server process, or a process of its own beside several.

Rules: what tells is imported only where a monitor is asked for, as it brings a library that takes
time to start, and memory. Workers count in memory that they share, and write how they are on a
board there; both are made before the first of them is forked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.serving.expirations import Expiration
from lab.serving.lab_server import TodoServer
from lab.serving.loop_errors import log_loop_errors
from lab.serving.metrics.board import Board, keep_noting
from lab.serving.metrics.counts import Row
from lab.serving.metrics.recorder import Metrics
from lab.serving.metrics.shared_counts import shared_rows
from lab.serving.reload import Reloader
from lab.serving.server_files import Loaded, ServerFiles
from lab.serving.signals import stop_signals
from lab.serving.workers import Member

if TYPE_CHECKING:
    from lab.serving.metrics.monitor import Monitoring


_LOOK = 0.05  # seconds between two looks at whether workers are gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Where workers tell the monitor, a member of their crew too, what they do.

    ``number`` is the monitor's own among the members; the workers' are those below it, from 1.
    """

    rows: tuple[Row, ...]
    board: Board
    number: int

    def forget(self, number: int) -> None:
        """A member has ended, whatever became of it."""
        if number < self.number:
            self.board.clear(number)


@contextlib.contextmanager
def shared(workers: int) -> Iterator[Shared]:
    """What ``workers`` workers and their monitor share, inside the block. Raises OSError."""
    board = Board(workers)
    try:
        yield Shared(rows=shared_rows(workers), board=board, number=workers + 1)
    finally:
        board.close()


def metrics_of_server() -> Metrics:
    """What a server counts with that has its monitor beside it."""
    return Metrics(Row())


def metrics_of_worker(shares: Shared, member: Member) -> Metrics:
    """What a worker counts with, for a monitor elsewhere."""
    return Metrics(shares.rows[member.number - 1])


@contextlib.asynccontextmanager
async def beside_server(
    server: TodoServer, metrics: Metrics, certificates: Iterable[Expiration]
) -> AsyncIterator[Monitoring]:
    """The monitor of a server in this process, to be opened inside the block."""
    from lab.serving.metrics import monitor

    made = monitor.beside_server(server, metrics.row)
    made.use(certificates)
    try:
        yield made
    finally:
        await made.close()


async def serve_workers_monitor(
    shares: Shared,
    member: Member,
    port: int,
    files: ServerFiles,
    kept: Loaded | None,
    *,
    grace: float,
    opening: AbstractContextManager[None],
) -> None:
    """The monitor of a crew, one of its members: serve until a signal says stop.

    Raises PkiError for what a file is, and what ``opening``, inside which its port is opened, makes
    of an OSError. From the signal on it tells that the server stops, until the workers are gone or
    ``grace`` seconds have passed.
    """
    from lab.serving.metrics import monitor

    loop = asyncio.get_running_loop()
    log_loop_errors(loop)
    made = monitor.beside_workers(shares.rows, shares.board)
    renewal = Reloader(files, silent=True)
    made.use(renewal.load(kept).expiries)
    with opening:
        await made.open(port, shared=True)
    with stop_signals() as stop, renewal.running(lambda loaded: made.use(loaded.expiries)):
        loop.add_reader(member.lifeline, stop.set)
        member.report()
        await stop.wait()
        loop.remove_reader(member.lifeline)
        made.stopping()
        end = loop.time() + grace
        while not shares.board.empty and loop.time() < end:
            await asyncio.sleep(_LOOK)
        await made.close()


@contextlib.asynccontextmanager
async def noted(server: TodoServer, shares: Shared, member: Member) -> AsyncIterator[None]:
    """Keep writing on the board, inside the block, how the server of a worker is."""
    worker = member.number
    notes = asyncio.create_task(
        keep_noting(shares.board, worker, server.health, lambda: server.connections)
    )
    try:
        yield
    finally:
        notes.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await notes
        shares.board.clear(worker)
