"""What the server tells whoever counts its work: one contract, so that the work knows no counter.

Rules: telling costs nothing where nobody listens, never waits and never raises (``shield``
sees to that). What is told is the work's own view; whoever counts it bounds what a peer chose.

This module must not know metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lab.http.limits import Limit
from lab.http.message import RequestHead
from lab.stream.observed_wire import EventSink


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRequest:
    """A request whose answer is ready to be sent.

    ``head`` is None where no valid one came, ``status`` the answer's code. ``seconds`` run from
    the last byte of the head (so the body's way here is in them, and the answer's way there is
    not); None where the head never came whole.
    """

    head: RequestHead | None
    status: int
    seconds: float | None


class LimitHooks(Protocol):
    """Who is told of limits."""

    def limit_struck(self, limit: Limit) -> None:
        """A client met a limit."""
        ...


class RequestHooks(LimitHooks, Protocol):
    """Who is told of requests."""

    def request_answered(self, request: AnsweredRequest) -> None:
        """An answer is about to be sent: whoever has read it finds it counted."""
        ...


class ServerHooks(RequestHooks, Protocol):
    """Who is told of all that a server does."""

    def handshake_sink(self) -> EventSink:
        """Where the events of a new connection go."""
        ...
