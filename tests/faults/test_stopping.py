"""Who comes while the server stops is still answered, or refused by an alert, however far it is."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest

from lab.serving.lab_server import TodoServer
from lab.stream.contexts import TlsVersion
from tests.faults.attacks import REFUSED, told
from tests.faults.peer import (
    GET,
    HOST,
    Peer,
    target,
)
from tests.faults.processes import standing_still
from tests.faults.rig import LOOPS
from tests.support.doors import ServerProcess, served
from tests.support.extent import amount
from tests.support.serving import PATIENCE, server_tls

EACH = amount(8, 30)  # clients of each version

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a system with POSIX signals")


async def test_who_is_in_the_queue_when_the_server_stops_gets_its_alert(certs: Path) -> None:
    """The loop has no turn between the clients' connecting and the server's close."""
    server = TodoServer(server_tls(certs))
    _, port = await server.open(HOST, 0)
    aim = target(port, certs)
    queued = [
        Peer(socket.create_connection((HOST, port), PATIENCE), aim.nameless[version])
        for version in TlsVersion
        for _ in range(EACH)
    ]
    closing = asyncio.create_task(server.close())
    assert Counter(await asyncio.gather(*map(told, queued))) == dict.fromkeys(
        REFUSED.values(), EACH
    )
    await closing
    with pytest.raises(ConnectionRefusedError):
        await Peer.connect(port)


def in_order(server: ServerProcess) -> bool:
    """Whether it has stopped, and said nothing that a client may not cause."""
    server.until(r"\] Stopped\.$")
    return server.process.wait(30) == 0 and not [
        line for line in server.lines if "Traceback" in line or "INTERNAL ERROR" in line
    ]


async def refused_from_the_queue(port: int, certs: Path, pid: int) -> Counter[str]:
    """Clients that have connected and spoken before the signal, while the server stood still."""
    aim = target(port, certs)
    with standing_still(pid):
        clients = [
            await Peer.connect(port, aim.nameless[version])
            for version in TlsVersion
            for _ in range(EACH)
        ]
        for peer in clients:
            await peer.send(peer.flight())
        os.kill(pid, signal.SIGTERM)
    return Counter(await asyncio.gather(*map(told, clients)))


@on_posix
@LOOPS
def test_who_has_spoken_before_the_signal_gets_its_alert(certs: Path, loop: str) -> None:
    with served("--certs", certs, "--port", "0", "--loop", loop) as server:
        server.until("Ctrl")
        found = asyncio.run(refused_from_the_queue(server.port, certs, server.process.pid))
        assert found == dict.fromkeys(REFUSED.values(), EACH)
        assert in_order(server)


async def refused_in_mid_handshake(port: int, certs: Path, pid: int) -> Counter[str]:
    """Clients that have the server's flight already when it is told to stop."""
    aim = target(port, certs)

    async def begin(version: TlsVersion) -> tuple[Peer, bytes]:
        peer = await Peer.connect(port, aim.nameless[version])
        await peer.send(peer.flight())
        return peer, await peer.answer_flight()

    begun = await asyncio.gather(*[begin(version) for version in TlsVersion for _ in range(EACH)])
    os.kill(pid, signal.SIGTERM)

    for peer, answer in begun:
        await peer.send(answer)
    return Counter(await asyncio.gather(*[told(peer) for peer, _ in begun]))


@on_posix
@LOOPS
def test_who_is_in_its_handshake_when_the_server_stops_gets_its_alert(
    certs: Path, loop: str
) -> None:
    with served("--certs", certs, "--port", "0", "--loop", loop) as server:
        server.until("Ctrl")
        found = asyncio.run(refused_in_mid_handshake(server.port, certs, server.process.pid))
        assert found == dict.fromkeys(REFUSED.values(), EACH)
        assert in_order(server)


async def answered(peer: Peer, asked: bytes = b"") -> tuple[int, bool, str]:
    """The answer's status, whether it announces the end, and how that came; what is ``asked`` is
    sent behind the handshake, where the client has not asked already."""
    try:
        await peer.handshake()
        if asked:
            await peer.write(asked)
        answer = await peer.answer()
        return answer.status, answer.closes, await peer.verdict()
    finally:
        peer.close()


async def answered_from_the_queue(
    port: int, certs: Path, pid: int
) -> Counter[tuple[int, bool, str]]:
    """Honest clients whom the server has not accepted yet when it is told to stop."""
    aim = target(port, certs)
    with standing_still(pid):
        clients = [
            await Peer.connect(port, aim.trusted[version])
            for version in TlsVersion
            for _ in range(EACH)
        ]
        os.kill(pid, signal.SIGTERM)
    return Counter(await asyncio.gather(*[answered(peer, GET) for peer in clients]))


@on_posix
@LOOPS
def test_who_is_let_in_when_the_server_stops_is_answered(certs: Path, loop: str) -> None:
    with served("--certs", certs, "--port", "0", "--loop", loop) as server:
        server.until("Ctrl")
        found = asyncio.run(answered_from_the_queue(server.port, certs, server.process.pid))
        assert found == {(200, True, ""): 2 * EACH}
        assert in_order(server)


async def answered_in_mid_handshake(
    server: ServerProcess, certs: Path
) -> Counter[tuple[int, bool, str]]:
    """Honest clients that have the server's flight already; TLS 1.3 lets them ask at once."""
    aim = target(server.port, certs)

    async def begin(version: TlsVersion) -> tuple[Peer, bytes, bytes]:
        peer = await Peer.connect(aim.port, aim.trusted[version])
        await peer.send(peer.flight())
        finished = await peer.answer_flight()
        if version is TlsVersion.TLS13:
            return peer, finished + peer.sealed(GET), b""
        return peer, finished, GET

    begun = await asyncio.gather(*[begin(version) for version in TlsVersion for _ in range(EACH)])
    os.kill(server.process.pid, signal.SIGTERM)
    await asyncio.to_thread(server.until, "Stopping")
    for peer, said, _ in begun:
        await peer.send(said)
    return Counter(await asyncio.gather(*[answered(peer, asked) for peer, _, asked in begun]))


@on_posix
@LOOPS
def test_who_completes_its_handshake_while_the_server_stops_is_answered(
    certs: Path, loop: str
) -> None:
    with served("--certs", certs, "--port", "0", "--loop", loop) as server:
        server.until("Ctrl")
        found = asyncio.run(answered_in_mid_handshake(server, certs))
        assert found == {(200, True, ""): 2 * EACH}
        assert in_order(server)
