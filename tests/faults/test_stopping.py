"""Whom a stopping server refuses, it still refuses by an alert, however far the client has come."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest

from lab.service.todo_server import TodoServer
from lab.stream.contexts import TlsVersion
from tests.doors import served
from tests.faults.attacks import REFUSED, told
from tests.faults.peer import HOST, Peer, target
from tests.serving import PATIENCE, server_tls

EACH = 30  # clients of each version

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


async def refused_while_it_stops(port: int, certs: Path, pid: int) -> Counter[str]:
    """Clients that have connected and spoken before the signal, while the server stood still."""
    aim = target(port, certs)
    # A server that stands still accepts nobody: the clients are in the queue of its socket.
    os.kill(pid, signal.SIGSTOP)
    try:
        clients = [
            await Peer.connect(port, aim.nameless[version])
            for version in TlsVersion
            for _ in range(EACH)
        ]
        for peer in clients:
            await peer.send(peer.flight())
        os.kill(pid, signal.SIGTERM)
    finally:
        os.kill(pid, signal.SIGCONT)

    return Counter(await asyncio.gather(*map(told, clients)))


@on_posix
def test_who_has_spoken_before_the_signal_gets_its_alert(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        server.until("Ctrl")
        found = asyncio.run(refused_while_it_stops(server.port, certs, server.process.pid))
        assert found == dict.fromkeys(REFUSED.values(), EACH)
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

    begun = await asyncio.gather(*[begin(version) for version in TlsVersion for _ in range(EACH)])
    os.kill(pid, signal.SIGTERM)

    for peer, answer in begun:
        await peer.send(answer)
    return Counter(await asyncio.gather(*[told(peer) for peer, _ in begun]))


@on_posix
def test_who_is_in_its_handshake_when_the_server_stops_gets_its_alert(certs: Path) -> None:
    with served("--certs", certs, "--port", "0") as server:
        server.until("Ctrl")
        found = asyncio.run(refused_in_mid_handshake(server.port, certs, server.process.pid))
        assert found == dict.fromkeys(REFUSED.values(), EACH)
        assert server.process.wait(30) == 0
