"""What clients take from each other, and must not: places, turns, and the way in."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.http.limits import Limits
from lab.stream.contexts import TlsVersion
from tests.faults.attacks import REFUSED, refused
from tests.faults.greed import GARBAGE, pipeline
from tests.faults.peer import (
    GET,
    End,
    Peer,
    Target,
    target,
)
from tests.faults.rig import BOTH, besieged
from tests.support.doors import served
from tests.support.extent import amount

PLACES = amount(30, 100)
FEW = amount(12, 40)
BURST = amount(60, 300)
AHEAD = amount(400, 2000)  # requests

on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs Linux, where all of 127.0.0.0/8 is loopback"
)


@contextlib.asynccontextmanager
async def garbage_from(port: int, source: str, number: int) -> AsyncIterator[list[End]]:
    """So many connections that failed at once, and stay; how the server ended them."""
    # All at once: who must make room needs a while to be gone, and more come in the meantime.
    peers = await asyncio.gather(*[Peer.connect(port, source=source) for _ in range(number)])
    for peer in peers:
        with contextlib.suppress(ConnectionError):
            await peer.send(GARBAGE)
    # It has told each of them by now; it does not let go of each, as they do not either.
    yield [(await peer.everything())[1] for peer in peers]
    for peer in peers:
        peer.close()


@on_linux
async def test_who_failed_and_stays_does_not_keep_others_out(certs: Path) -> None:
    """One address could fill all places with connections that linger, without a certificate."""
    limits = Limits(
        max_connections=PLACES,
        max_surplus=1,
        max_handshakes_per_peer=FEW,
        discard_timeout=600.0,
        shutdown_timeout=0.5,
    )
    async with besieged(certs, limits=limits, clients=3 * PLACES) as siege:
        async with garbage_from(siege.port, "127.0.0.2", 3 * PLACES) as ends:
            assert Counter(ends)[End.FIN] >= FEW
            await siege.honest_goes_on()
            peer = await Peer.connect(
                siege.port, siege.target.trusted[TlsVersion.TLS13], source="127.0.0.3"
            )
            await peer.handshake()
            assert (await peer.ask(GET)).status == 200
            await peer.leave()
        assert set(siege.log.struck) == {"--max-handshakes-per-peer"}


async def served_all_at_once(aim: Target) -> Counter[int]:
    async def one(number: int) -> int:
        peer = await Peer.connect(aim.port, aim.trusted[list(TlsVersion)[number % 2]])
        try:
            await peer.handshake()
            return (await peer.ask(GET)).status
        finally:
            peer.close()

    return Counter(await asyncio.gather(*map(one, range(BURST))))


async def refused_all_at_once(aim: Target) -> Counter[str]:
    versions = list(TlsVersion) * (BURST // 2)
    return Counter(await asyncio.gather(*[refused(aim, version) for version in versions]))


def test_a_burst_of_one_address_is_let_in_or_told(certs: Path) -> None:
    """At the default limits, but for the time: how fast this machine is does not matter here."""
    words = ("--port", "0", "--handshake-timeout", "600")
    with served("--certs", certs, *words) as server:
        aim = target(server.port, certs)
        assert asyncio.run(served_all_at_once(aim)) == {200: BURST}
        told = dict.fromkeys(REFUSED.values(), BURST // 2)
        assert asyncio.run(refused_all_at_once(aim)) == told
        assert server.stop() == 0
    assert not [line for line in server.lines if "LIMIT" in line]


@BOTH
@pytest.mark.parametrize("apart", [False, True], ids=["one record", "a record each"])
async def test_requests_far_ahead_of_their_answers(
    certs: Path, version: TlsVersion, apart: bool
) -> None:
    """The last one that is answered says so, and others have their turns all the while."""
    limits = Limits(max_pipelined=10)
    async with besieged(certs, limits=limits) as siege:
        answers, ended = await pipeline(siege.target, version, AHEAD, apart=apart)
        assert [answer.status for answer in answers] == [204] * (limits.max_pipelined + 1)
        assert [answer.closes for answer in answers] == [False] * limits.max_pipelined + [True]
        assert ended == ""
        await siege.honest_goes_on()
        assert siege.log.struck == {"--max-pipelined": 1}
