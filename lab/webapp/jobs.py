"""Work that a page starts: a few at a time, and what computes for long in a thread.

This module must not know what the work is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MOST_AT_ONCE = 4
_THREADS = MOST_AT_ONCE + 1  # one is left for what is looked at meanwhile


class TooManyJobs(Exception):
    """As many jobs run as may run at a time. Its message is for the user."""

    def __init__(self) -> None:
        super().__init__(
            f"{MOST_AT_ONCE} runs are in progress already; try again when one has ended"
        )


class Jobs:
    """Runs jobs, at most ``MOST_AT_ONCE`` at a time. ``close`` ends what waits."""

    def __init__(self) -> None:
        self._running = 0
        self._threads = ThreadPoolExecutor(_THREADS, "lab.web")

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Return what ``work`` returns, on this event loop. Raises TooManyJobs at once."""
        if self._running >= MOST_AT_ONCE:
            raise TooManyJobs
        self._running += 1
        try:
            return await work()
        finally:
            self._running -= 1

    async def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``function`` returns, in a thread. Raises TooManyJobs at once."""
        return await self.run(partial(self.in_thread, function, *args, **kwargs))

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what ``compute`` does inside of a job that runs already, or for little work."""
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """Let go of the threads; what runs in them ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
