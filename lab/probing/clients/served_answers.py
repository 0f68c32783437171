"""What a server for clients under test says once TLS is there: HTTP, whole, cut off or redirected.

Rules: each request is answered with 200, whatever it is for. What a client sends is bounded.

This module must not know how a handshake came about.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Sequence

from lab.http.limits import Limits, ShutdownSignal
from lab.http.message import RequestHead, Response
from lab.http.server_connection import serve_http
from lab.probing.clients.tested_server import Behind
from lab.stream.tls_stream import StreamError, TlsStream
from lab.tls.events import Endpoint, Event, MessageSeen
from lab.tls.messages import Finished

HEAD = b"HEAD "
"""How a request begins whose answer has no body."""
BODY = b"hello from the lab\n"
LIMITS = Limits(max_body=1 << 24)
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n"
)
_CUT_OFF = 1000
_HEAD_END = b"\r\n\r\n"
_MOST_HEAD = 65536


def answer_to(request: bytes, length: int = len(BODY)) -> bytes:
    """Return the answer to a request that begins so; it announces a body of ``length`` bytes.

    The answer to HEAD has none, whatever it announces (RFC 9110 section 9.3.2).
    """
    return _ANSWER % length + (b"" if request.startswith(HEAD) else BODY)


class LabAnswers:
    """Answers each request with 200, or with 303 to another page where ``elsewhere`` is set."""

    def __init__(self, *, elsewhere: bool = False) -> None:
        self._elsewhere = elsewhere

    def refuse(self, head: RequestHead) -> Response | None:
        """Refuse nothing."""
        return None

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Answer any request."""
        if self._elsewhere:
            return Response(status=303, headers=((b"Location", b"/again"),), last=True)
        return Response(status=200, body=BODY, media_type=b"text/plain")


async def converse(
    stream: TlsStream, behind: Behind, *, first: bool, seen: Callable[[], Sequence[Event]]
) -> bool:
    """Say what ``behind`` has to be said; return whether close_notify is due.

    ``first`` tells that it is the client's first connection to this server, ``seen`` returns the
    events of the connection so far.
    """
    if behind is Behind.ASK_LATER:
        await _ask_later(stream, seen)
        return True
    if behind in (Behind.NO_GOODBYE, Behind.CUT_OFF):
        if head := await _read_head(stream):
            length = len(BODY) if behind is Behind.NO_GOODBYE else _CUT_OFF
            await stream.write(answer_to(head, length))
        return False
    await serve_http(
        stream,
        client=None,
        peer="the client",
        app=LabAnswers(elsewhere=behind is Behind.SEND_ELSEWHERE and first),
        limits=LIMITS,
        closing=ShutdownSignal(),
    )
    return True


async def _read_head(stream: TlsStream) -> bytes:
    """Return a request's head, or what came of it. Raises StreamError."""
    head = b""
    while _HEAD_END not in head and len(head) < _MOST_HEAD:
        part = await stream.read()
        if not part:
            break
        head += part
    return head


async def _ask_later(stream: TlsStream, seen: Callable[[], Sequence[Event]]) -> None:
    """Answer one request, once the client has shown a certificate, or said that it has none."""
    head = await _read_head(stream)
    if not head:
        return
    tls = stream.ssl_object
    try:
        tls.verify_client_post_handshake()
        tls.do_handshake()
    except ssl.SSLError:  # the client has not said that it can be asked
        status, text = "403 Forbidden", "this client cannot be asked for a certificate now\n"
        await stream.write(_plain(status, text))
        return
    with contextlib.suppress(StreamError):
        while _finished_messages(seen()) < 2:
            await stream.hear()
        await stream.write(answer_to(head))


def _finished_messages(events: Sequence[Event]) -> int:
    """How often the client has sent Finished: once more when it has answered the request."""
    return sum(
        isinstance(event, MessageSeen)
        and event.endpoint is Endpoint.CLIENT
        and isinstance(event.message, Finished)
        for event in events
    )


def _plain(status: str, text: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
    return f"{head}Connection: close\r\n\r\n{text}".encode("ascii")
