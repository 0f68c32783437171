"""The central faults again, at a server process on uvloop.

A loop has its own transports: how it tells a reset, and what it keeps of a connection, is its own.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from lab.stream.contexts import TlsVersion
from tests.faults.attacks import (
    REFUSED,
    Stage,
    refused,
    reset_at,
)
from tests.faults.greed import stay_silent
from tests.faults.honest import Honest, honest_beside
from tests.faults.peer import End, Target, target
from tests.faults.processes import Observed
from tests.support.doors import served
from tests.support.extent import amount

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc"),
    pytest.mark.skipif(find_spec("uvloop") is None, reason="needs uvloop"),
]

MANY = amount(50, 300)
EACH = amount(2, 10)
AT_ONCE = 20
WORDS = ("--port", "0", "--handshake-timeout", "2", "--max-handshakes-per-peer", "1000")


async def silence(aim: Target) -> None:
    endings = await asyncio.gather(*[stay_silent(aim) for _ in range(MANY)])
    assert Counter(endings) == {(b"", End.FIN): MANY}


async def resets(aim: Target) -> None:
    for version, stage in itertools.product(TlsVersion, Stage):
        await asyncio.gather(*[reset_at(aim, version, stage) for _ in range(EACH)])


async def refusals(aim: Target) -> None:
    versions = list(TlsVersion) * (AT_ONCE // 2)
    for _ in range(EACH):
        said = await asyncio.gather(*[refused(aim, version) for version in versions])
        assert Counter(said) == dict.fromkeys(REFUSED.values(), AT_ONCE // 2)


async def attacked(
    port: int, certs: Path, pid: int, attack: Callable[[Target], Awaitable[None]]
) -> None:
    """The attack beside an honest client; behind it, the server holds what it held before."""
    aim, server = target(port, certs), Observed(pid)
    await Honest(aim).one_round()
    held = await server.descriptors_at_rest()
    async with honest_beside(aim) as honest:
        await attack(aim)
    assert not honest.wrong, honest.wrong
    assert await server.descriptors_at_rest() == held


@pytest.mark.parametrize("attack", [silence, resets, refusals], ids=lambda attack: attack.__name__)
def test_the_central_faults(certs: Path, attack: Callable[[Target], Awaitable[None]]) -> None:
    with served("--certs", certs, *WORDS, "--loop", "uvloop") as server:
        asyncio.run(attacked(server.port, certs, server.process.pid, attack))
        assert server.stop() == 0
    assert not [line for line in server.lines if "Traceback" in line or "INTERNAL ERROR" in line]
