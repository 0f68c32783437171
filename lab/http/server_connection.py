"""HTTP/1.1 over a byte stream: requests in, answers out, one connection at a time.

Rules: h11 reads requests, one ``h11.Connection`` for each, from a head that was cut off whole;
so the size of a head is exact, and spellings of a line end that another parser may read otherwise
never pass. Answers are written here, head and body in one write. One request is answered before
the next is looked at. Whatever a client does ends in an answer, or in the end of its connection;
it never raises out of ``serve_http``.

This module must not know TLS, sockets, routes or what a body means.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

import h11

from lab.http import log_entries
from lab.http.body import Body
from lab.http.connection_hooks import AnsweredRequest, RequestHooks
from lab.http.limits import Interruption, Limit, Limits, WaitInterrupted, WaitTimer
from lab.http.message import (
    Refused,
    RequestHead,
    Response,
    encode,
    error_response,
    framing_fault,
    head_of,
    next_event,
    persistent,
)
from lab.http.shutdown_signal import ShutdownSignal
from lab.x509.client_identity import ClientIdentity

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SHOWN = 200  # characters of a peer's text in a log line


class ByteStream(Protocol):
    """What a connection is read from and written to.

    ``read`` gives ``b""`` at the orderly end. Both raise an OSError, a ConnectionError as a rule,
    when the stream is broken: a ConnectionResetError where the peer has just gone. A cancelled
    ``read`` must leave ``write`` usable.
    """

    @property
    def pending(self) -> bool:
        """Whether bytes are here that have not been read: then the client did not wait."""
        ...

    async def read(self, max_bytes: int = 65536) -> bytes:
        """The next bytes, at least one and at most ``max_bytes``, or ``b""`` at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Hands on all of ``data``, within the peer's flow control."""
        ...


class App(Protocol):
    """What answers requests. An exception of its own is a bug, and answered with 500."""

    def refuse(self, head: RequestHead) -> Response | None:
        """Judges a request by its head alone, before its body is asked for or read."""
        ...

    async def answer(self, head: RequestHead, body: bytes) -> Response:
        """Answers a request that ``refuse`` let pass."""
        ...


class _Abandoned(Exception):
    """The client went away in the middle of a request. The text is our own."""


async def serve_http(
    stream: ByteStream,
    *,
    client: ClientIdentity | None,
    peer: str,
    app: App,
    limits: Limits,
    closing: ShutdownSignal,
    observer: RequestHooks | None = None,
    request_level: int = logging.INFO,
) -> None:
    """Answers the requests of one connection until either side ends it.

    ``peer`` is the client's address as the journal shows it. Once ``closing`` is set, a request in
    flight is finished with ``Connection: close``, and an idle connection ends at once. The stream
    is left open: the caller shuts its write side, drains what may still come, and closes it
    (RFC 9112 section 9.6), or the last answer can be lost to a reset. Nothing that the client or
    the app does raises out of here. ``observer`` is told of every answer; ``request_level`` is the
    level of the journal's line for a request.
    """
    shortest = min(
        limits.header_timeout,
        limits.body_timeout,
        limits.idle_timeout,
        limits.write_timeout,
        limits.discard_timeout,
        limits.farewell_timeout,
    )
    watch = WaitTimer(closing=closing, tick=shortest)
    connection = _HttpConnection(
        stream, client, peer, app, limits, closing, watch, observer, request_level
    )
    try:
        while await connection.exchange():
            pass
    except (_Abandoned, WaitInterrupted, OSError) as error:
        connection.ended_by(error)
    finally:
        watch.stop()


