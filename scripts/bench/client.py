"""The client of ``bench.py serve``: the same, blocking, in a few threads, for every server.

The rules: nothing counts that was not checked. A full handshake is one that resumed nothing and
whose client certificate the server has accepted; a resumed one says so; an answer has its status
and as many bytes as it announces.

This module must not know servers, rounds or figures.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from bench.processes import PATIENCE

_TARGET = b"/todo HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
_TASK = json.dumps({"task": "Measure", "done": False}).encode()
GET = b"GET " + _TARGET + b"\r\n"
POST = (
    b"POST %bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (_TARGET, len(_TASK))
) + _TASK
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class NotServed(Exception):
    """A server did not do what was asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How many operations were done, and the seconds that they took from first to last."""

    count: int
    seconds: float


def connect(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    """A connection whose handshake has returned here. Raises OSError."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(connection, server_hostname="localhost", session=session)


def full_handshake(port: int, context: ssl.SSLContext) -> ssl.SSLSession:
    """One full handshake that the server has accepted, and a goodbye; its session."""
    with connect(port, context) as tls:
        if tls.session_reused:
            raise NotServed("a handshake that should be full was resumed")
        session = _accepted(tls)
        _part(tls)
        return session


def resumed_handshake(port: int, context: ssl.SSLContext, session: ssl.SSLSession) -> None:
    """One handshake that resumes ``session``, and a goodbye."""
    with connect(port, context, session) as tls:
        # The server's Finished, which has come, is its word for it.
        if not tls.session_reused:
            raise NotServed("a session was not resumed")
        _part(tls)


def ask(tls: ssl.SSLSocket, request: bytes) -> bytes:
    """One request on a connection that stays open; the answer's body."""
    tls.sendall(request)
    wanted = b"HTTP/1.1 201 " if request[:4] == b"POST" else b"HTTP/1.1 200 "
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _some(tls)
    length = _LENGTH.search(data, 0, end + 2)
    if not data.startswith(wanted) or length is None:
        raise NotServed(f"an unexpected answer: {data[:end]!r}")
    missing = int(length[1]) - (len(data) - end - 4)
    while missing > 0:
        part = _some(tls)
        data += part
        missing -= len(part)
    if missing < 0:
        raise NotServed("an answer is longer than it says")
    return data[end + 4 :]


def talk(
    pool: Executor, connections: Sequence[ssl.SSLSocket], request: bytes, requests: int, most: float
) -> Done:
    """Shares ``requests`` out to connections that stay open; stops early after ``most`` seconds."""
    began = time.monotonic()

    def one(tls: ssl.SSLSocket) -> int:
        answers = 0
        while answers < requests // len(connections) and time.monotonic() - began < most:
            ask(tls, request)
            answers += 1
        return answers

    answers = sum(pool.map(one, connections))
    return Done(count=answers, seconds=time.monotonic() - began)


def at_rate(
    pool: Executor, connections: Sequence[ssl.SSLSocket], rate: float, seconds: float
) -> list[float]:
    """GETs at fixed times, ``rate`` a second in all, each connection taking its turn.

    Returns the seconds from the time at which each should have been sent to its answer: a request
    that has to wait for the answer before it is late, and that counts (no coordinated omission).
    """
    began = time.monotonic() + 0.05
    step = len(connections) / rate

    def one(place: int) -> list[float]:
        latencies = []
        for turn in range(int(seconds / step)):
            due = began + place / rate + turn * step
            time.sleep(max(0.0, due - time.monotonic()))
            ask(connections[place], GET)
            latencies.append(time.monotonic() - due)
        return latencies

    return [latency for each in pool.map(one, range(len(connections))) for latency in each]


@contextlib.contextmanager
def opened(
    pool: Executor, port: int, context: ssl.SSLContext, count: int
) -> Iterator[list[ssl.SSLSocket]]:
    """``count`` connections that have each had one answer and stay open inside the block."""
    connections: list[ssl.SSLSocket] = []

    def one(_: int) -> None:
        tls = connect(port, context)
        connections.append(tls)
        ask(tls, GET)

    try:
        list(pool.map(one, range(count)))
        yield connections
    finally:
        for tls in connections:
            tls.close()


def still_open(connections: Sequence[ssl.SSLSocket]) -> bool:
    """Whether the server has closed none of them, nor said anything."""
    poll = select.poll()
    for tls in connections:
        poll.register(tls, select.POLLIN)
    return not poll.poll(0)


def repeat(pool: Executor, times: int, work: Callable[[], object]) -> Done:
    """Does ``work`` so many times, several at once."""
    began = time.monotonic()
    list(pool.map(lambda _: work(), range(times)))
    return Done(count=times, seconds=time.monotonic() - began)


def _accepted(tls: ssl.SSLSocket) -> ssl.SSLSession:
    """The session, once the server has shown that it accepted the client's certificate.

    In TLS 1.2 it has when the handshake returns. In TLS 1.3 its first ticket is the proof, since
    it comes after the client's Finished was judged (RFC 9846 section 4.7.1).
    """
    if tls.version() == "TLSv1.2":
        assert tls.session is not None
        return tls.session
    tls.setblocking(False)
    while (session := tls.session) is None or not session.has_ticket:
        if not select.select([tls], [], [], PATIENCE)[0]:
            raise NotServed("no session ticket came")
        with contextlib.suppress(ssl.SSLWantReadError):
            if not tls.recv(1):
                raise NotServed("the server closed without a session ticket")
    tls.settimeout(PATIENCE)
    return session


def _part(tls: ssl.SSLSocket) -> None:
    """Both sides' close_notify; not every server sends one."""
    with contextlib.suppress(OSError):
        tls.unwrap()


def _some(tls: ssl.SSLSocket) -> bytes:
    data = tls.recv(65536)
    if not data:
        raise NotServed("the server closed in place of an answer")
    return data
