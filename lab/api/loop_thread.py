"""An event loop in a thread of its own, for callers that block.

The caller's thread may have a running loop (an async test, a notebook) or none: neither matters
here, and the caller's own loop and its policy are left alone.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LoopThread:
    """A running event loop. ``stop`` cancels what still runs on it, and ends the thread."""

    def __init__(self) -> None:
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, name="lab.api", daemon=True)
        self._thread.start()
        self._loop, self._stopping = self._started.result()

    def call(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run ``work`` on the loop; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """Cancel what runs, and wait until the thread has ended."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._hold())
        except Exception as error:
            if self._started.done():
                raise
            self._started.set_exception(error)  # no descriptors left for a loop

    async def _hold(self) -> None:
        stopping = asyncio.Event()
        self._started.set_result((asyncio.get_running_loop(), stopping))
        await stopping.wait()


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return the blocking form of ``function``, a coroutine function named ``…_async``."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        thread = LoopThread()
        try:
            return thread.call(function(*args, **kwargs)).result()
        finally:
            thread.stop()

    call.__name__ = function.__name__.removesuffix("_async")
    call.__qualname__ = call.__name__
    return call
