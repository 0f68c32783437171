"""How many handshakes the observer alone decodes in a second of CPU time.

The handshakes are mutual and full, all distinct, and each comes with its secrets; as in a server,
clients and server are the same ones each time. Making them is not measured.
"""

from __future__ import annotations

import ssl
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from bench.in_memory import InMemoryConnection, contexts
from bench.rows import Row, row
from lab.pki.files.set_writing import SetPlan, write_set
from lab.stream.contexts import TlsVersion
from lab.stream.key_log_source import KeyLogSource
from lab.tls.events import Endpoint, Event, MessageSeen
from lab.tls.observer import Observer

HANDSHAKES = 600
TARGET = 8000  # handshakes a second, in each version
Handshake = tuple[list[tuple[Endpoint, bytes]], str]
"""The bytes that each end sent, in their order, and the lines of the key log."""


def measure(rounds: int) -> list[Row]:
    """The figure of each version."""
    with tempfile.TemporaryDirectory() as folder:
        certs = Path(folder) / "certs"
        write_set(certs, SetPlan(), now=datetime.now(timezone.utc))
        recorded = {version: handshakes(certs, version, HANDSHAKES) for version in TlsVersion}
    rates: dict[TlsVersion, list[float]] = {version: [] for version in TlsVersion}
    for _ in range(rounds):
        for version in TlsVersion:  # in turns: what slows the machine down slows down both
            start = time.process_time()
            for handshake in recorded[version]:
                decode(handshake)
            rates[version].append(HANDSHAKES / (time.process_time() - start))
    return [
        row(f"decode-tls{version.value}", "observer", "handshakes/s", rates[version])
        for version in TlsVersion
    ]


def verdicts(rows: Sequence[Row]) -> Iterator[str]:
    """Whether the target is reached."""
    for figure in rows:
        rate = statistics.median(figure["rounds"])
        reached = "reached" if rate >= TARGET else "not reached"
        yield f"{figure['operation']}: {rate:.0f} handshakes a second; target {TARGET}: {reached}"


def decode(handshake: Handshake) -> list[Event]:
    """The events of one handshake. Raises ``AssertionError`` where it was not seen to its end."""
    flights, key_log = handshake
    observer = Observer()
    observer.learn(key_log)
    events = [event for sender, data in flights for event in observer.feed(sender, data, 0.0)]
    events += observer.finish()
    messages = [event.message.name for event in events if isinstance(event, MessageSeen)]
    assert messages.count("Finished") == 2, messages
    return events


def handshakes(certs: Path, version: TlsVersion, number: int) -> list[Handshake]:
    """Make so many handshakes between the client and the server of a set."""
    client_side, server_side = contexts(certs, version)
    with KeyLogSource(server_side) as source:
        return [(_flights(client_side, server_side), source.read()) for _ in range(number)]


def _flights(
    client_side: ssl.SSLContext, server_side: ssl.SSLContext
) -> list[tuple[Endpoint, bytes]]:
    """The bytes of one mutual handshake, in their order."""
    connection = InMemoryConnection(client_side, server_side)
    connection.handshake()
    return connection.flights
