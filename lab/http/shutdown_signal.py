"""The signal that the server is about to close, for those who wait for something else meanwhile.

This module must not know who waits, nor for what.
"""

from __future__ import annotations

from collections.abc import Callable


class ShutdownSignal:
    """A flag that is set once, and calls back then.

    An ``asyncio.Event`` would take a task of each connection to wait for it: a twentieth of what a
    whole handshake takes.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._callbacks: set[Callable[[], None]] = set()

    def is_set(self) -> bool:
        """Return whether the server is closing."""
        return self._is_set

    def set(self) -> None:
        """Say that the server is closing, and call back."""
        self._is_set = True
        for callback in tuple(self._callbacks):
            callback()

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` at the time of ``set``, and never where that has passed."""
        self._callbacks.add(callback)

    def remove_callback(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` no more."""
        self._callbacks.discard(callback)
