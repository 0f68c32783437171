"""A client without TLS: it sends some bytes, listens, and leaves. All of it is watched.

Rules: nothing that comes back is acted upon. The client leaves at the server's first handshake
message, at the end of the server's stream, or when its patience is over.
"""

from __future__ import annotations

import asyncio
import contextlib

from lab.stream.observed_wire import ObserverFeed
from lab.stream.wire import Wire
from lab.tls.events import (
    Endpoint,
    Fact,
    MessageSeen,
    StreamEnd,
)
from lab.tracing.connection import reach
from lab.tracing.event_buffer import EventBuffer
from lab.tracing.target import Target

# A server that has been left has little to say; what it does say shall not meet a closed socket.
_LINGER = 0.5


async def say(target: Target, data: bytes, recording: EventBuffer, *, limit: float) -> None:
    """Connect, send ``data`` (it may be empty), wait for an answer, and close.

    ``limit`` bounds the dialling and the waiting, in seconds each. Raises NoConnection.
    """
    speaker = _Speaker(await reach(target, limit), recording)
    try:
        await speaker.send(data)
        await speaker.listen(limit, for_answer=True)
        speaker.leave()
        await speaker.listen(_LINGER, for_answer=False)
    finally:
        await speaker.close()


class _Speaker:
    """One connection, told to a recording."""

    def __init__(self, wire: Wire, recording: EventBuffer) -> None:
        self._wire = wire
        self._recording = recording
        self._watch = ObserverFeed(Endpoint.CLIENT, recording, live=True)
        self._server_ended = False
        self._watch.fact(Fact.CONNECTED)

    async def send(self, data: bytes) -> None:
        if not data:
            return
        self._watch.sent(data, self._watch.clock())
        # Why a write fails is told by what the server said; it is read next.
        with contextlib.suppress(ConnectionError):
            await self._wire.send(data)

    async def listen(self, limit: float, *, for_answer: bool) -> None:
        """Hear the server out; with ``for_answer`` no longer than to its first message."""
        with contextlib.suppress(asyncio.TimeoutError, TimeoutError):
            await asyncio.wait_for(self._hear(for_answer), limit)

    async def _hear(self, for_answer: bool) -> None:
        while not self._server_ended and not (for_answer and self._answered()):
            try:
                data = await self._wire.receive()
            except ConnectionError:
                self._end(StreamEnd.RESET)
            else:
                if data:
                    self._watch.received(data, self._watch.clock())
                else:
                    self._end(StreamEnd.FIN)

    def _end(self, end: StreamEnd) -> None:
        self._server_ended = True
        self._watch.ended(Endpoint.SERVER, end)

    def _answered(self) -> bool:
        return any(
            isinstance(event, MessageSeen) and event.endpoint is Endpoint.SERVER
            for event in self._recording.events
        )

    def leave(self) -> None:
        self._watch.unfinished()
        self._wire.finish_sending()
        self._watch.ended(Endpoint.CLIENT, StreamEnd.FIN)

    async def close(self) -> None:
        await self._wire.close(_LINGER)
        self._watch.closed()
