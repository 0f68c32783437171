"""Whatever bytes come: mutations of a real ClientHello, random bytes, cut anywhere, by Hypothesis.

The server is a process, the same one for all examples; after each it must still serve, and at the
end hold no more than before.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.stream.contexts import TlsVersion
from tests.faults.attacks import hello_of, mutated
from tests.faults.honest import Honest
from tests.faults.peer import (
    GET,
    End,
    Peer,
    Target,
    are_whole_records,
    target,
)
from tests.faults.processes import Observed
from tests.support.doors import served
from tests.support.extent import amount

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

# What the server does with a client that says FIN needs no time-out to come to its end.
WORDS = ("--port", "0", "--handshake-timeout", "600")


async def throw(port: int, pieces: list[bytes]) -> None:
    """Send the pieces, then FIN, and read until the server ends it, as it must."""
    peer = await Peer.connect(port)
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            await peer.send(piece)
    peer.finish_sending()
    said, end = await peer.everything()
    peer.close()
    assert end is End.FIN
    assert are_whole_records(said)


async def throw_later(aim: Target, version: TlsVersion, pieces: list[bytes]) -> None:
    """Shake hands honestly, then send the pieces, then FIN without goodbye: an alert answers it."""
    peer = await Peer.connect(aim.port, aim.trusted[version])
    await peer.handshake()
    assert (await peer.ask(GET)).status == 200
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            await peer.send(piece)
    peer.finish_sending()
    assert "_ALERT_" in await peer.verdict()
    peer.close()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """``data`` in pieces, cut at the places that lie in it."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


async def serves(aim: Target) -> None:
    honest = Honest(aim)
    await honest.one_round()
    assert not honest.wrong, honest.wrong


def test_whatever_comes_the_next_client_is_served(certs: Path) -> None:
    with served("--certs", certs, *WORDS) as process:
        server, aim = Observed(process.process.pid), target(process.port, certs)
        hellos = [asyncio.run(hello_of(aim, version)) for version in TlsVersion]
        asyncio.run(serves(aim))
        held = asyncio.run(server.descriptors_at_rest())

        @settings(max_examples=amount(40, 200), deadline=None, database=None)
        @given(
            st.one_of(
                st.binary(max_size=300),
                st.builds(
                    lambda hello, seed: mutated(hello, random.Random(seed)),
                    st.sampled_from(hellos),
                    st.integers(),
                ),
            ),
            st.lists(st.integers(min_value=0, max_value=600), max_size=5),
        )
        def at_first(data: bytes, places: list[int]) -> None:
            asyncio.run(throw(aim.port, cut(data, places)))

        @settings(max_examples=amount(12, 60), deadline=None, database=None)
        @given(st.sampled_from(TlsVersion), st.binary(max_size=300), st.lists(st.integers(0, 300)))
        def behind_a_handshake(version: TlsVersion, data: bytes, places: list[int]) -> None:
            asyncio.run(throw_later(aim, version, cut(data, places)))

        for attack in (at_first, behind_a_handshake):
            attack()
            asyncio.run(serves(aim))
        assert asyncio.run(server.descriptors_at_rest()) == held
        assert process.stop() == 0
    assert not [line for line in process.lines if "Traceback" in line or "INTERNAL ERROR" in line]
