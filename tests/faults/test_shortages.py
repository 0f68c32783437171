"""What a server does with too little: no descriptors left, and clients that take no answer.

The server is a process of its own; what it holds and what it costs is seen from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.http.limits import Limits
from lab.stream.contexts import TlsVersion
from tests.faults.greed import never_read
from tests.faults.honest import Honest, honest_beside
from tests.faults.peer import Peer, target
from tests.faults.processes import Observed, short_of_descriptors, standing_still
from tests.support.doors import ServerProcess, run, served

if sys.platform != "win32":
    import resource

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

FILES = 256  # descriptors that the server may have
PLACES = FILES - 128 - Limits().max_surplus
TOO_MANY = 400
FREE = 10  # descriptors that are left to the server
GREEDY = 6
MIB = 1024 * 1024


@contextlib.contextmanager
def soft_limit(files: int) -> Iterator[None]:
    """Inside the block, programs that are started may have so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def take_all_places(server: ServerProcess, certs: Path) -> int:
    """Far more clients than descriptors come in one moment; the most that the server held."""
    aim, observed = target(server.port, certs), Observed(server.process.pid)
    most = 0
    with standing_still(observed.pid):
        crowd = [await Peer.connect(aim.port, source="127.0.0.2") for _ in range(TOO_MANY)]
    ends = [asyncio.ensure_future(peer.everything()) for peer in crowd]
    while sum(end.done() for end in ends) < TOO_MANY - PLACES - Limits().max_surplus:
        most = max(most, observed.descriptors())
        await asyncio.sleep(0)
    peer = await Peer.connect(aim.port, aim.trusted[TlsVersion.TLS13])
    assert (await peer.everything())[0] == b""  # there is no place for it
    peer.close()
    for peer in crowd:
        peer.close()
    await asyncio.gather(*ends, return_exceptions=True)
    await observed.descriptors_at_rest()
    honest = Honest(aim)
    await honest.one_round()
    assert not honest.wrong, honest.wrong
    return most


@pytest.mark.slow
def test_connections_are_limited_to_what_descriptors_allow(certs: Path) -> None:
    with contextlib.ExitStack() as stack:
        with soft_limit(FILES):
            server = stack.enter_context(served("--certs", certs, "--port", "0"))
        assert server.lines[0] == (
            f"[SERVER] Limiting connections to {PLACES} instead of 800: "
            f"the limit of open files is {FILES} (ulimit -n)"
        )
        assert asyncio.run(take_all_places(server, certs)) < FILES
        assert server.stop() == 0
    struck = [line for line in server.lines if "| LIMIT |" in line]
    assert all(f"--max-connections {PLACES} " in line for line in struck)
    forbidden = ("Traceback", "INTERNAL ERROR", "NOT ACCEPTING")
    assert not [line for line in server.lines if any(word in line for word in forbidden)]


def test_too_few_descriptors_keep_it_from_starting(certs: Path) -> None:
    with soft_limit(100):
        done = run("lab.server", "--certs", certs, "--port", "0")
    assert (done.code, done.err) == (
        2,
        "lab.server: the limit of open files is 100, and a server needs 179 or more; "
        "raise it (ulimit -n)\n",
    )


def test_the_default_limit_of_connections_fits_the_usual_limit_of_files(certs: Path) -> None:
    with contextlib.ExitStack() as stack:
        with soft_limit(1024):
            server = stack.enter_context(served("--certs", certs, "--port", "0"))
        assert len(server.lines) == 1


async def use_up_descriptors(server: ServerProcess, certs: Path) -> None:
    """Leave a server that runs none for a while, as a shortage of the whole system does."""
    aim = target(server.port, certs)
    honest = Honest(aim)
    await honest.one_round()
    with short_of_descriptors(server.process.pid, FREE):
        crowd = [await Peer.connect(server.port) for _ in range(2 * FREE)]
        await asyncio.to_thread(server.until, "NOT ACCEPTING")
    for peer in crowd:
        peer.close()
    # Whoever comes now waits until the server tries again, and is served.
    await honest.one_round()
    assert not honest.wrong, honest.wrong


def test_a_shortage_from_outside_is_told_and_outlived(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        asyncio.run(use_up_descriptors(server, certs))
        assert server.stop() == 0
    told = [line for line in server.lines if "NOT ACCEPTING" in line]
    assert all("ulimit -n" in line for line in told)
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


@pytest.mark.slow
def test_clients_that_never_read_take_no_memory(certs: Path) -> None:
    """Their answers alone would be a multiple of it, if they were kept for them."""
    words = ("--write-timeout", "2", "--max-pipelined", "1000000000")
    with served("--certs", certs, "--port", "0", *words) as server:
        taken = asyncio.run(take_no_answer(server.port, certs, server.process.pid))
        assert server.stop() == 0
    assert sum("--write-timeout" in line for line in server.lines) == GREEDY
    assert taken * 500 > 50 * MIB
    assert not [line for line in server.lines if "Traceback" in line]
