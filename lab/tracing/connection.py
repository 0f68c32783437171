"""One observed connection to a server: dial it, speak what comes before TLS, collect its events.

The events outlive the connection: they are what a probe or a trace is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from lab.capture.results import Address
from lab.stream.key_log_source import KeyLogSource
from lab.stream.observed_wire import ObservedWire, ObserverFeed
from lab.stream.tls_stream import Linger, TlsStream
from lab.stream.wire import DialledWire, address_text, dial, dial_unix, within
from lab.tls.code_points import ContentType
from lab.tls.events import Endpoint, Fact, MessageSeen
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.packet_file import MOST_OCTETS, ConnectionPackets, PacketFile
from lab.tracing.preludes.before_tls import speak_before_tls
from lab.tracing.preludes.prelude_stream import PreludeError
from lab.tracing.route import DIRECT, Route
from lab.tracing.target import Target

# A client has nothing to wait for once it has sent close_notify. What the server still sends must
# not meet a closed socket, which would answer it with RST.
_LINGER = 0.5


# Seconds between two pieces of one message: a server that reads once gets the first alone.
_APART = 0.1

# What packets in a file have for addresses where the connection has none, as a Unix socket.
_NO_ADDRESSES = Address("127.0.0.1", 1), Address("127.0.0.1", 443)


class NoConnection(Exception):
    """TLS was not reached: no TCP, or a prelude that came to nothing. Its message says why.

    It names the target, and what to do.
    """


@dataclass(slots=True, kw_only=True)
class ReturningClient:
    """A client that keeps the session of its last connection, and offers it in the next.

    OpenSSL ties a session to the ``context`` that it began in. ``presents`` is another context,
    whose certificate the client has at hand by now; None: that of ``context``. ``resumed`` tells
    whether the server resumed the session in the last connection.
    """

    context: ssl.SSLContext
    presents: ssl.SSLContext | None = None
    session: ssl.SSLSession | None = None
    resumed: bool = False

    def offer(self, tls: ssl.SSLObject) -> None:
        """Offer the session, if there is one, in a handshake that has not begun."""
        offered, self.session, self.resumed = self.session, None, False
        if offered is None:
            return
        own, tls.context = tls.context, self.context
        tls.session = offered
        tls.context = own

    def keep(self, tls: ssl.SSLObject) -> None:
        """Keep what the server has issued so far: after the handshake, and at the end.

        In TLS 1.3 that comes behind the handshake; in TLS 1.2 a renegotiation may replace it.
        """
        self.resumed = self.resumed or bool(tls.session_reused)
        try:
            session = tls.session
        except ValueError:  # what OpenSSL has of a handshake that failed is no session yet
            session = None
        if session is not None and (
            session.has_ticket or (tls.version() == "TLSv1.2" and bool(session.id))
        ):
            self.session = session


@contextlib.asynccontextmanager
async def connected(
    target: Target,
    context: ssl.SSLContext,
    buffer: EventBuffer,
    *,
    sni: str | None = None,
    route: Route = DIRECT,
    limit: float,
    key_log: Path | None = None,
    packets: PacketFile | None = None,
) -> AsyncIterator[TlsStream]:
    """Open a stream to ``target`` whose handshake is still to do; close it at the end.

    Its events go to ``buffer``. ``sni`` is the name to ask for and to find in the server's
    certificate, the target's host if it is None. ``route`` is what is done before TLS. ``limit``
    bounds the dialling and each step of the route, in seconds. ``key_log`` is a file to add the
    secrets to, ``packets`` one to write all that passes to. Raises NoConnection, and OSError where
    that file cannot be written.
    """
    with KeyLogSource(context, key_log) as source:
        name = sni or target.host
        wire, recorder = await _reach(target, route, name, buffer, limit, packets)
        feed = ObserverFeed(
            Endpoint.CLIENT,
            buffer,
            key_log=source,
            recorder=recorder,
            record_log=buffer.record_log,
        )
        stream = TlsStream(wire, context, Endpoint.CLIENT, server_hostname=name, feed=feed)
        try:
            yield stream
        finally:
            feed.unfinished()
            await stream.close(Linger(seconds=_LINGER))


async def _reach(
    target: Target,
    route: Route,
    name: str,
    buffer: EventBuffer,
    limit: float,
    packets: PacketFile | None,
) -> tuple[DialledWire, ConnectionPackets | None]:
    """Dial, and speak what comes before TLS. Raises NoConnection."""
    wire = await _dialled(target, route, limit)
    ends = None
    if not target.unix_socket:
        ends = Address(*wire.local), Address(*wire.peer)
        buffer.local_address = address_text(*wire.local)
    recorder = None
    if packets is not None:
        addresses = ends or _NO_ADDRESSES
        recorder = packets.connection(*addresses, time.monotonic(), most=MOST_OCTETS)
    try:
        buffer.prelude, first = await speak_before_tls(
            wire, route, target, name=name, ends=ends, limit=limit, recorder=recorder
        )
    except BaseException as error:
        if recorder is not None:
            recorder.closed()
        await wire.close(_LINGER)
        if isinstance(error, PreludeError):
            raise NoConnection(f"{target.address}: {error}") from error
        raise
    wire.unread(first)
    return wire, recorder


async def _dialled(target: Target, route: Route, limit: float) -> DialledWire:
    """Open a connection to the target, or to the proxy, within ``limit`` seconds.

    Raises NoConnection.
    """
    proxy = route.proxy
    where = target.address if proxy is None else f"the proxy {proxy.authority}"
    try:
        if target.unix_socket:
            return await within(limit, dial_unix(target.unix_socket))
        end = target if proxy is None else proxy
        return await within(limit, dial(end.host, end.port))
    except TimeoutError:
        raise NoConnection(f"{where} did not answer within {limit:g} s") from None
    except OSError as error:
        raise NoConnection(
            f"cannot connect to {where}: {reason_of(error)}; "
            f"check the address, and that the {'server' if proxy is None else 'proxy'} runs"
        ) from error


def reason_of(error: OSError) -> str:
    """Return the system's words for why there is no connection."""
    # asyncio writes a longer text into strerror than the system's.
    if error.errno is None or isinstance(error, socket.gaierror) or sys.platform == "win32":
        return error.strerror or str(error)
    return os.strerror(error.errno)


