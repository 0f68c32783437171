"""The limits of one connection, and the wait that ends at one of them, or when the server closes.

Rules: every limit is here, in seconds or bytes, and nowhere else is a number of this kind written.

This module must not know HTTP or TLS, nor what is said to a client whose time is up.
"""

from __future__ import annotations

import asyncio
import enum
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import TypeVar

T = TypeVar("T")


class Limit(enum.Enum):
    """The limits that a client can meet; each value is the name of its field in ``Limits``."""

    HANDSHAKE_TIMEOUT = "handshake_timeout"
    HEADER_TIMEOUT = "header_timeout"
    BODY_TIMEOUT = "body_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    WRITE_TIMEOUT = "write_timeout"
    MAX_HEADER = "max_header"
    MAX_HEADER_FIELDS = "max_header_fields"
    MAX_BODY = "max_body"
    MAX_CONNECTIONS = "max_connections"
    MAX_HANDSHAKES_PER_PEER = "max_handshakes_per_peer"
    MAX_PIPELINED = "max_pipelined"

    @property
    def flag(self) -> str:
        """The command-line option that sets it."""
        return "--" + self.value.replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What clients may take. Times in seconds, sizes in bytes; all greater than zero.

    * ``handshake_timeout``: from the accepted TCP connection to the end of the TLS handshake, and
      for a certificate that is asked for after it.
    * ``header_timeout``: from the first byte of a request's head to its last.
    * ``body_timeout``: from the end of the head to the end of the body.
    * ``idle_timeout``: without a byte between two requests, or before the first.
    * ``write_timeout``: for the peer to take one response.
    * ``discard_timeout``: for reading away the body of a request that was refused for its size.
    * ``shutdown_timeout``: for requests in flight once the server stops.
    * ``farewell_timeout``: then, for the first request of a client that has just been let in.
    * ``surplus_timeout``: for a client that has no place to ask, and be told so.
    * ``max_header``: request line and header fields with their line ends; also any one line of
      chunk framing, and trailers.
    * ``max_header_fields``: number of header fields of one request.
    * ``max_body``: a request's body; as much again as ``max_header`` may be chunk framing.
    * ``max_discard``: what is read away of a body that was refused for its size.
    * ``max_connections``: open at a time, whoever they are from.
    * ``max_surplus``: on top of those, connections that are told so in HTTP before they end.
    * ``max_handshakes_per_peer``: connections of one address whose handshake is not complete.
    * ``max_items``: in the list; each may be as long as a body.
    * ``max_pipelined``: requests of one connection in a row that were sent before the answer to
      the one before them.
    """

    handshake_timeout: float = 10.0
    header_timeout: float = 10.0
    body_timeout: float = 20.0
    idle_timeout: float = 60.0
    write_timeout: float = 20.0
    discard_timeout: float = 2.0
    shutdown_timeout: float = 5.0
    farewell_timeout: float = 2.0
    surplus_timeout: float = 2.0
    max_header: int = 16 * 1024
    max_header_fields: int = 100
    max_body: int = 64 * 1024
    max_discard: int = 4 * 1024 * 1024
    max_connections: int = 800
    max_surplus: int = 50
    max_handshakes_per_peer: int = 500
    max_items: int = 1000
    max_pipelined: int = 100

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"limit {field.name} must be greater than zero")

    def of(self, limit: Limit) -> float:
        """Return the value of one limit, in its unit."""
        return float(getattr(self, limit.value))


class Interruption(enum.Enum):
    """Why a wait was ended early."""

    TIMED_OUT = "timed out"
    CLOSING = "server closing"


class WaitInterrupted(Exception):
    """A wait was ended early. ``cause`` says why."""

    def __init__(self, cause: Interruption) -> None:
        super().__init__(cause.value)
        self.cause = cause


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


class WaitTimer:
    """Ends waits of the task that creates it: at a deadline, or when ``closing`` is set.

    One timer serves the task for its whole life, and setting a deadline is one assignment: a timer
    of the event loop for each wait, as ``asyncio.timeout`` has it, took 8 % of the CPU of a
    keep-alive GET. The timer wakes at least every ``tick`` seconds, which must not be longer than
    the shortest time-out in use; so no deadline can lie before the next time it wakes. A wait is
    ended by cancelling the task inside it; what was awaited must stay usable after that. ``stop``
    must be called at the end.

    A cancellation from outside that comes in the same turn of the loop is kept from Python 3.11
    on; before, the wait ends as interrupted, and the task goes on to its end.
    """

    def __init__(self, *, closing: ShutdownSignal, tick: float) -> None:
        task = asyncio.current_task()
        assert task is not None, "a timer belongs to the task that creates it"
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._tick_seconds = tick
        self._deadline: float | None = None
        self._idle = False
        self._interruption: Interruption | None = None
        self._timer = self._loop.call_later(tick, self._tick)
        self._closing = closing
        closing.add_callback(self._on_closing)

    def after(self, seconds: float) -> float:
        """Return the deadline that lies ``seconds`` ahead, on the loop's clock."""
        return self._loop.time() + seconds

    async def wait(self, awaitable: Awaitable[T], *, deadline: float, idle: bool = False) -> T:
        """Return what ``awaitable`` gives.

        Raises WaitInterrupted at ``deadline`` or, where ``idle``, once ``closing`` is set.
        """
        self._deadline = deadline
        self._idle = idle
        try:
            return await awaitable
        except asyncio.CancelledError:
            cause, self._interruption = self._interruption, None
            if cause is None or (sys.version_info >= (3, 11) and self._task.uncancel() > 0):
                raise
            raise WaitInterrupted(cause) from None
        finally:
            self._deadline = None
            self._idle = False

    def stop(self) -> None:
        """Let go of the loop's timer and of the closing signal."""
        self._timer.cancel()
        self._closing.remove_callback(self._on_closing)

    def _tick(self) -> None:
        now = self._loop.time()
        wake = now + self._tick_seconds
        if self._deadline is not None:
            if now >= self._deadline:
                self._interrupt(Interruption.TIMED_OUT)
            else:
                wake = min(wake, self._deadline)
        self._timer = self._loop.call_at(wake, self._tick)

    def _on_closing(self) -> None:
        if self._idle:
            self._interrupt(Interruption.CLOSING)

    def _interrupt(self, cause: Interruption) -> None:
        self._deadline = None
        self._idle = False
        self._interruption = cause
        self._task.cancel()
