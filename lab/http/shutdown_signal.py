"""The server's end, told to all who wait for something else in the meantime.

This module must not know who waits, nor for what.
"""

from __future__ import annotations

from collections.abc import Callable


class ShutdownSignal:
    """Set once. Whoever asked to be told is called then.

    An ``asyncio.Event`` would take a task of each connection to wait for it: a twentieth of what a
    whole handshake takes.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._to_tell: set[Callable[[], None]] = set()

    def is_set(self) -> bool:
        """Whether the server is closing."""
        return self._is_set

    def set(self) -> None:
        """Say that it is."""
        self._is_set = True
        for tell in tuple(self._to_tell):
            tell()

    def tell(self, whom: Callable[[], None]) -> None:
        """Call ``whom`` at the time of ``set``, and never where that has passed."""
        self._to_tell.add(whom)

    def forget(self, whom: Callable[[], None]) -> None:
        """Call it no more."""
        self._to_tell.discard(whom)
