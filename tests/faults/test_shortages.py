"""What a server does with too little: no descriptors left, and clients that take no answer.

The server is a process of its own; what it holds and what it costs is seen from outside.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from lab.stream.contexts import TlsVersion
from tests.faults.attacks import REFUSED, told
from tests.faults.greed import never_read
from tests.faults.honest import Honest, honest_beside
from tests.faults.peer import GET, Peer, target
from tests.faults.processes import Observed, short_of_descriptors
from tests.support.doors import ServerProcess, served

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

FREE = 10  # descriptors that are left to the server
TOO_MANY = 40
WAITING = 5  # of each version
LOOK = 2.5  # seconds
GREEDY = 6
MIB = 1024 * 1024


async def crowd_out(server: ServerProcess) -> list[Peer]:
    """Take the last descriptors of the server, and wait until it has told; those who hold them."""
    crowd = [await Peer.connect(server.port) for _ in range(TOO_MANY)]
    await asyncio.to_thread(server.until, "NOT ACCEPTING")
    return crowd


async def use_up_descriptors(server: ServerProcess, certs: Path) -> float:
    """Leave the server none for a while; for how many seconds."""
    observed, aim = Observed(server.process.pid), target(server.port, certs)
    honest = Honest(aim)
    await honest.one_round()
    early = await Peer.connect(server.port, aim.trusted[TlsVersion.TLS13])
    await early.handshake()
    assert (await early.ask(GET)).status == 200
    began = time.monotonic()
    with short_of_descriptors(observed.pid, FREE):
        crowd = await crowd_out(server)

        cpu, looked = observed.cpu(), time.monotonic()
        while time.monotonic() - looked < LOOK:
            # Who is in is served as ever.
            assert (await early.ask(GET)).status == 200
            await asyncio.sleep(0.1)
        assert observed.cpu() - cpu < (time.monotonic() - looked) / 2, "it spins"

        for peer in crowd:
            peer.close()
        # Whoever comes now waits until the server tries again, and is served.
        await honest.one_round()
    assert not honest.wrong, honest.wrong
    await early.leave()
    return time.monotonic() - began


def test_a_limit_of_descriptors_is_told_and_outlived(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        passed = asyncio.run(use_up_descriptors(server, certs))
        assert server.stop() == 0
    told = [line for line in server.lines if "NOT ACCEPTING" in line]
    assert 2 <= len(told) <= passed + 1, "it tells again, but not for each connection"
    assert all("ulimit -n" in line for line in told)
    assert not [line for line in server.lines if "Traceback" in line]


async def reset_in_a_shortage(port: int, pid: int) -> None:
    """Connections that take the last descriptor of a server's process, and end by RST."""
    with short_of_descriptors(pid, 1):
        for _ in range(2 * FREE):
            peer = await Peer.connect(port)
            await peer.send(b"\x16\x03\x01")
            peer.reset()
        await Observed(pid).descriptors_at_rest()


def test_who_counts_needs_no_descriptor_for_it(certs: Path) -> None:
    """What has no count yet may come at a bad time."""
    with served("--certs", certs, "--port", "0", "--monitor-port", "0") as server:
        server.until("Ctrl")
        asyncio.run(reset_in_a_shortage(server.port, server.process.pid))
        assert server.stop() == 0
    assert not [line for line in server.lines if "Traceback" in line or "INTERNAL ERROR" in line]


def test_it_stops_in_order_while_there_are_no_descriptors(certs: Path) -> None:
    with served("--certs", certs, "--port", "0", "--handshake-timeout", "1") as server:
        with short_of_descriptors(server.process.pid, FREE):
            crowd = asyncio.run(crowd_out(server))
            code = server.stop()
        for peer in crowd:
            peer.close()
    assert code == 0
    assert server.lines[-1] == "[SERVER] Stopped."
    assert not [line for line in server.lines if "Traceback" in line]


async def stop_short_of_descriptors(server: ServerProcess, certs: Path) -> Counter[str]:
    """Clients without a certificate that wait for a descriptor when the server is told to stop."""
    aim, pid = target(server.port, certs), server.process.pid
    with short_of_descriptors(pid, FREE):
        crowd = await crowd_out(server)
        waiting = [
            await Peer.connect(aim.port, aim.nameless[version])
            for version in TlsVersion
            for _ in range(WAITING)
        ]
        os.kill(pid, signal.SIGTERM)
        await asyncio.to_thread(server.until, "Stopping")
        for peer in crowd:
            peer.close()
        return Counter(await asyncio.gather(*map(told, waiting)))


def test_who_waits_for_a_descriptor_at_the_end_gets_one_as_others_leave(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        server.until("Ctrl")
        found = asyncio.run(stop_short_of_descriptors(server, certs))
        assert found == dict.fromkeys(REFUSED.values(), WAITING)
        assert server.process.wait(30) == 0
    assert not [line for line in server.lines if "Traceback" in line]


async def take_no_answer(port: int, certs: Path, pid: int) -> int:
    """Greedy clients in both versions; how many requests of theirs the server took in all."""
    aim, server = target(port, certs), Observed(pid)
    await Honest(aim).one_round()
    held, memory = await server.descriptors_at_rest(), server.memory()
    async with honest_beside(aim) as honest:
        versions = list(TlsVersion)
        taken = await asyncio.gather(
            *[never_read(aim, versions[number % 2]) for number in range(GREEDY)]
        )
    assert not honest.wrong, honest.wrong
    assert server.peak_memory() - memory < 24 * MIB
    assert await server.descriptors_at_rest() == held
    assert None not in taken, "it went on with a client that reads nothing"
    return sum(number or 0 for number in taken)


def test_clients_that_never_read_take_no_memory(certs: Path) -> None:
    """Their answers alone would be a multiple of it, if they were kept for them."""
    words = ("--write-timeout", "2", "--max-pipelined", "1000000000")
    with served("--certs", certs, "--port", "0", *words) as server:
        taken = asyncio.run(take_no_answer(server.port, certs, server.process.pid))
        assert server.stop() == 0
    assert sum("--write-timeout" in line for line in server.lines) == GREEDY
    assert taken * 500 > 50 * MIB
    assert not [line for line in server.lines if "Traceback" in line]
