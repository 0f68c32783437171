"""The answer to a client for whom there is no place: a 503, whatever it asks.

This module must not know how many places there are.
"""

from __future__ import annotations

from lab.service.message import RequestHead, Response, error_response

RETRY_AFTER = (b"Retry-After", b"5")
"""When to come back, in seconds (RFC 9110 section 10.2.3)."""


class _FullApp:
    """Refuses every request, by its head alone."""

    def refuse(self, head: RequestHead) -> Response:
        """There is no place."""
        return error_response(
            503,
            "the server has all the connections that it takes",
            headers=(RETRY_AFTER,),
            last=True,
        )

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Never asked, as every request is refused."""
        return self.refuse(head)


FULL = _FullApp()
