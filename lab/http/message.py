"""HTTP/1.1 messages: what a request head must be, and how an answer is written.

Rules: h11 parses and writes; what is refused on top of it names the section that asks for it.
Nothing waits here. Every refusal is a ``Refused`` with its answer, and all errors have one shape.

This module must not know connections, time-outs or routes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import Protocol

import h11

from lab.http.limits import Limit
from lab.x509.client_identity import ClientIdentity

PHRASES = {
    200: "OK",
    201: "Created",
    204: "No Content",
    303: "See Other",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
    507: "Insufficient Storage",
}
"""The codes that are sent, and their names: RFC 9110 section 15, RFC 6585 (431), RFC 4918 (507)."""

# How h11 quotes what a peer sent, in its own terms.
_BYTEARRAY = re.compile(r"bytearray\(b?('.*?'|\".*?\")\)", re.DOTALL)
_COPIED = 65536  # bytes of content that are copied, to travel in one write with the head
_SHOWN = 200  # characters of a peer's text in an error message
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[\w.:%~-]+\])(?::\d*)?", re.ASCII)
_ABSOLUTE = re.compile(r"https?://[^/?#]+(?P<path>/[^?]*)?(?:\?(?P<query>.*))?", re.IGNORECASE)
_END = h11.EndOfMessage()
_ENCODER = json.JSONEncoder(ensure_ascii=False, indent=2, allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead:
    """A request without its body, valid by RFC 9112.

    ``path`` is the target's path without query, still percent-encoded, or ``*`` (RFC 9112 section
    3.2.4); ``query`` is what follows its question mark, "" for nothing. ``headers`` have lower-case
    names; the values of a repeated field are joined by ``, `` (RFC 9110 section 5.3).
    """

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    client: ClientIdentity | None
    query: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer: its content is ``body`` and then ``rest``, of which many answers may share parts.

    ``headers`` come on top of Date, Content-Type and -Length. With a ``stream`` the content is what
    that yields, piece by piece, for as long as it likes; it is closed whatever happens.

    ``media_type`` says what ``body`` is, ``last`` that the connection ends behind it. ``problem``
    is the message of an error, for who shows it in another form; it is not sent.
    """

    status: int
    body: bytes = b""
    rest: tuple[bytes, ...] = ()
    media_type: bytes = b"application/json"
    last: bool = False
    headers: tuple[tuple[bytes, bytes], ...] = ()
    stream: AsyncGenerator[bytes, None] | None = None
    problem: str = ""


class RequestHooks(Protocol):
    """Who is told of requests and of limits. No method waits or raises."""

    def limit_struck(self, limit: Limit) -> None:
        """A client met a limit."""
        ...

    def request_answered(
        self, head: RequestHead | None, status: int, seconds: float | None
    ) -> None:
        """An answer is about to be sent: whoever has read it finds it counted.

        ``head`` is None where no valid one came. ``seconds`` run from the last byte of the head to
        the answer, sending not included; None where the head never came whole.
        """
        ...


RETRY_AFTER = (b"Retry-After", b"5")
"""When to try again, in seconds (RFC 9110 section 10.2.3)."""


def json_bytes(value: object) -> bytes:
    """Return a JSON document, indented by two, in UTF-8."""
    return _ENCODER.encode(value).encode()


def error_response(
    status: int,
    message: str,
    *,
    field: str | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    last: bool = False,
) -> Response:
    """Return an error, in the one shape that all of them have.

    ``error`` is the status code's name in snake case, ``field`` the part of the request that is
    at fault, where it is one, and ``message`` a sentence for a person.
    """
    name = PHRASES[status].lower().replace(" ", "_")
    body = json_bytes({"error": name, "field": field, "message": message})
    return Response(status=status, body=body, last=last, headers=headers, problem=message)


class Refused(Exception):
    """A request is answered at once, and its connection ends.

    ``pending`` counts the bytes of its body that the client may still be sending; ``limit`` is the
    one that it met, if that is why.
    """

    def __init__(self, response: Response, *, pending: int = 0, limit: Limit | None = None) -> None:
        super().__init__(response.status)
        self.response = response
        self.pending = pending
        self.limit = limit


