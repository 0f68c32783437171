"""Who a client is, where it is asked only once it wants something that needs it.

This module must not know how a client is asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from lab.http.limits import Limit, Limits, WaitInterrupted, WaitTimer
from lab.http.message import Refused, RequestHead, Response, error_response
from lab.x509.client_identity import ClientIdentity


class HalfAnswered(Exception):
    """A client's time was up in the middle of its answer, where nothing can be sent to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateAuthentication:
    """How the client of a connection is asked who it is.

    ``concerns`` tells which requests need that; ``ask`` asks, and returns who the client is, or the
    answer that refuses it. ``ask`` may raise an OSError where the stream breaks. ``is_mid_answer``
    tells whether only a part of the client's answer has come, so that nothing can be sent.
    """

    concerns: Callable[[RequestHead], bool]
    ask: Callable[[], Awaitable[ClientIdentity | Response]]
    is_mid_answer: Callable[[], bool]

    async def identify(
        self, head: RequestHead, timer: WaitTimer, limits: Limits
    ) -> tuple[RequestHead, Response | None]:
        """Return ``head`` with its client, where that is known now, or a refusal beside it.

        Raises Refused or HalfAnswered where the client does not answer in time, and as ``ask``
        does.
        """
        if head.client is not None or not self.concerns(head):
            return head, None
        try:
            deadline = timer.after(limits.handshake_timeout)
            found = await timer.wait(self.ask(), deadline=deadline)
        except WaitInterrupted:
            if self.is_mid_answer():
                raise HalfAnswered from None
            message = "the client did not answer the request for its certificate in time"
            raise Refused(error_response(408, message), limit=Limit.HANDSHAKE_TIMEOUT) from None
        if isinstance(found, Response):
            return head, found
        return replace(head, client=found), None
