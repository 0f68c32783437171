"""How much of a server's time may go into telling what nobody waits for.

A handshake that was accepted is decoded for the log's sake alone, and decoding costs a good part
of what the handshake itself costs. One that a person makes should be told in full; of five hundred
a second, nobody reads the stages. So decoding has an allowance: a share of the time that passes.

This module must not know what is decoded.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

_SAVED = 40.0  # seconds whose share may be saved up for a burst


class Allowance:
    """A share of the time, to be spent. For one event loop.

    ``share`` is a number from 0 to 1; ``clock`` gives the seconds that pass, ``worked`` those that
    this thread has worked. What is not spent is saved up, to some hundred handshakes' worth where
    the share is a few thousandths; what one use spends beyond it is owed.
    """

    def __init__(
        self,
        share: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock = clock
        self._worked = worked
        self._share = share
        self._most = self._seconds = share * _SAVED
        self._asked = clock()

    @property
    def left(self) -> bool:
        """Whether there is anything left to spend."""
        now = self._clock()
        self._seconds = min(self._most, self._seconds + (now - self._asked) * self._share)
        self._asked = now
        return self._seconds > 0

    @contextlib.contextmanager
    def spent(self) -> Iterator[None]:
        """What this thread works inside the block is taken off; what it waits for is not."""
        began = self._worked()
        try:
            yield
        finally:
            self._seconds -= self._worked() - began