async def send_bytes(
    target: Target,
    data: bytes,
    buffer: EventBuffer,
    *,
    first: int = 0,
    sni: str | None = None,
    route: Route = DIRECT,
    limit: float,
    packets: PacketFile | None = None,
) -> None:
    """Connect without TLS, send ``data`` (it may be empty), wait for an answer, and close.

    ``first`` bytes of it go ahead, so that they arrive alone; 0: all is sent at once.

    The client leaves at the server's first handshake message, at the end of the server's stream, or
    at its time limit; nothing that comes back is acted upon.

    ``route`` is what is done before, with ``sni`` for the server's name. ``limit`` bounds the
    dialling, each step of the route and the waiting, in seconds; ``packets`` is a file to write
    all that passes to. Raises NoConnection.
    """
    dialled, recorder = await _reach(target, route, sni or target.host, buffer, limit, packets)
    log = buffer.record_log
    feed = ObserverFeed(Endpoint.CLIENT, buffer, live=True, recorder=recorder, record_log=log)
    wire = ObservedWire(dialled, Endpoint.CLIENT, feed)
    try:
        # Why a write fails is explained by what the server sent; it is read next.
        with contextlib.suppress(ConnectionError):
            if first:
                await wire.send(data[:first])
                await asyncio.sleep(_APART)
            if data:
                await wire.send(data[first:])
        await _read(wire, limit, until_answered_in=buffer)
        is_hello = data[:1] == bytes((ContentType.HANDSHAKE,))
        if is_hello and wire.peer_end is None and not _is_answered(buffer):
            wire.fact(Fact.TIMED_OUT, f"no answer within {limit:g} s")
        feed.unfinished()
        wire.finish_sending()
        await _read(wire, _LINGER)
    finally:
        await wire.close(_LINGER)


async def _read(
    wire: ObservedWire, limit: float, *, until_answered_in: EventBuffer | None = None
) -> None:
    """Read to the end of the server's stream, or only to its first message."""

    async def read() -> None:
        while wire.peer_end is None and not _is_answered(until_answered_in):
            with contextlib.suppress(ConnectionError):
                await wire.receive()
                wire.show_received(learn=False)

    with contextlib.suppress(TimeoutError):
        await within(limit, read())


def _is_answered(buffer: EventBuffer | None) -> bool:
    return buffer is not None and any(
        isinstance(event, MessageSeen) and event.endpoint is Endpoint.SERVER
        for event in buffer.events
    )
