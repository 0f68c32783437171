"""Waiting for the wish to stop: Ctrl+C, or SIGTERM, on every system."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set, instead of ending the process.

    Windows' event loop has no ``add_signal_handler``; there, Python's own handler wakes the loop.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    by_loop = True
    for number in numbers:
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:
            by_loop = False
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        yield stop
    finally:
        for number in numbers:
            if by_loop:
                loop.remove_signal_handler(number)
            signal.signal(number, before[number])
