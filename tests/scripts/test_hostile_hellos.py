"""Handshakes that are costly to decode, against the server: each is told, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from lab.serving.lab_server import TodoServer
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    MessageSeen,
    Undecoded,
)
from tests.support.serving import PATIENCE, in_thread, server_tls
from tests.tls.hostile_hellos import KINDS


def send(port: int, data: bytes) -> None:
    """Send it all, and read to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        with contextlib.suppress(ConnectionError):  # the server may refuse before it has read all
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while connection.recv(65536):
                pass


async def events_of(certs: Path, data: bytes) -> list[Event]:
    """What the server's sink is told of one such connection, to its end."""
    told: list[Event] = []
    over = asyncio.Event()

    def take(event: Event) -> None:
        told.append(event)
        if isinstance(event, LocalFact) and event.fact is Fact.CLOSED:
            over.set()

    server = TodoServer(server_tls(certs), sink=lambda peer: take)
    _, port = await server.open("127.0.0.1", 0)
    try:
        await in_thread(lambda: send(port, data))
        await asyncio.wait_for(over.wait(), PATIENCE)
    finally:
        await server.close()
    return told


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refusal_is_told_with_its_reason_and_its_alert(certs: Path, kind: str) -> None:
    told = await events_of(certs, KINDS[kind]())
    facts = {event.fact: event for event in told if isinstance(event, LocalFact)}
    assert facts[Fact.HANDSHAKE_FAILED].reason
    alerts = [event for event in told if isinstance(event, AlertSeen)]
    assert any(alert.endpoint is Endpoint.SERVER for alert in alerts)
    hello, *_ = [event for event in told if isinstance(event, MessageSeen | Undecoded)]
    assert hello.endpoint is Endpoint.CLIENT
    assert len(told) < 600
