"""What signals ask of a server: to stop (Ctrl+C, SIGTERM), and to load its files anew (SIGHUP)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
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


@contextmanager
def hangup_signal(reload: Callable[[], None], stop: asyncio.Event) -> Iterator[None]:
    """SIGHUP calls ``reload``, where the system has it (Windows has not).

    It also comes when a terminal is closed. A server that was started from that terminal would go
    on with nobody to see it, so then ``stop`` is set instead.
    """
    if sys.platform == "win32":
        yield
        return
    loop = asyncio.get_running_loop()
    terminals = [number for number in (0, 1, 2) if os.isatty(number)]

    def heed() -> None:
        # Of a terminal that is gone, no descriptor is a terminal's any more.
        if terminals and not any(map(os.isatty, terminals)):
            stop.set()
        else:
            reload()

    before = signal.getsignal(signal.SIGHUP)
    loop.add_signal_handler(signal.SIGHUP, heed)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)