def next_event(
    connection: h11.Connection,
) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
    """Return h11's next event; raise Refused where h11 refuses."""
    try:
        return connection.next_event()
    except h11.RemoteProtocolError as error:
        status = error.error_status_hint
        reason = _BYTEARRAY.sub(r"\1", str(error))[:_SHOWN]
        raise Refused(
            error_response(
                status if status in PHRASES else 400,
                f"the request is not valid HTTP/1.1: {reason}",
            )
        ) from None


def head_of(request: h11.Request, client: ClientIdentity | None, *, max_fields: int) -> RequestHead:
    """Return a head for the app; refuse what h11 lets pass and this server does not serve."""
    if len(request.headers) > max_fields:
        response = error_response(431, f"the request has more than {max_fields} header fields")
        raise Refused(response, limit=Limit.MAX_HEADER_FIELDS)
    version = request.http_version
    if version[:2] != b"1.":
        raise Refused(error_response(505, "only HTTP/1.0 and HTTP/1.1 are supported"))
    headers: dict[bytes, bytes] = {}
    for name, value in request.headers:
        headers[name] = headers[name] + b", " + value if name in headers else value
    if b"transfer-encoding" in headers and (b"content-length" in headers or version == b"1.0"):
        # RFC 9112 section 6.1: either may be an attempt at request smuggling.
        message = "Transfer-Encoding is not allowed with Content-Length or in HTTP/1.0"
        raise Refused(error_response(400, message))
    if not _HOST.fullmatch(headers.get(b"host", b"")):
        raise Refused(error_response(400, "the Host header field is not valid"))
    if request.method == b"CONNECT":
        raise Refused(error_response(501, "CONNECT is not supported: this server is not a proxy"))
    expectation = headers.get(b"expect", b"100-continue")
    if expectation.lower() != b"100-continue" and version != b"1.0":
        raise Refused(error_response(417, "the only supported expectation is 100-continue"))
    path, query = _path_and_query(request.target.decode("ascii"))
    return RequestHead(
        method=request.method.decode("ascii"),
        path=path,
        headers=headers,
        client=client,
        query=query,
    )


def _path_and_query(target: str) -> tuple[str, str]:
    """Return those of a target in origin, absolute or asterisk form (RFC 9112 section 3.2)."""
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return path, query
    if target == "*":
        return target, ""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise Refused(error_response(400, "the request target is neither a path nor a URL"))
    return match["path"] or "/", match["query"] or ""


@lru_cache(maxsize=128)
def _status_and_headers(
    status: int,
    media_type: bytes,
    length: int | None,
    headers: tuple[tuple[bytes, bytes], ...],
    keep: bool,
    second: int,
) -> h11.Response:
    """Return what is in front of a response's content; much of it repeats within a second."""
    date = formatdate(second, usegmt=True).encode("ascii")
    fields = [(b"Date", date)]
    if status != 204:  # RFC 9110 section 8.6: no Content-Length there
        fields.append((b"Content-Type", media_type))
        if length is not None:  # else h11 chunks the content, or ends it with the connection
            fields.append((b"Content-Length", b"%d" % length))
    fields += headers
    if not keep:
        fields.append((b"Connection", b"close"))
    reason = PHRASES[status].encode("ascii")
    return h11.Response(status_code=status, headers=fields, reason=reason)


def encode(
    connection: h11.Connection, response: Response, *, keep: bool, bodiless: bool
) -> list[bytes]:
    """Return a response as it travels, in the pieces to write: one, unless its content is large.

    ``bodiless`` leaves the content out, not its length (for HEAD). What is large is not copied: a
    copy would be held for each client that reads slowly.
    """
    content = (response.body, *response.rest)
    length = sum(map(len, content))
    pieces = [encode_head(connection, response, keep=keep, length=length)]
    if not bodiless:
        parts = content if length > _COPIED else (b"".join(content),)
        pieces += [connection.send(h11.Data(data=part)) for part in parts]
    connection.send(_END)  # no bytes, where the length was announced
    return pieces if length > _COPIED else [b"".join(pieces)]


def encode_head(
    connection: h11.Connection, response: Response, *, keep: bool, length: int | None = None
) -> bytes:
    """Return what is in front of a response's content; without a ``length`` h11 frames that."""
    now = int(time.time())
    return connection.send(
        _status_and_headers(
            response.status, response.media_type, length, response.headers, keep, now
        )
    )
