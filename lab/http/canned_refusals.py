"""Answers that do not depend on the request: no free connection slot, or an expired certificate.

This module must not know how many connection slots there are, nor what the time is.
"""

from __future__ import annotations

from lab.http.message import RequestHead, Response, error_response

RETRY_AFTER = (b"Retry-After", b"5")
"""When to try again, in seconds (RFC 9110 section 10.2.3)."""


class _CannedRefusal:
    """An app that refuses every request with one answer."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def refuse(self, head: RequestHead) -> Response:
        """Return the one answer."""
        return self._response

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Return the one answer, though no request gets here."""
        return self._response


FULL = _CannedRefusal(
    error_response(
        503,
        "the server is at its connection limit; try again later",
        headers=(RETRY_AFTER,),
        last=True,
    )
)

EXPIRED = _CannedRefusal(
    error_response(
        401,
        "the client certificate has expired since this TLS session was established; "
        "connect with a valid certificate and without session resumption",
        last=True,
    )
)
