"""A client without TLS: it sends some bytes, waits for an answer, and leaves. All is observed.

Rules: nothing that comes back is acted upon. The client leaves at the server's first handshake
message, at the end of the server's stream, or at its time limit.
"""

from __future__ import annotations

import asyncio
import contextlib

from lab.stream.observed_wire import ObservedWire, ObserverFeed
from lab.tls.events import Endpoint, MessageSeen
from lab.tracing.connection import reach
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.target import Target

# How long to read on after FIN, in seconds: what the server still sends must not meet a closed
# socket, which would answer it with RST.
_LINGER = 0.5


async def send_bytes(target: Target, data: bytes, buffer: EventBuffer, *, limit: float) -> None:
    """Connect, send ``data`` (it may be empty), wait for an answer, and close.

    ``limit`` bounds the dialling and the waiting, in seconds each. Raises NoConnection.
    """
    dialled = await reach(target, limit)
    feed = ObserverFeed(Endpoint.CLIENT, buffer, live=True)
    wire = ObservedWire(dialled, Endpoint.CLIENT, feed)
    try:
        if data:
            # Why a write fails is explained by what the server sent; it is read next.
            with contextlib.suppress(ConnectionError):
                await wire.send(data)
        await _read(wire, limit, until_answered_in=buffer)
        feed.unfinished()
        wire.finish_sending()
        await _read(wire, _LINGER)
    finally:
        await wire.close(_LINGER)


async def _read(
    wire: ObservedWire, limit: float, *, until_answered_in: EventBuffer | None = None
) -> None:
    """Read to the end of the server's stream, or only to its first message."""
    with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
        await asyncio.wait_for(_read_on(wire, until_answered_in), limit)


async def _read_on(wire: ObservedWire, buffer: EventBuffer | None) -> None:
    while wire.peer_end is None and not (buffer is not None and _is_answered(buffer)):
        with contextlib.suppress(ConnectionError):
            await wire.receive()
            wire.show_received(learn=False)


def _is_answered(buffer: EventBuffer) -> bool:
    return any(
        isinstance(event, MessageSeen) and event.endpoint is Endpoint.SERVER
        for event in buffer.events
    )
