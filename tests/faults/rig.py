"""A server under siege: in this process, as the door makes it, with an honest client beside it.

What is asked of it at the end, always:
- the honest client was answered, and rightly;
- no task, no descriptor and, but for a stated bound, no memory is left once it has stopped;
- nothing reached the loop's exception handler, and nothing the log as a warning or a traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import tracemalloc
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.service import journal
from lab.service.limits import Limits
from lab.service.store import TodoStore
from lab.service.todo_server import TodoServer
from lab.show.log import TextFormatter
from lab.show.stages import StageLog
from lab.stream.allowance import Allowance
from lab.stream.contexts import TlsVersion
from tests.faults.honest import Honest, honest_beside
from tests.faults.peer import HOST, Target, target
from tests.serving import server_tls

# What a server may have kept when it has stopped: caches of the standard library, and of OpenSSL's
# binding. A connection that leaked would be some 20 KiB.
GROWTH = 512 * 1024

BOTH = pytest.mark.parametrize("version", TlsVersion, ids=lambda version: f"TLS{version.value}")


class Log(logging.Handler):
    """What the server logged, counted by each line's first word, and limits that struck by flag.

    The last lines are kept, to look at. Few of them: memory is counted, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(TextFormatter("SERVER"))
        self.words: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.lines: deque[str] = deque(maxlen=50)
        self.bad: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self.words[record.getMessage().partition(" ")[0]] += 1
        fields: Mapping[str, object] = getattr(record, "fields", {})
        if fields.get("event") == "limit":
            self.struck[str(fields["limit"])] += 1
        self.lines.append(line)
        if record.levelno >= logging.ERROR or record.exc_info or "Traceback" in line:
            self.bad.append(line)


@dataclass(frozen=True)
class Siege:
    """What a test needs to know of the server that it attacks.

    ``stop`` stops it, as a signal would; behind the block it is stopped anyway. Not the server
    itself: whoever held on to that would keep its context, and with it a descriptor.
    """

    stop: Callable[[], Awaitable[None]]
    target: Target
    honest: Honest
    log: Log

    @property
    def port(self) -> int:
        return self.target.port

    async def honest_goes_on(self) -> None:
        """Wait until the honest client has been answered a few times more."""
        enough = self.honest.answers + 20
        while self.honest.answers < enough and not self.honest.wrong:
            await asyncio.sleep(0.01)


def descriptors() -> int:
    """How many files and sockets this process holds; 0 where the system does not tell."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        if os.path.isdir(folder):
            return len(os.listdir(folder))
    return 0


@contextlib.contextmanager
def logged() -> Iterator[Log]:
    """All that the journal and asyncio log inside the block, and nobody else gets it."""
    log = Log()
    loggers = [journal.LOGGER, logging.getLogger("asyncio")]
    before = [(each.level, each.propagate) for each in loggers]
    for each in loggers:
        each.addHandler(log)
        each.setLevel(logging.INFO)
        each.propagate = False
    try:
        yield log
    finally:
        for each, (level, propagate) in zip(loggers, before, strict=True):
            each.removeHandler(log)
            each.setLevel(level)
            each.propagate = propagate


@contextlib.asynccontextmanager
async def besieged(
    certs: Path, *, limits: Limits | None = None, store: TodoStore | None = None
) -> AsyncIterator[Siege]:
    """A server to attack inside the block, which is stopped and judged behind it."""
    failures: list[str] = []
    # As text: a context would keep what failed alive, and memory is counted.
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failures.append(str(context))
    )
    with logged() as log:
        async with _serving(certs, None, None) as (_, port):
            # Once, so that what is made once is there before anything is counted.
            await Honest(target(port, certs)).one_round()
        log.words.clear()
        with _nothing_left():
            async with _serving(certs, limits, store) as (stop, port):
                aim = target(port, certs)
                async with honest_beside(aim) as honest:
                    yield Siege(stop, aim, honest, log)
            gc.collect()  # which is when an exception that no one asked for is told, too
            assert not failures, failures
    assert not honest.wrong, honest.wrong
    assert honest.answers > 0
    assert not log.bad, log.bad


@contextlib.asynccontextmanager
async def _serving(
    certs: Path, limits: Limits | None, store: TodoStore | None
) -> AsyncIterator[tuple[Callable[[], Awaitable[None]], int]]:
    """The server as the door makes it, its stage log included: how to stop it, and its port."""
    servers = [
        TodoServer(
            server_tls(certs),
            limits=limits,
            store=store,
            sink=lambda peer: StageLog(peer, journal.LOGGER),
            allowance=Allowance(0.003),
        )
    ]
    _, port = await servers[0].open(HOST, 0)

    async def stop() -> None:
        if servers:
            await servers.pop().close()

    try:
        yield stop, port
    finally:
        await stop()


@contextlib.contextmanager
def _nothing_left() -> Iterator[None]:
    """Checks that tasks, descriptors and memory are behind the block what they were before it."""
    gc.collect()
    tasks = asyncio.all_tasks()
    held = descriptors()
    tracemalloc.start()
    try:
        yield
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert asyncio.all_tasks() == tasks, "tasks outlived the server"
    assert descriptors() == held, "sockets outlived the server"
    assert grown < GROWTH, f"{grown} bytes are left"
