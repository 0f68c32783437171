"""An answer whose content comes piece by piece for as long as it likes, such as events.

This module must not know what is streamed.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable

import h11

from lab.http.limits import ShutdownSignal, WaitInterrupted, WaitTimer
from lab.http.message import Response, encode_head

_END = h11.EndOfMessage()


async def write_stream(
    connection: h11.Connection,
    response: Response,
    write: Callable[[list[bytes]], Awaitable[None]],
    *,
    timer: WaitTimer,
    closing: ShutdownSignal,
    keep: bool,
    bodiless: bool,
) -> None:
    """Write an answer with a ``stream``, in chunks (RFC 9112 section 7.1), to the stream's end.

    Once ``closing`` is set it ends there, in order. While ``write`` waits for the peer, nothing is
    asked of the stream. ``bodiless`` leaves the content out (for HEAD). Raises what ``write`` does.
    """
    stream = response.stream
    assert stream is not None
    try:
        await write([encode_head(connection, response, keep=keep)])
        while not bodiless and (piece := await _next_piece(stream, timer, closing)):
            await write([connection.send(h11.Data(data=piece))])
    finally:
        await stream.aclose()
    if end := connection.send(_END):  # a HEAD's answer has no chunks, and no last one
        await write([end])


async def _next_piece(
    stream: AsyncGenerator[bytes, None], timer: WaitTimer, closing: ShutdownSignal
) -> bytes:
    """Return what comes next; ``b""`` at the end, or where the server closes."""
    if closing.is_set():
        return b""
    try:
        return await timer.wait(anext(stream, b""), deadline=math.inf, idle=True)
    except WaitInterrupted:
        return b""
