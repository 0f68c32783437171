"""The answers to clients whom nobody serves, whatever they ask: no place, or no valid certificate.

This module must not know how many places there are, nor what the time is.
"""

from __future__ import annotations

from lab.http.message import RequestHead, Response, error_response

RETRY_AFTER = (b"Retry-After", b"5")
"""When to come back, in seconds (RFC 9110 section 10.2.3)."""


class _Refusing:
    """Refuses every request, by its head alone."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def refuse(self, head: RequestHead) -> Response:
        """The one answer."""
        return self._response

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Never asked, as every request is refused."""
        return self._response


FULL = _Refusing(
    error_response(
        503,
        "the server is at its connection limit; try again later",
        headers=(RETRY_AFTER,),
        last=True,
    )
)

EXPIRED = _Refusing(
    error_response(
        401,
        "the client certificate has expired since this TLS session was established; "
        "connect with a valid certificate and without session resumption",
        last=True,
    )
)
