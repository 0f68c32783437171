"""A server under siege: in this process, as the door makes it, with an honest client beside it.

What is asked of it at the end, always:
- the honest client was answered, and rightly;
- once its clients have left, it has no task of theirs and, but for a stated bound, no memory;
- no task and no descriptor is left once it has stopped;
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
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import OutcomeJudge
from lab.http import log_entries
from lab.http.limits import Limits
from lab.serving.lab_server import TodoServer
from lab.show.text.server_log import StageLog, TextFormatter
from lab.stream.contexts import TlsVersion
from lab.todo.store import TodoStore
from tests.faults.honest import Honest, honest_beside
from tests.faults.peer import (
    HOST,
    Target,
    target,
    within_patience,
)
from tests.support.serving import server_tls

# What a server may keep, in bytes: items, caches of the standard library and of OpenSSL's binding,
# timers that were called off; and of each client, less than a connection in any form.
KEPT = 128 * 1024
KEPT_OF_EACH = 1024

BOTH = pytest.mark.parametrize("version", TlsVersion, ids=lambda version: f"TLS{version.value}")

LOOPS = pytest.mark.parametrize(
    "loop",
    [
        "asyncio",
        pytest.param(
            "uvloop",
            marks=[
                pytest.mark.skipif(find_spec("uvloop") is None, reason="needs uvloop"),
                pytest.mark.slow,
            ],
        ),
    ],
)


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

    Not the server itself: whoever held on to that would keep its context, and so a descriptor.
    """

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
    loggers = [log_entries.LOGGER, logging.getLogger("asyncio")]
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
    certs: Path,
    *,
    limits: Limits | None = None,
    store: TodoStore | None = None,
    clients: int = 0,
) -> AsyncIterator[Siege]:
    """A server to attack inside the block, which is stopped and judged behind it.

    ``clients`` is how many will attack, where they are too many for KEPT alone.
    """
    bound = KEPT + clients * KEPT_OF_EACH
    failures: list[str] = []
    # As text: a context would keep what failed alive, and memory is counted.
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failures.append(str(context))
    )
    with logged() as log:
        async with _serving(certs, None, None) as port:
            # Once, so that what is made once is there before anything is counted.
            await Honest(target(port, certs)).one_round()
        log.words.clear()
        # The loop may hold what it has just done, and with it the first server's context.
        await asyncio.sleep(0)
        with _nothing_left():
            async with _serving(certs, limits, store) as port:
                aim = target(port, certs)
                async with _nothing_kept(bound), honest_beside(aim) as honest:
                    yield Siege(aim, honest, log)
            gc.collect()  # which is when an exception that no one asked for is told, too
            assert not failures, failures
    assert not honest.wrong, honest.wrong
    assert honest.answers > 0
    assert not log.bad, log.bad


@contextlib.asynccontextmanager
async def _serving(
    certs: Path, limits: Limits | None, store: TodoStore | None
) -> AsyncIterator[int]:
    """The server as the door makes it, its stage log included; its port."""
    server = TodoServer(
        server_tls(certs),
        limits=limits,
        store=store,
        sink=partial(
            StageLog,
            logger=log_entries.LOGGER,
            judge=OutcomeJudge,
            explain=diagnose,
        ),
    )
    _, port = await server.open(HOST, 0)
    try:
        yield port
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def _nothing_kept(bound: int) -> AsyncIterator[None]:
    """Checks that a server that runs holds no more behind the block than before it, but ``bound``.

    By then all clients have left, and each connection's task ends by itself.
    """
    tasks = asyncio.all_tasks()
    gc.collect()
    memory = tracemalloc.get_traced_memory()[0]
    yield
    await within_patience(_ended(tasks))
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - memory
    assert grown < bound, f"the server keeps {grown} bytes of clients that have left"


async def _ended(others: set[asyncio.Task[object]]) -> None:
    """Waits for all tasks but this one and the ``others``."""
    while late := asyncio.all_tasks() - others - {asyncio.current_task()}:
        await asyncio.wait(late)


@contextlib.contextmanager
def _nothing_left() -> Iterator[None]:
    """Checks that tasks and descriptors are behind the block what they were before it."""
    gc.collect()
    tasks = asyncio.all_tasks()
    held = descriptors()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
    gc.collect()
    assert asyncio.all_tasks() == tasks, "tasks outlived the server"
    assert descriptors() == held, "sockets outlived the server"
