"""HTTP/1.1 over a byte stream: requests in, answers out, one connection at a time.

Rules: h11 reads requests and writes answers, one ``h11.Connection`` for the client's connection; a
head and its small content travel in one write. One request is answered before the next is looked
at. Whatever a client does ends in an answer, or in the end of its connection; it never raises out
of ``serve_http``.

This module must not know TLS, sockets, routes or what a body means.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import h11

from lab.http import log_entries
from lab.http.framing import Unparsed, body_pieces, too_large
from lab.http.interfaces import App, ByteStream
from lab.http.late_authentication import HalfAnswered, LateAuthentication
from lab.http.limits import (
    Interruption,
    Limit,
    Limits,
    ShutdownSignal,
    WaitInterrupted,
    WaitTimer,
)
from lab.http.message import (
    Refused,
    RequestHead,
    RequestHooks,
    Response,
    encode,
    error_response,
    head_of,
    next_event,
)
from lab.http.streaming import write_stream
from lab.tls.escape import escaped
from lab.x509.client_identity import ClientIdentity

_CONTINUE = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
_SHOWN = 200  # characters of a peer's text in a log line
_STEPS_PER_TURN = 256  # reads or chunks, after which other connections have their turn


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
    hooks: RequestHooks | None = None,
    later: LateAuthentication | None = None,
) -> None:
    """Answer the requests of one connection until either side ends it.

    ``peer`` is the client's address as the log shows it. Once ``closing`` is set, a request in
    flight is finished with ``Connection: close``, and an idle connection ends at once. The stream
    is left open: the caller shuts its write side, drains what may still come, and closes it
    (RFC 9112 section 9.6), or the last answer can be lost to a reset. Nothing that the client or
    the app does raises out of here. ``hooks`` are told of every answer. ``later`` asks who a client
    is that is still unknown.
    """
    shortest = min(
        limits.handshake_timeout,
        limits.header_timeout,
        limits.body_timeout,
        limits.idle_timeout,
        limits.write_timeout,
        limits.discard_timeout,
        limits.farewell_timeout,
    )
    timer = WaitTimer(closing=closing, tick=shortest)
    connection = _HttpConnection(stream, client, peer, app, limits, closing, timer, hooks, later)
    try:
        while await connection.exchange():
            pass
    except (_Abandoned, HalfAnswered, WaitInterrupted, OSError) as error:
        connection.ended_by(error)
    finally:
        timer.stop()


@dataclass(slots=True)
class _HttpConnection:
    """One client's connection: its unparsed bytes, and the request being served."""

    stream: ByteStream
    client: ClientIdentity | None
    peer: str
    app: App
    limits: Limits
    closing: ShutdownSignal
    timer: WaitTimer
    hooks: RequestHooks | None
    later: LateAuthentication | None
    http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.SERVER))
    unparsed: Unparsed = field(init=False)
    raw_head: bytes = b""  # of the request in hand, once it is all here
    served: bool = False  # has had an answer
    busy: bool = False  # between a request's first byte and its answer's last
    pipelined: int = 0  # requests in a row that did not wait for the answer before them
    steps: int = 0  # reads and pieces of bodies so far

    def __post_init__(self) -> None:
        self.unparsed = Unparsed(self.limits)

    @property
    def common_name(self) -> str | None:
        """The client's name for the log."""
        return log_entries.shown(self.client.common_name) if self.client else None

    async def exchange(self) -> bool:
        """Read one request and answer it; return whether another one may follow."""
        request, head, pending, began = None, None, 0, None
        self.raw_head = b""
        try:
            if not await self._read_head():
                return False
            began = self.timer.after(0) if self.hooks else None
            request = next_event(self.http)
            assert isinstance(request, h11.Request), "a whole head is a request or an error"
            head = head_of(request, self.client, max_fields=self.limits.max_header_fields)
            refusal = None
            if self.later is not None:
                head, refusal = await self.later.identify(head, self.timer, self.limits)
                self.client = head.client
            response = await self._respond(head, refusal)
            keep = not response.last and self._may_follow()
        except Refused as refused:
            response, keep, pending = refused.response, False, refused.pending
            if refused.limit is not None:
                self._limit_reached(refused.limit, f"answered with HTTP {response.status}")
        keep = keep and not self.closing.is_set()
        log_entries.request(
            peer=self.peer,
            common_name=self.common_name,
            request_line=self._request_line(),
            status=response.status,
        )
        if self.hooks is not None:
            seconds = None if began is None else self.timer.after(0) - began
            self.hooks.request_answered(head, response.status, seconds)
        bodiless = isinstance(request, h11.Request) and request.method == b"HEAD"
        await self._send(response, keep=keep, bodiless=bodiless)
        self.busy = False
        if pending:
            await self._discard(pending)
        self.served = True
        if not keep or self.http.our_state is not h11.DONE:
            return False
        self.http.start_next_cycle()
        if self._has_more:
            await asyncio.sleep(0)  # pipelined requests do not hold up other clients
        return True

    async def _send(self, response: Response, *, keep: bool, bodiless: bool) -> None:
        if response.stream is None:
            await self._write(encode(self.http, response, keep=keep, bodiless=bodiless))
        else:
            await write_stream(
                self.http,
                response,
                self._write,
                timer=self.timer,
                closing=self.closing,
                keep=keep,
                bodiless=bodiless,
            )

    @property
    def _has_more(self) -> bool:
        """Whether there is something of what comes next."""
        return bool(self.unparsed) or self.stream.pending

    def _may_follow(self) -> bool:
        """Return whether the next request may be looked at; the client may have sent it already."""
        if self.http.their_state is h11.MUST_CLOSE:  # as the client wants it, or HTTP/1.0
            return False
        self.pipelined = self.pipelined + 1 if self._has_more else 0
        if self.pipelined <= self.limits.max_pipelined:
            return True
        self._limit_reached(Limit.MAX_PIPELINED, "closed: too many pipelined requests")
        return False

    def _limit_reached(self, limit: Limit, done: str) -> None:
        """Note that the client met a limit, and what is done about it."""
        if self.hooks is not None:
            self.hooks.limit_struck(limit)
        log_entries.limit_reached(limit, self.limits, peer=self.peer, done=done)

    def ended_by(self, error: Exception) -> None:
        """Note the end of a connection, unless a client just left between two requests."""
        if not self.busy and isinstance(error, (ConnectionResetError, WaitInterrupted)):
            return
        # A stream that gave up has its reason, and nobody else tells it.
        reason = str(error)
        if isinstance(error, ConnectionResetError):
            reason = "the connection was lost"
        elif isinstance(error, HalfAnswered):
            reason = "only a part of the client's certificate message came in time"
            self._limit_reached(Limit.HANDSHAKE_TIMEOUT, f"closed: {reason}")
        elif isinstance(error, WaitInterrupted):
            reason = "the client did not read the response in time"
            self._limit_reached(Limit.WRITE_TIMEOUT, "closed: response not read in time")
        name = self.common_name
        log_entries.write(
            "ABORTED",
            f"peer={escaped(self.peer)}",
            f"cert-CN={name!r}",
            reason,
            event="aborted",
            peer=self.peer,
            client=name,
            reason=reason,
        )

    async def _read_head(self) -> bool:
        """Hand a request's head to h11; return False where none will come."""
        deadline: float | None = None
        while not (head := self.unparsed.cut_head()):
            self.busy = bool(self.unparsed)
            if self.busy:
                deadline = deadline or self.timer.after(self.limits.header_timeout)
                await self._read_more(deadline, Limit.HEADER_TIMEOUT)
            elif data := await self._read_idle():
                self.unparsed.append(data)
            else:
                return False
        self.busy = True
        self.raw_head = head
        self.http.receive_data(head)
        return True

    async def _read_idle(self) -> bytes:
        """Read while no request has begun; ``b""`` where none will."""
        timer, limits = self.timer, self.limits
        if not self.closing.is_set():
            deadline = timer.after(limits.idle_timeout)
            try:
                return await timer.wait(self.stream.read(), deadline=deadline, idle=True)
            except WaitInterrupted as interrupted:
                if interrupted.cause is Interruption.TIMED_OUT:
                    self._limit_reached(Limit.IDLE_TIMEOUT, "closed: no request in time")
                    return b""
        if self.served and not self.stream.pending:
            return b""
        # What has come is answered, and so is the first request of a client that was just let in:
        # it is on its way.
        deadline = timer.after(limits.farewell_timeout)
        try:
            return await timer.wait(self.stream.read(), deadline=deadline)
        except WaitInterrupted:
            return b""

    async def _read_more(self, deadline: float, limit: Limit) -> None:
        """Read on until ``limit``; raise Refused (408), or _Abandoned at the end."""
        part = "head" if limit is Limit.HEADER_TIMEOUT else "body"
        await self._take_turns()
        try:
            data = await self.timer.wait(self.stream.read(), deadline=deadline)
        except WaitInterrupted:
            message = f"the request {part} was not received in time"
            raise Refused(error_response(408, message), limit=limit) from None
        if not data:
            raise _Abandoned(
                f"the client closed the connection before the end of the request {part}"
            )
        self.unparsed.append(data)

    async def _take_turns(self) -> None:
        """Let other connections run now and then, as reading waits only where nothing is here."""
        self.steps += 1
        if self.steps % _STEPS_PER_TURN == 0:
            await asyncio.sleep(0)

    async def _respond(self, head: RequestHead, refusal: Response | None) -> Response:
        """Return the app's answer to a request, or ``refusal``; read its body on the way."""
        try:
            refusal = refusal or self.app.refuse(head)
        except Exception as error:
            raise self._bug(error) from None
        body = b""
        if next_event(self.http) is h11.NEED_DATA:  # else it is the end of a request without body
            # RFC 9110 section 10.1.1: a final answer in place of 100. Whether the client sends its
            # body after that is its choice, so the connection cannot go on.
            waiting = self.http.they_are_waiting_for_100_continue
            if refusal is not None and (refusal.last or waiting):
                raise Refused(refusal)
            try:
                body = await self._read_body(head)
            except Refused as refused:
                response = refusal or refused.response
                raise Refused(response, pending=refused.pending, limit=refused.limit) from None
        if refusal is not None:
            return refusal
        try:
            return await self.app.answer(head, body)
        except Exception as error:
            raise self._bug(error) from None

    async def _read_body(self, head: RequestHead) -> bytes:
        """Return a request's whole body, without its trailers."""
        http, waiting = self.http, self.http.they_are_waiting_for_100_continue
        pieces = body_pieces(self.unparsed, head.headers, self.limits, waiting=waiting)
        if waiting and not self.unparsed:
            await self._write([http.send(_CONTINUE)])
        deadline = self.timer.after(self.limits.body_timeout)
        limits, content, framed = self.limits, bytearray(), 0
        for piece in pieces:
            if not piece:
                await self._read_more(deadline, Limit.BODY_TIMEOUT)
                continue
            http.receive_data(piece)
            while isinstance(event := next_event(http), h11.Data):
                content += event.data
            framed += len(piece)
            only_framing = len(content) <= limits.max_body
            if not only_framing or framed > limits.max_body + limits.max_header:
                raise too_large(limits, pending=limits.max_discard, framing=only_framing)
            await self._take_turns()
        assert isinstance(event, h11.EndOfMessage), "a whole body has an end"
        return bytes(content)

    def _bug(self, error: Exception) -> Refused:
        """Note an exception of the app, and return the answer to it."""
        name, line = self.common_name, self._request_line()
        log_entries.write(
            log_entries.INTERNAL_ERROR,
            f"peer={escaped(self.peer)}",
            f"cert-CN={name!r}",
            f'"{log_entries.quotable(line)}"',
            "answering with HTTP 500",
            level=logging.ERROR,
            error=error,
            event="internal_error",
            peer=self.peer,
            client=name,
            request=line,
        )
        return Refused(error_response(500, "internal server error; the server log has the details"))

    def _request_line(self) -> str:
        """Return the request's first line, or what is here of it, cut to a length for the log."""
        raw = self.raw_head.partition(b"\r\n")[0] or self.unparsed.first_line()
        line = raw[: _SHOWN + 1].decode("latin-1")
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"

    async def _write(self, pieces: list[bytes]) -> None:
        deadline = self.timer.after(self.limits.write_timeout)
        for piece in pieces:
            await self.timer.wait(self.stream.write(piece), deadline=deadline)

    async def _discard(self, pending: int) -> None:
        """Read away what a refused client still sends, so that it gets to reading the answer."""
        deadline = self.timer.after(self.limits.discard_timeout)
        pending = min(pending, self.limits.max_discard)
        while pending > 0:
            data = await self.timer.wait(self.stream.read(), deadline=deadline, idle=True)
            if not data:
                break
            pending -= len(data)
