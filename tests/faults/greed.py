"""Clients that give next to nothing for their connection, or want more than there is for one.

Rules: those of ``attacks``: an attack ends by itself, closes what it opened, and returns what the
server made of it.

This module must not know pytest, nor what the right outcome is: scripts/soak.py uses it too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from lab.stream.contexts import TlsVersion
from tests.faults.attacks import BURST, SMALL, answers_while
from tests.faults.peer import (
    GET,
    Answer,
    End,
    Peer,
    Target,
)

GARBAGE = b"GARBAGE\r\n"
OPTIONS = b"OPTIONS /todo HTTP/1.1\r\nHost: localhost\r\n\r\n"
_AT_ONCE = 10
_ENDLESS = 400_000  # requests


async def stay_silent(aim: Target, *, source: str | None = None) -> tuple[bytes, End]:
    """Connect, and wait for the server to have had enough."""
    peer = await Peer.connect(aim.port, source=source)
    try:
        return await peer.everything()
    finally:
        peer.close()


async def fail_and_stay(aim: Target, *, source: str, seconds: float) -> End:
    """Fail in the handshake at once, read to the end, and hold on to the connection for a while."""
    peer = await Peer.connect(aim.port, source=source)
    try:
        with contextlib.suppress(ConnectionError):
            await peer.send(GARBAGE)
        _, end = await peer.everything()
        await asyncio.sleep(seconds)
        return end
    finally:
        peer.close()


async def creep(aim: Target, version: TlsVersion, interval: float) -> tuple[bytes, End]:
    """Send a ClientHello byte by byte, at an ``interval`` in seconds, until the server ends it."""
    peer = await Peer.connect(aim.port, aim.trusted[version])
    sending = asyncio.ensure_future(
        _drip(peer, [bytes([byte]) for byte in peer.flight()], interval)
    )
    try:
        return await peer.everything()
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        peer.close()


async def ask_slowly(aim: Target, version: TlsVersion, request: bytes, interval: float) -> Answer:
    """Send a request's head, or its body where it has one, byte by byte; the answer.

    What comes before the slow part, its first byte at least, comes at once.
    """
    head = request.find(b"\r\n\r\n") + 4
    begun = head if 4 <= head < len(request) else 1
    peer = await Peer.connect(aim.port, aim.trusted[version])
    try:
        await peer.handshake()
        await peer.write(request[:begun])
        pieces = [peer.sealed(bytes([byte])) for byte in request[begun:]]
        sending = asyncio.ensure_future(_drip(peer, pieces, interval))
        try:
            answer = await peer.answer()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await peer.leave()
        return answer
    finally:
        peer.close()


async def _drip(peer: Peer, pieces: Sequence[bytes], interval: float) -> None:
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            await peer.send(piece)
            await asyncio.sleep(interval)


async def idle(aim: Target, version: TlsVersion) -> str:
    """Be answered, and ask no more until the server ends it; how, as ``Peer.verdict`` has it."""
    peer = await Peer.connect(aim.port, aim.trusted[version])
    try:
        await peer.handshake()
        await peer.ask(GET)
        return await peer.verdict()
    finally:
        peer.close()


async def pipeline(
    aim: Target, version: TlsVersion, number: int, *, apart: bool
) -> tuple[list[Answer], str]:
    """Send so many requests at once, each in a record of its own where ``apart``.

    Returns all answers, and how it ended, as ``Peer.verdict`` has it.
    """
    peer = await Peer.connect(aim.port, aim.trusted[version])
    try:
        await peer.handshake()
        size = 1 if apart else number
        requests = [peer.sealed(OPTIONS * size) for _ in range(0, number, size)]
        return await answers_while(peer, _send(peer, b"".join(requests)))
    finally:
        peer.close()


async def _send(peer: Peer, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        await peer.send(data)


async def never_read(aim: Target, version: TlsVersion) -> int | None:
    """Ask on and on, and read nothing, until the server lets go; how many requests were sent.

    None where it has not let go after more than all buffers on the way can hold.
    """
    peer = await Peer.connect(aim.port, aim.trusted[version], receive_buffer=SMALL)
    taken = 0
    try:
        await peer.handshake()
        while taken < _ENDLESS:
            await peer.write(BURST)
            taken += 90
    except ConnectionError:
        return taken
    finally:
        peer.reset()
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FullHouse:
    """What became of clients who took all places that there are, and of those who came then.

    ``kept`` are those who had a place, and what they were answered when the house was full.
    """

    kept: tuple[Answer, ...]
    turned_away: tuple[Answer, ...]


async def fill_the_house(aim: Target, *, places: int, newcomers: int) -> FullHouse:
    """Take up to ``places`` places, until so many newcomers were told that there is none."""
    inside: list[Peer] = []
    turned_away: list[Answer] = []

    async def come(number: int) -> None:
        version = list(TlsVersion)[number % len(TlsVersion)]
        peer = await Peer.connect(aim.port, aim.trusted[version])
        inside.append(peer)
        await peer.handshake()
        answer = await peer.ask(OPTIONS)
        if answer.status == 503:
            turned_away.append(answer)
            inside.remove(peer)
            await peer.leave()

    try:
        for _ in range(0, places, _AT_ONCE):
            if len(turned_away) < newcomers:
                await asyncio.gather(*map(come, range(_AT_ONCE)))
        kept = [await peer.ask(OPTIONS) for peer in inside]
        await asyncio.gather(*[peer.leave() for peer in inside])
    finally:
        for peer in inside:
            peer.close()
    return FullHouse(kept=tuple(kept), turned_away=tuple(turned_away))