class _HttpConnection:
    """One client's connection: its unread bytes, and the request being served."""

    def __init__(
        self,
        stream: ByteStream,
        client: ClientIdentity | None,
        peer: str,
        app: App,
        limits: Limits,
        closing: ShutdownSignal,
        watch: WaitTimer,
        observer: RequestHooks | None,
        request_level: int,
    ) -> None:
        self._stream = stream
        self._client = client
        self._common_name = client.common_name if client else None
        self._peer = peer
        self._app = app
        self._limits = limits
        self._closing = closing
        self._watch = watch
        self._observer = observer
        self._request_level = request_level
        self._buffer = bytearray()
        self._raw = b""  # the head of the request in hand, or what has come of it
        self._known: tuple[bytes, RequestHead] | None = None  # the last head without a body
        self._served = False  # has had an answer
        self._busy = False  # between a request's first byte and its answer's last
        self._pipelined = 0  # requests in a row that did not wait for the answer before them

    async def exchange(self) -> bool:
        """Reads one request and answers it; tells whether another one may follow."""
        head, pending, began = None, 0, None
        try:
            raw = await self._cut_head()
            if raw is None:
                return False
            began = self._watch.after(0) if self._observer is not None else None
            head, parser = self._parse(raw)
            response = await self._respond(head, parser)
            keep = persistent(head) and not response.last and self._may_follow()
        except Refused as refused:
            response, keep, pending = refused.response, False, refused.pending
            if refused.limit is not None:
                self._struck(refused.limit, f"answered with HTTP {response.status}")
        keep = keep and not self._closing.is_set()
        self._journal(response)
        if self._observer is not None:
            self._observer.request_answered(self._answered(head, response, began))
        bodiless = head is not None and head.is_head
        await self._send(*encode(response, keep=keep, bodiless=bodiless))
        self._busy = False
        if pending:
            await self._discard(pending)
        self._served = True
        if self._has_more:
            await asyncio.sleep(0)  # one client's pipelined requests do not hold up the others
        return keep

    @property
    def _has_more(self) -> bool:
        """Whether there is something of what comes next."""
        return bool(self._buffer) or self._stream.pending

    def _may_follow(self) -> bool:
        """Whether the next request may be looked at; the client may have sent it already."""
        self._pipelined = self._pipelined + 1 if self._has_more else 0
        if self._pipelined <= self._limits.max_pipelined:
            return True
        self._struck(Limit.MAX_PIPELINED, "closed: too many pipelined requests")
        return False

    def _struck(self, limit: Limit, done: str) -> None:
        """Notes that the client met a limit, and what is done about it."""
        if self._observer is not None:
            self._observer.limit_struck(limit)
        entry = log_entries.limit_struck(
            peer=self._peer, limit=limit.flag, value=self._limits.of(limit), done=done
        )
        log_entries.write(entry)

    def ended_by(self, error: Exception) -> None:
        """Notes the end of a connection, unless a client just left between two requests."""
        if not self._busy and isinstance(error, (ConnectionResetError, WaitInterrupted)):
            return
        # A stream that gave up has its reason, and nobody else tells it.
        reason = str(error)
        if isinstance(error, ConnectionResetError):
            reason = "the connection was lost"
        elif isinstance(error, WaitInterrupted):
            reason = "the client did not read the response in time"
            self._struck(Limit.WRITE_TIMEOUT, "closed: response not read in time")
        log_entries.write(
            log_entries.aborted(peer=self._peer, common_name=self._common_name, reason=reason)
        )

    async def _cut_head(self) -> bytes | None:
        """The next request's head, its empty line included; None where none will come."""
        buffer, limit = self._buffer, self._limits.max_header
        deadline: float | None = None
        may_skip = True
        judged = 0  # bytes of the head that need not be searched again
        while True:
            if may_skip and buffer.startswith(b"\r\n"):
                # RFC 9112 section 2.2: one empty line before a request is to be ignored.
                del buffer[:2]
                may_skip, judged = False, 0
            end = buffer.find(b"\r\n\r\n", max(0, judged - 3)) + 4
            self._raw = bytes(buffer[:end] if end >= 4 else buffer)
            if len(self._raw) > limit:
                response = error_response(431, f"the request head is longer than {limit} bytes")
                raise Refused(response, limit=Limit.MAX_HEADER)
            if self._raw:
                self._busy = True
                fault = framing_fault(self._raw, judged)
                if fault:
                    raise Refused(error_response(400, fault))
                judged = len(self._raw)
            if end >= 4:
                del buffer[:end]
                return self._raw
            if self._raw:
                deadline = deadline or self._watch.after(self._limits.header_timeout)
                buffer += await self._read_more(deadline, Limit.HEADER_TIMEOUT)
            elif data := await self._read_idle():
                buffer += data
            else:
                return None

    async def _read_idle(self) -> bytes:
        """Reads while no request has begun; ``b""`` where none will."""
        watch, limits = self._watch, self._limits
        if not self._closing.is_set():
            deadline = watch.after(limits.idle_timeout)
            try:
                return await watch.wait(self._stream.read(), deadline=deadline, idle=True)
            except WaitInterrupted as interrupted:
                if interrupted.cause is Interruption.TIMED_OUT:
                    self._struck(Limit.IDLE_TIMEOUT, "closed: no request in time")
                    return b""
        if self._served and not self._stream.pending:
            return b""
        # What has come is answered, and so is the first request of a client that was just let in:
        # it is on its way.
        deadline = watch.after(limits.farewell_timeout)
        try:
            return await watch.wait(self._stream.read(), deadline=deadline)
        except WaitInterrupted:
            return b""

    async def _read_more(self, deadline: float, limit: Limit) -> bytes:
        """Reads on until ``limit``; raises Refused (408), or _Abandoned at the end."""
        part = "head" if limit is Limit.HEADER_TIMEOUT else "body"
        try:
            data = await self._watch.wait(self._stream.read(), deadline=deadline)
        except WaitInterrupted:
            message = f"the request {part} was not received in time"
            raise Refused(error_response(408, message), limit=limit) from None
        if not data:
            raise _Abandoned(
                f"the client closed the connection before the end of the request {part}"
            )
        return data

    def _parse(self, raw: bytes) -> tuple[RequestHead, h11.Connection | None]:
        """A valid head, and the parser of its body where it declares one; raises Refused.

        Clients that keep a connection mostly repeat themselves to the byte, and parsing is half
        the work of a GET: so the last head without a body is kept, and not parsed again.
        """
        if self._known is not None and raw == self._known[0]:
            return self._known[1], None
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.max_header)
        parser.receive_data(raw)
        request = next_event(parser)
        assert isinstance(request, h11.Request), "a whole head is a request or an error"
        limit = self._limits.max_header_fields
        if len(request.headers) > limit:
            response = error_response(431, f"the request has more than {limit} header fields")
            raise Refused(response, limit=Limit.MAX_HEADER_FIELDS)
        head = head_of(request, self._client)
        if b"content-length" in head.headers or b"transfer-encoding" in head.headers:
            return head, parser
        self._known = (raw, head)
        return head, None

    async def _respond(self, head: RequestHead, parser: h11.Connection | None) -> Response:
        """The app's answer to a request; reads its body on the way."""
        try:
            refusal = self._app.refuse(head)
        except Exception as error:
            raise self._bug(error) from None
        body = b""
        if parser is not None:
            if refusal is not None and refusal.last:
                raise Refused(refusal)
            if refusal is not None and parser.they_are_waiting_for_100_continue:
                # RFC 9110 section 10.1.1: a final answer in place of 100. Whether the client
                # sends its body after that is its choice, so the connection cannot go on.
                raise Refused(refusal)
            try:
                body = await self._read_body(parser, head)
            except Refused as refused:
                response = refusal or refused.response
                raise Refused(response, pending=refused.pending, limit=refused.limit) from None
        if refusal is not None:
            return refusal
        try:
            return await self._app.answer(head, body)
        except Exception as error:
            raise self._bug(error) from None

    async def _read_body(self, parser: h11.Connection, head: RequestHead) -> bytes:
        """A request's whole body, trailers dropped; leaves what follows it in the buffer."""
        body = Body(parser, head, self._limits, at_hand=len(self._buffer))
        if parser.they_are_waiting_for_100_continue and not self._buffer:
            await self._send(_CONTINUE)
        deadline = self._watch.after(self._limits.body_timeout)
        data = bytes(self._buffer)
        while True:
            for _ in body.take(data):
                await asyncio.sleep(0)
            if body.ended:
                self._buffer[:] = body.behind
                return body.content
            data = await self._read_more(deadline, Limit.BODY_TIMEOUT)

    def _bug(self, error: Exception) -> Refused:
        """Notes an exception of the app, and makes the answer to it."""
        entry = log_entries.request_failed(
            peer=self._peer, common_name=self._common_name, request_line=self._request_line()
        )
        log_entries.write(entry, error=error)
        return Refused(error_response(500, "internal server error; the server log has the details"))

    def _request_line(self) -> str:
        """The first line of the request, or what has come of it, cut to a length for the log."""
        line = self._raw.partition(b"\r\n")[0].decode("latin-1")
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"

    def _journal(self, response: Response) -> None:
        log_entries.write(
            log_entries.request(
                peer=self._peer,
                common_name=self._common_name,
                request_line=self._request_line(),
                status=response.status,
                level=self._request_level,
            )
        )
        for entry in response.entries:
            log_entries.write(entry)

    def _answered(
        self, head: RequestHead | None, response: Response, began: float | None
    ) -> AnsweredRequest:
        seconds = None if began is None else self._watch.after(0) - began
        return AnsweredRequest(head=head, status=response.status, seconds=seconds)

    async def _send(self, *pieces: bytes) -> None:
        deadline = self._watch.after(self._limits.write_timeout)
        for piece in pieces:
            await self._watch.wait(self._stream.write(piece), deadline=deadline)

    async def _discard(self, pending: int) -> None:
        """Reads away what a refused client still sends, so that it gets to reading the answer."""
        deadline = self._watch.after(self._limits.discard_timeout)
        pending = min(pending, self._limits.max_discard)
        while pending > 0:
            data = await self._watch.wait(self._stream.read(), deadline=deadline, idle=True)
            if not data:
                break
            pending -= len(data)
