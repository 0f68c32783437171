"""How much of a server's time may go into telling what nobody waits for.

A handshake that was accepted is decoded for the log's sake alone, and decoding costs a good part
of what the handshake itself costs. One that a person makes should be told in full; of five hundred
a second, nobody reads the stages. So decoding has an allowance: a share of the time that passes.

This module must not know what is decoded.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_SAVED = 40.0  # seconds whose share may be saved up for a burst


class Allowance:
    """A share of the time, to be spent. For one event loop.

    ``share`` is a number from 0 to 1, ``clock`` gives seconds. What is not spent is saved up, to
    some hundred handshakes' worth where the share is a few thousandths; what is spent beyond it
    is owed.
    """

    def __init__(self, share: float, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._share = share
        self._most = self._seconds = share * _SAVED
        self._asked = clock()

    @property
    def left(self) -> bool:
        """Whether there is anything left to spend."""
        now = self.clock()
        self._seconds = min(self._most, self._seconds + (now - self._asked) * self._share)
        self._asked = now
        return self._seconds > 0

    def spend(self, seconds: float) -> None:
        """Take ``seconds`` off."""
        self._seconds -= seconds
