"""What ``lab.tap`` adds: to a round trip, with 100 connections open, and to a long transfer.

Beside it: the connection without a relay, and the plainest relay that asyncio's streams make. All
are processes of their own, and take turns. The round trips are measured once at rest, and once
while another client shakes hands some 100 times a second on the same way: a recorded handshake, so
that the ends take no time for it. The tap decodes it with its keys.
"""

from __future__ import annotations

import contextlib
import pickle
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from bench.decode import Handshake, handshakes
from bench.processes import PATIENCE, free_port, running
from bench.rows import Row, row
from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from lab.stream.contexts import TlsVersion
from lab.tls.events import Endpoint

CONNECTIONS = 100
ROUND_TRIPS = 5000
HANDSHAKES = 100  # a second, or somewhat fewer
MEBIBYTES = 256
ADDED = 1000  # microseconds, at the most
_BLOCK = bytes(65536)
_COUNT = b"="

# Sends back what it gets. A connection that begins with "=" gets one byte at its end, and one that
# begins with a record of TLS gets what the server of a recorded handshake sent.
_PEER = """
import pickle, socket, sys, threading
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256)
flights = pickle.load(open(sys.argv[2], "rb"))
def serve(end):
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = end.recv(65536)
    if data[:1] == b"\\x16":
        had = len(data)
        for of_client, flight in flights:
            if of_client:
                while had < len(flight):
                    had += len(end.recv(65536))
                had -= len(flight)
            else:
                end.sendall(flight)
        end.close()
        return
    counting = data[:1] == b"="
    while data:
        if not counting:
            end.sendall(data)
        data = end.recv(65536)
    if counting:
        end.sendall(b"x")
    end.close()
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
"""
_PLAIN_RELAY = """
import asyncio, sys
async def carry(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
async def serve(reader, writer):
    target = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    await asyncio.gather(carry(reader, target[1]), carry(target[0], writer))
    writer.close()
    target[1].close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=256)
    await server.serve_forever()
asyncio.run(main())
"""


def measure(rounds: int) -> list[Row]:
    """The figures of the tap: round trips in microseconds, transfers in MiB a second."""
    trips: dict[tuple[str, str], list[float]] = {}
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        handshake, peer = _peer(stack, Path(folder))
        plain, tap = free_port(), free_port()
        relay = [sys.executable, "-c", _PLAIN_RELAY, str(plain), str(peer)]
        stack.enter_context(running(relay, plain))
        words = ["--keylog", f"{folder}/keylog", "--max-connections", "400"]
        tapping = [sys.executable, "-m", "lab.tap", str(tap), f":{peer}", *words]
        stack.enter_context(running(tapping, tap))
        ways = (("no relay", peer), ("asyncio streams", plain), ("lab.tap", tap))
        for _ in range(rounds):
            for name, port in ways:
                trips.setdefault(("at rest", name), []).append(_round_trips(port))
            for name, port in ways:
                with _shaking_hands(handshake, port):
                    trips.setdefault(("handshaking", name), []).append(_round_trips(port))
            for name, port in ways[1:]:
                rates.setdefault(name, []).append(_transfer(port))
    return [
        *(row(f"p99, {when}", name, "us", values) for (when, name), values in trips.items()),
        *(row("transfer", name, "MiB/s", values) for name, values in rates.items()),
    ]


def verdicts(rows: Sequence[Row]) -> Iterator[str]:
    """Whether the bars are reached; of round trips in the least busy round of each."""
    found = {(each["operation"], each["server"]): each for each in rows}
    for when in ("p99, at rest", "p99, handshaking"):
        tapped, plain, direct = (
            found[when, name]["spread"][0] for name in ("lab.tap", "asyncio streams", "no relay")
        )
        reached = "reached" if tapped - direct < ADDED else "not reached"
        yield (
            f"{when}: {tapped - direct:.0f} us more (asyncio's streams: {plain - direct:.0f}); "
            f"bar {ADDED}: {reached}"
        )
    rates = [found["transfer", name]["value"] for name in ("lab.tap", "asyncio streams")]
    ratio = rates[0] / rates[1]
    reached = "reached" if ratio >= 0.5 else "not reached"
    yield f"transfer: {ratio:.2f} of asyncio's streams; bar 0.50: {reached}"


def _peer(stack: contextlib.ExitStack, folder: Path) -> tuple[Handshake, int]:
    """Run the peer; return the handshake that it answers, and its port."""
    certs, recording, port = folder / "certs", folder / "handshake", free_port()
    write_set(certs, SetPlan(key_type=KeyType.EC), now=datetime.now(timezone.utc))
    (handshake,) = handshakes(certs, TlsVersion.TLS13, 1)
    flights, key_log = handshake
    (folder / "keylog").write_text(key_log)
    recording.write_bytes(
        pickle.dumps([(sender is Endpoint.CLIENT, data) for sender, data in flights])
    )
    words = [sys.executable, "-c", _PEER, str(port), str(recording)]
    stack.enter_context(running(words, port))
    return handshake, port


def _round_trips(port: int) -> float:
    """Return the 99th percentile, in microseconds: one at a time, over many connections."""
    times = []
    with contextlib.ExitStack() as stack:
        ends = [stack.enter_context(_connection(port)) for _ in range(CONNECTIONS)]
        for number in range(ROUND_TRIPS):
            end = ends[number % CONNECTIONS]
            start = time.perf_counter()
            end.sendall(b"." * 64)
            left = 64
            while left:
                left -= len(end.recv(left))
            times.append(time.perf_counter() - start)
    return statistics.quantiles(times, n=100)[98] * 1e6


def _transfer(port: int) -> float:
    """Return MiB a second of one connection, to the last byte's arrival."""
    with _connection(port) as end:
        start = time.perf_counter()
        end.sendall(_COUNT)
        for _ in range(MEBIBYTES * 2**20 // len(_BLOCK)):
            end.sendall(_BLOCK)
        end.shutdown(socket.SHUT_WR)
        assert end.recv(1) == b"x"
        return MEBIBYTES / (time.perf_counter() - start)


@contextlib.contextmanager
def _shaking_hands(handshake: Handshake, port: int) -> Iterator[None]:
    """Make handshakes at ``port``, inside the block."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(1 / HANDSHAKES):
            with _connection(port) as end:
                for sender, data in handshake[0]:
                    if sender is Endpoint.CLIENT:
                        end.sendall(data)
                        continue
                    left = len(data)
                    while left:
                        left -= len(end.recv(left))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE)


def _connection(port: int) -> socket.socket:
    end = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return end
