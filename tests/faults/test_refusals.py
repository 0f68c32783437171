"""Ten thousand handshakes refused in a row, each with its alert; and refusals during a shutdown.

The server is a process of its own, with its log, as a user starts it: what it holds is counted from
outside.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from lab.stream.contexts import TlsVersion
from tests.doors import served
from tests.faults.attacks import refused
from tests.faults.honest import honest_beside
from tests.faults.peer import GET, Peer, Target, target
from tests.faults.processes import Observed

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

ALERTS = {
    TlsVersion.TLS12: "SSLV3_ALERT_HANDSHAKE_FAILURE",  # 40
    TlsVersion.TLS13: "TLSV13_ALERT_CERTIFICATE_REQUIRED",  # 116
}
REFUSALS = 10_000
AT_ONCE = 24
WARM = 1_000  # handshakes until allocators and caches have what they will keep
GROWTH = 4 * 1024 * 1024  # bytes; a connection that was kept would be 40 KiB


async def refuse_many(aim: Target, number: int) -> Counter[str]:
    """``number`` clients without a certificate, half of them in each version."""
    verdicts: Counter[str] = Counter()
    versions = itertools.islice(itertools.cycle(ALERTS), number)

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


def test_10000_refused_handshakes_each_with_its_alert(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        found = asyncio.run(refused_beside_an_honest_client(server.port, certs, server.process.pid))
        assert found == dict.fromkeys(ALERTS.values(), REFUSALS // 2)
        assert server.stop() == 0
    refusals = [line for line in server.lines if " refused | " in line]
    assert len(refusals) == REFUSALS
    assert sum("alert fatal handshake_failure (40)" in line for line in refusals) == REFUSALS // 2
    assert sum("alert fatal certificate_required (116)" in line for line in refusals) == (
        REFUSALS // 2
    )
    assert not [line for line in server.lines if "Traceback" in line or "FAULT" in line]


async def refused_while_it_stops(port: int, certs: Path, pid: int) -> Counter[str]:
    """Clients that have connected before the signal, and of whom the server knows nothing yet."""
    aim = target(port, certs)
    # A server that stands still accepts nobody: the clients are in the queue of its socket.
    os.kill(pid, signal.SIGSTOP)
    try:
        clients = [
            (version, await Peer.connect(port, aim.nameless[version]))
            for version in TlsVersion
            for _ in range(30)
        ]
        for _, peer in clients:
            await peer.send(peer.flight())
        os.kill(pid, signal.SIGTERM)
    finally:
        os.kill(pid, signal.SIGCONT)

    async def ask(version: TlsVersion, peer: Peer) -> str:
        try:
            await peer.handshake()
            await peer.write(GET)
            return await peer.verdict()
        except OSError as error:
            return getattr(error, "reason", None) or repr(error)
        finally:
            peer.close()

    return Counter(await asyncio.gather(*[ask(*client) for client in clients]))


def test_who_waits_in_the_queue_when_the_server_stops_gets_its_alert(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        server.until("Ctrl")
        found = asyncio.run(refused_while_it_stops(server.port, certs, server.process.pid))
        assert found == dict.fromkeys(ALERTS.values(), 30)
        assert server.process.wait(30) == 0
        server.until("Stopped")
    assert not [line for line in server.lines if "Traceback" in line or "FAULT" in line]


async def refused_in_mid_handshake(port: int, certs: Path, pid: int) -> Counter[str]:
    """Clients that have the server's flight already when it is told to stop."""
    aim = target(port, certs)

    async def begin(version: TlsVersion) -> tuple[Peer, bytes]:
        peer = await Peer.connect(port, aim.nameless[version])
        await peer.send(peer.flight())
        return peer, await peer.answer_flight()

    begun = await asyncio.gather(*[begin(version) for version in TlsVersion for _ in range(30)])
    os.kill(pid, signal.SIGTERM)

    async def end(peer: Peer, answer: bytes) -> str:
        try:
            await peer.send(answer)
            await peer.handshake()
            return await peer.verdict()
        except OSError as error:
            return getattr(error, "reason", None) or repr(error)
        finally:
            peer.close()

    return Counter(await asyncio.gather(*[end(*each) for each in begun]))


def test_who_is_in_its_handshake_when_the_server_stops_gets_its_alert(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        server.until("Ctrl")
        found = asyncio.run(refused_in_mid_handshake(server.port, certs, server.process.pid))
        assert found == dict.fromkeys(ALERTS.values(), 30)
        assert server.process.wait(30) == 0
