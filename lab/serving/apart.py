"""Work in a thread of its own, which nobody waits for when the process ends.

Rules: one piece of work runs at a time, in order. A thread that hangs in the system, as in a file
system whose server is gone, must not keep a process from ending; the executors of the standard
library, asyncio's own among them, join their threads at exit, so none of them is used here.

This module must not know what the work is.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class Apart:
    """A thread named ``name``, which begins with the first work. Stop it in the end."""

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises. Who is cancelled here stops waiting, and not the work.

        Only within one event loop.
        """
        if self._thread.ident is None:
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._work.put(partial(_answer, loop, future, work))
        return await future

    def stop(self) -> None:
        """Let the thread end, once it is done with its work; does not wait for that."""
        self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


def _answer(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], work: Callable[[], T]
) -> None:
    tell: Callable[[], None]
    try:
        tell = partial(future.set_result, work())
    except Exception as error:
        tell = partial(future.set_exception, error)
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_unless_done, future, tell)


def _unless_done(future: asyncio.Future[T], tell: Callable[[], None]) -> None:
    if not future.done():
        tell()
