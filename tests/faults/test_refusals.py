"""Thousands of handshakes refused in a row, each with its alert.

The server is a process of its own, with its log, as a user starts it: what it holds is counted from
outside.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.attacks import REFUSED, refused
from tests.faults.honest import honest_beside
from tests.faults.peer import Target, target
from tests.faults.processes import Observed
from tests.support.doors import served
from tests.support.extent import amount

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

REFUSALS = amount(400, 10_000)
AT_ONCE = 24
WARM = amount(100, 1_000)  # handshakes until allocators and caches have what they will keep
GROWTH = 12 * 1024 * 1024  # bytes: of each refusal, not even a task may be kept


async def refuse_many(aim: Target, number: int) -> Counter[str]:
    """``number`` clients without a certificate, half of them in each version."""
    verdicts: Counter[str] = Counter()
    versions = itertools.islice(itertools.cycle(REFUSED), number)

    async def one_after_the_other() -> None:
        for version in versions:
            verdicts[await refused(aim, version)] += 1

    await asyncio.gather(*[one_after_the_other() for _ in range(AT_ONCE)])
    return verdicts


async def refused_beside_an_honest_client(port: int, certs: Path, pid: int) -> Counter[str]:
    aim = target(port, certs)
    server = Observed(pid)
    warm = await refuse_many(aim, WARM)
    held, memory = await server.descriptors_at_rest(), server.memory()
    async with honest_beside(aim) as honest:
        verdicts = warm + await refuse_many(aim, REFUSALS - WARM)
    assert not honest.wrong, honest.wrong
    assert server.memory() - memory < GROWTH
    assert await server.descriptors_at_rest() == held
    return verdicts


def test_many_refused_handshakes_each_with_its_alert(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        found = asyncio.run(refused_beside_an_honest_client(server.port, certs, server.process.pid))
        assert found == dict.fromkeys(REFUSED.values(), REFUSALS // 2)
        assert server.stop() == 0
    refusals = [line for line in server.lines if " rejected | " in line]
    assert len(refusals) == REFUSALS
    assert sum("alert fatal handshake_failure (40)" in line for line in refusals) == REFUSALS // 2
    assert sum("alert fatal certificate_required (116)" in line for line in refusals) == (
        REFUSALS // 2
    )
    assert not [line for line in server.lines if "Traceback" in line or "INTERNAL ERROR" in line]
