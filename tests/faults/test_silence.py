"""Clients that take a connection and give nothing for it, or next to nothing, hundreds at once.

The time-outs are short, but real ones: bytes keep coming, and the time-out strikes all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.http.limits import Limits
from lab.stream.contexts import TlsVersion
from tests.faults.greed import ask_slowly, idle
from tests.faults.peer import (
    GET,
    End,
    Peer,
    post,
)
from tests.faults.rig import Siege, besieged
from tests.support.extent import amount

MANY = amount(150, 500)
SOME = amount(20, 100)
FEW = amount(50, 100)
ENOUGH = 2000  # connections: more than any test here opens
TIME_ALONE = Limits(max_connections=ENOUGH, max_handshakes_per_peer=ENOUGH, discard_timeout=0.5)
VERSIONS = list(TlsVersion)


async def crowd(port: int, number: int) -> list[Peer]:
    """So many connections, a few at a time, as the queue of a listening socket is bounded."""
    peers: list[Peer] = []
    while len(peers) < number:
        peers += await asyncio.gather(*[Peer.connect(port) for _ in range(50)])
    return peers


@contextlib.asynccontextmanager
async def dripping(peer: Peer, data: bytes, interval: float) -> AsyncIterator[None]:
    """Sends byte after byte inside the block, at an interval in seconds."""

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            for byte in data:
                await peer.send(bytes([byte]))
                await asyncio.sleep(interval)
            pytest.fail("the server waited for every single byte")

    task = asyncio.ensure_future(drip())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_many_connections_stay_silent(certs: Path) -> None:
    async with besieged(
        certs, limits=replace(TIME_ALONE, handshake_timeout=2.0), clients=MANY
    ) as siege:
        assert await endings_of_silence(siege.port) == {(b"", End.FIN): MANY}
        assert siege.log.struck == {"--handshake-timeout": MANY}


async def endings_of_silence(port: int) -> Counter[tuple[bytes, End]]:
    peers = await crowd(port, MANY)
    endings = await asyncio.gather(*[peer.everything() for peer in peers])
    for peer in peers:
        peer.close()
    return Counter(endings)


async def test_silent_connections_of_one_address_make_room_for_each_other(certs: Path) -> None:
    """The honest client has the same address, and is let in all the time."""
    limits = Limits(handshake_timeout=600.0, max_handshakes_per_peer=FEW)
    async with besieged(certs, limits=limits, clients=MANY) as siege:
        answers = siege.honest.answers
        await leave_early(siege)
        assert siege.honest.answers > answers


async def leave_early(siege: Siege) -> None:
    """Many connections: all but the last few are let go of, long before their time is up."""
    peers: list[Peer] = []
    while len(peers) < MANY:
        peers += await crowd(siege.port, 50)
        await siege.honest_goes_on()
    readers = [asyncio.ensure_future(peer.everything()) for peer in peers]
    early = readers[: MANY - FEW]
    await asyncio.wait(early)
    await siege.honest_goes_on()
    assert siege.log.struck["--max-handshakes-per-peer"] >= len(early)
    assert siege.log.struck["--handshake-timeout"] == 0
    for peer in peers:
        peer.finish_sending()
    await asyncio.gather(*readers)
    for peer in peers:
        peer.close()


async def test_many_connections_send_a_byte_now_and_then(certs: Path) -> None:
    """Each byte is right, and each is too late: the time-out counts from the beginning."""
    async with besieged(
        certs, limits=replace(TIME_ALONE, handshake_timeout=2.5), clients=MANY
    ) as siege:
        context = siege.target.trusted[TlsVersion.TLS13]

        async def creep() -> None:
            peer = await Peer.connect(siege.port, context)
            async with dripping(peer, peer.flight(), 0.25):
                await peer.everything()
            peer.close()

        await asyncio.gather(*[creep() for _ in range(MANY)])
        assert siege.log.struck == {"--handshake-timeout": MANY}


@pytest.mark.parametrize(
    ("request_", "limits", "flag"),
    [
        (GET[:-4], replace(TIME_ALONE, header_timeout=1.0), "--header-timeout"),
        (post("x" * 500), replace(TIME_ALONE, body_timeout=1.0), "--body-timeout"),
    ],
    ids=["head", "body"],
)
async def test_requests_that_come_byte_by_byte_and_too_slowly(
    certs: Path, request_: bytes, limits: Limits, flag: str
) -> None:
    """Each is told 408, in time, in each version."""
    async with besieged(certs, limits=limits, clients=SOME) as siege:

        async def ask(number: int) -> int:
            version = VERSIONS[number % len(VERSIONS)]
            return (await ask_slowly(siege.target, version, request_, 0.1)).status

        assert Counter(await asyncio.gather(*map(ask, range(SOME)))) == {408: SOME}
        assert siege.log.struck == {flag: SOME}


async def test_connections_that_ask_nothing_more(certs: Path) -> None:
    """They end in order: there is nothing to complain of."""
    limits = replace(TIME_ALONE, idle_timeout=1.0)
    async with besieged(certs, limits=limits, clients=SOME) as siege:
        verdicts = await asyncio.gather(
            *[idle(siege.target, VERSIONS[number % 2]) for number in range(SOME)]
        )
        assert Counter(verdicts) == {"": SOME}
        assert siege.log.struck == {"--idle-timeout": SOME}
