"""Clients that take a connection and give nothing for it, or next to nothing, five hundred at once.

The time-outs are short, but real ones: bytes keep coming, and the time-out strikes all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from pathlib import Path

import pytest

from lab.service.limits import Limits
from lab.stream.contexts import TlsVersion
from tests.faults.peer import GET, End, Peer, post
from tests.faults.rig import besieged

MANY = 500
BOTH = pytest.mark.parametrize("version", TlsVersion, ids=lambda version: f"TLS{version.value}")
ENOUGH = 2000  # connections: more than any test here opens


def limits(**times: float) -> Limits:
    """Limits of time alone, the numbers of connections being no matter."""
    return Limits(connections=ENOUGH, handshakes_per_peer=ENOUGH, discard_timeout=0.5, **times)  # type: ignore[arg-type]


async def crowd(port: int, number: int) -> list[Peer]:
    """So many connections, a few at a time: no more than a listening socket's queue can hold."""
    peers: list[Peer] = []
    while len(peers) < number:
        peers += await asyncio.gather(*[Peer.connect(port) for _ in range(50)])
    return peers


async def drip(peer: Peer, data: bytes, interval: float) -> int:
    """Send byte after byte until the server has had enough; how many were sent."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        for byte in data:
            await peer.send(bytes([byte]))
            sent += 1
            await asyncio.sleep(interval)
    return sent


async def test_500_connections_stay_silent(certs: Path) -> None:
    async with besieged(certs, limits=limits(handshake_timeout=2.0)) as siege:
        peers = await crowd(siege.port, MANY)
        endings = await asyncio.gather(*[peer.everything() for peer in peers])
        for peer in peers:
            peer.close()
        assert Counter(endings) == {(b"", End.FIN): MANY}
        assert len(siege.log.with_word("no complete handshake within 2 s")) == MANY


async def test_500_connections_send_a_byte_now_and_then(certs: Path) -> None:
    """Each byte is right, and each is too late: the time-out counts from the beginning."""
    async with besieged(certs, limits=limits(handshake_timeout=3.0)) as siege:
        context = siege.target.trusted[TlsVersion.TLS13]

        async def creep() -> tuple[int, int, End]:
            peer = await Peer.connect(siege.port, context)
            hello = peer.flight()
            dripping = asyncio.ensure_future(drip(peer, hello, 0.5))
            _, end = await peer.everything()
            peer.close()
            dripping.cancel()
            await asyncio.wait([dripping])
            return len(hello), 0, end

        endings = await asyncio.gather(*[creep() for _ in range(MANY)])
        assert {end for _, _, end in endings} <= {End.FIN, End.RESET}
        assert len(siege.log.with_word("no complete handshake within 3 s")) == MANY
