"""What an HTTP connection reports: answered requests, and limits that were reached.

Rules: reporting costs nothing where nobody listens, and never waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lab.http.limits import Limit
from lab.http.message import RequestHead


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRequest:
    """A request whose answer is ready to be sent.

    ``head`` is None where no valid one came, ``status`` the answer's code. ``seconds`` run from
    the last byte of the head, so that receiving the body is in them, and sending the answer is
    not; None where the head never came whole.
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
