"""The limits of one connection, and the wait that ends when one of them is reached.

Rules: every limit is here, in seconds or bytes, and nowhere else is a number of this kind written.

This module must not know HTTP or TLS, nor what is said to a client whose time is up.
"""

from __future__ import annotations

import asyncio
import enum
import sys
from collections.abc import Awaitable
from dataclasses import dataclass, fields
from typing import TypeVar

from lab.http.shutdown_signal import ShutdownSignal

T = TypeVar("T")


class Limit(enum.Enum):
    """The limits that a client can strike; each value is the name of its field in ``Limits``."""

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
        """The option by which a user sets it."""
        return "--" + self.value.replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What clients may take. Times in seconds, sizes in bytes; all greater than zero.

    * ``handshake_timeout``: from the accepted TCP connection to the end of the TLS handshake.
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
    max_pipelined: int = 100

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"limit {field.name} must be greater than zero")

    def of(self, limit: Limit) -> float:
        """The value of one limit, in its unit."""
        return float(getattr(self, limit.value))


class Interruption(enum.Enum):
    """Why a wait was ended before its time."""

    TIMED_OUT = "timed out"
    CLOSING = "server closing"


class WaitInterrupted(Exception):
    """A wait was ended before its time. ``cause`` says why."""

    def __init__(self, cause: Interruption) -> None:
        super().__init__(cause.value)
        self.cause = cause


async def wait_until(
    deadline: float, awaitable: Awaitable[T], *, closing: ShutdownSignal | None = None
) -> T:
    """Return what ``awaitable`` gives before ``deadline``, on the loop's clock.

    Raises WaitInterrupted at the deadline, or once ``closing`` is set. The wait is ended by
    cancelling the task inside it, so what is awaited must stay usable after that. From Python 3.11
    on, ``asyncio.timeout`` would do the same for 2 µs more; a request has two waits.

    A cancellation from outside that comes in the same turn of the loop is kept from Python 3.11
    on; before, the wait ends as interrupted, and the task goes on to its end.
    """
    task = asyncio.current_task()
    assert task is not None, "only a task can wait"
    cause: Interruption | None = None

    def interrupt(by: Interruption) -> None:
        nonlocal cause
        if cause is None:
            cause = by
            task.cancel()

    def close() -> None:
        interrupt(Interruption.CLOSING)

    timer = task.get_loop().call_at(deadline, interrupt, Interruption.TIMED_OUT)
    if closing is not None:
        closing.add_callback(close)
    try:
        return await awaitable
    except asyncio.CancelledError:
        if cause is None or (sys.version_info >= (3, 11) and task.uncancel() > 0):
            raise
        raise WaitInterrupted(cause) from None
    finally:
        timer.cancel()
        if closing is not None:
            closing.remove_callback(close)
