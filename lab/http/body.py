"""A request's body, as its bytes come: what h11 makes of it, within limits, and strictly framed.

Rules: h11 takes the framing apart; where it is more lenient than RFC 9112 asks a sender to be, the
framing is looked at again here. A proxy in front may read a bare LF, a folded line or a bare CR
otherwise, and take what is behind it for another request than this server does.

This module must not know where bytes come from, nor what a body means.
"""

from __future__ import annotations

from collections.abc import Iterator

import h11

from lab.http.limits import Limit, Limits
from lab.http.message import (
    Refused,
    RequestHead,
    error_response,
    next_event,
)

_EVENTS_PER_TURN = 256


class Body:
    """The body of one request. ``take`` what comes until ``ended``.

    ``at_hand`` counts the bytes of it that are here already. All of it may raise Refused: at once
    for a declared length that is too much (413), later for one that proves to be (413), for
    trailers that are too much (431), and for framing that is not RFC 9112's (400).
    """

    def __init__(
        self, parser: h11.Connection, head: RequestHead, limits: Limits, *, at_hand: int
    ) -> None:
        self._parser = parser
        self._limits = limits
        self._chunked = b"transfer-encoding" in head.headers
        self._content = bytearray()
        self._framed = bytearray()  # as it came
        self.ended = False
        """Whether all of it is here."""
        length = int(head.headers.get(b"content-length", b"0"))
        if length > limits.max_body:
            waiting = parser.they_are_waiting_for_100_continue
            raise self._too_large(pending=0 if waiting else length - at_hand)

    @property
    def content(self) -> bytes:
        """The body without its framing, once it has ended."""
        return bytes(self._content)

    @property
    def behind(self) -> bytes:
        """What came behind it, once it has ended."""
        return bytes(self._parser.trailing_data[0])

    def take(self, data: bytes) -> Iterator[None]:
        """Take ``data``; gives turns, at which others may have theirs."""
        self._framed += data
        if data:  # to h11, no bytes are the end of the connection
            self._parser.receive_data(data)
        turn = 0
        while isinstance(event := next_event(self._parser), h11.Data):
            self._content += event.data
            if len(self._content) > self._limits.max_body:
                raise self._too_large(pending=self._limits.max_discard)
            turn += 1
            if turn % _EVENTS_PER_TURN == 0:
                yield
        if isinstance(event, h11.EndOfMessage):
            self.ended = True
            del self._framed[len(self._framed) - len(self.behind) :]
        if len(self._framed) > self._limits.max_body + self._limits.max_header:
            raise self._too_large(pending=self._limits.max_discard)
        if self.ended and self._chunked:
            self._judge(_trailers(bytes(self._framed)))

    def _judge(self, trailers: bytes) -> None:
        """Holds the trailers to what a head must keep to."""
        limits = self._limits
        if len(trailers) > limits.max_header:
            response = error_response(
                431, f"the trailers are longer than {limits.max_header} bytes"
            )
            raise Refused(response, limit=Limit.MAX_HEADER)
        if trailers.count(b"\r\n") > limits.max_header_fields:
            message = f"there are more than {limits.max_header_fields} trailers"
            raise Refused(error_response(431, message), limit=Limit.MAX_HEADER_FIELDS)

    def _too_large(self, *, pending: int) -> Refused:
        message = f"the body is longer than {self._limits.max_body} bytes"
        return Refused(error_response(413, message), pending=pending, limit=Limit.MAX_BODY)


def _trailers(framed: bytes) -> bytes:
    """The trailer fields of a whole chunked body (RFC 9112 section 7.1), each with its CR LF.

    Raises Refused where the framing has other line ends than CR LF, or folded lines.
    """
    at = 0
    while True:
        end = framed.find(b"\r\n", at)
        line = framed[at:end]
        if end < 0 or b"\r" in line or b"\n" in line:
            raise _misframed("a line of the chunk framing does not end with CR LF")
        at = end + 2
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            break
        at += size + 2
    trailers = framed[at:]
    if not trailers.endswith(b"\r\n") or b"\r" in (bare := trailers.replace(b"\r\n", b"")):
        raise _misframed("a line of the trailers does not end with CR LF")
    if b"\n" in bare:
        raise _misframed("a line of the trailers ends with LF alone, not with CR LF")
    if b"\r\n " in trailers or b"\r\n\t" in trailers:
        raise _misframed("a trailer field is folded over two lines")
    return trailers[:-2]


def _misframed(message: str) -> Refused:
    return Refused(error_response(400, message))
