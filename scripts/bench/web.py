"""What ``lab.web`` costs: how soon a connection shows, processor beside the log, and memory.

Beside it: ``lab.server`` with its log. Both are processes of their own and take turns; the pages of
``lab.web`` are watched by one reader of their events meanwhile, as a browser is one.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from bench.client import full_handshake
from bench.processes import PATIENCE, ROOT, Process, free_port, lab_server, running
from bench.rows import Row, ratios, row
from lab.pki.files.set_writing import KeyType, SetPlan, write_set

HANDSHAKES = 300  # a round
SHOWN = 100  # connections whose way to the reader is timed, a round
RATE = 200  # connections a second
SECONDS = 30
LATEST = 100.0  # ms
MOST_CPU = 1.10
MOST_MEMORY = 150.0  # MB
_AT_ONCE = 4
GET_AND_CLOSE = b"GET /todo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass
class Reader:
    """Reads the events of Watch; ``shown`` are the times at which a connection's end came."""

    connection: socket.socket
    shown: dict[str, float] = field(default_factory=dict)
    missed: int = 0
    rows: int = 0
    came: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        """Read until the stream ends."""
        data = b""
        while part := self.connection.recv(1 << 16):
            data += part
            *lines, data = data.split(b"\n")
            for line in lines:
                if line.startswith(b"data: {"):
                    self._take(json.loads(line[6:]), time.monotonic())

    def _take(self, event: dict[str, object], now: float) -> None:
        rows = event["rows"]
        assert isinstance(rows, list) and isinstance(event["missed"], int)
        with self.came:
            self.missed += event["missed"]
            self.rows += len(rows)
            for each in rows:
                if each["state"] != "open":
                    self.shown.setdefault(each["peer"], now)
            self.came.notify_all()

    def wait_for(self, peer: str) -> float:
        """Return when the outcome of the connection from ``peer`` came."""
        with self.came:
            if not self.came.wait_for(lambda: peer in self.shown, PATIENCE):
                raise SystemExit(f"bench: the connection from {peer} was never shown")
            return self.shown[peer]


@contextlib.contextmanager
def watched(certs: Path) -> Iterator[tuple[Process, Reader]]:
    """``lab.web`` as a process whose server listens, and a reader of what it shows."""
    server, pages = free_port(), free_port()
    words = ["--no-open", "--port", str(pages), "--server-port", str(server), "--certs", str(certs)]
    started = subprocess.Popen(
        [sys.executable, "-m", "lab.web", *words], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    try:
        assert started.stdout is not None
        found = re.search(r"token=(\S+)", started.stdout.readline())
        if found is None:
            raise SystemExit("bench: lab.web did not start")
        with socket.create_connection(("127.0.0.1", pages), PATIENCE) as connection:
            head = f"Host: 127.0.0.1:{pages}\r\nX-Lab-Token: {found[1]}\r\n\r\n"
            connection.sendall(f"GET /watch/events HTTP/1.1\r\n{head}".encode())
            connection.settimeout(None)
            reader = Reader(connection)
            thread = threading.Thread(target=reader.read, daemon=True)
            thread.start()
            yield Process(port=server, pid=started.pid), reader
            started.terminate()
            thread.join(PATIENCE)
    finally:
        started.kill()
        started.communicate()


def measure(rounds: int) -> list[Row]:
    """The figures: milliseconds, microseconds of CPU for a handshake, and MB."""
    latencies: list[float] = []
    costs: dict[str, list[float]] = {"lab.server": [], "lab.web": []}
    least: list[float] = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(_AT_ONCE) as pool:
        certs = Path(folder, "certs")
        write_set(certs, SetPlan(key_type=KeyType.EC), now=datetime.now(timezone.utc))
        good, none = _context(certs, presents=True), _context(certs, presents=False)
        port = free_port()
        with running(lab_server(certs, port), port) as logging, watched(certs) as (web, reader):
            servers = {"lab.server": logging, "lab.web": web}
            for turn in range(-1, rounds):
                for name in sorted(servers, reverse=turn % 2 == 0):
                    cost = _cost(pool, servers[name], good)
                    if turn >= 0:
                        costs[name].append(cost)
            for _ in range(rounds):
                latencies.append(_latest(web, good, reader))
            least.append(_resident(web.pid))
        with watched(certs) as (web, reader):
            memory, rate = _memory(web, [good, good, good, none])
    return [
        row("to be shown, p99", "lab.web", "ms", latencies),
        *(row("a handshake watched", name, "us CPU", values) for name, values in costs.items()),
        row("connections a second", "lab.web", "1/s", [rate]),
        row("memory after as many", "lab.web", "MB", least),
        row("most memory", "lab.web", "MB", [memory]),
        row("not shown of those", "lab.web", "", [float(reader.missed)]),
    ]


def verdicts(rows: Sequence[Row]) -> Iterator[str]:
    """Whether the bars are reached; of CPU by the median of the ratios of each round."""
    found = {(each["operation"], each["server"]): each for each in rows}
    latest = found["to be shown, p99", "lab.web"]["value"]
    yield f"an event is shown within {latest:.0f} ms (p99); {_judged(latest, LATEST)}"
    mine, log = (found["a handshake watched", name]["rounds"] for name in ("lab.web", "lab.server"))
    ratio = statistics.median(ratios(mine, log))
    yield f"CPU beside the log: {ratio:.2f}; {_judged(ratio, MOST_CPU)}"
    most = found["most memory", "lab.web"]["value"]
    yield f"memory with {RATE} connections a second: {most:.0f} MB; {_judged(most, MOST_MEMORY)}"


def _judged(value: float, bar: float) -> str:
    return f"bar {bar:g}: {'reached' if value <= bar else 'not reached'}"


def _context(certs: Path, *, presents: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certs / "ca.crt"))
    if presents:
        context.load_cert_chain(certs / "client.crt", certs / "client.key")
    return context


def _cost(pool: ThreadPoolExecutor, server: Process, context: ssl.SSLContext) -> float:
    """Return the CPU time of the server for a handshake, in microseconds."""
    before = server.cpu()
    list(pool.map(lambda _: full_handshake(server.port, context), range(HANDSHAKES)))
    time.sleep(0.2)  # what is shown late is part of the cost
    return (server.cpu() - before) / HANDSHAKES * 1e6


def _latest(web: Process, context: ssl.SSLContext, reader: Reader) -> float:
    """Return the 99th percentile of the time from a handshake's end to its row, in ms."""
    times = []
    for _ in range(SHOWN):
        with socket.create_connection(("127.0.0.1", web.port), PATIENCE) as connection:
            peer = f"127.0.0.1:{connection.getsockname()[1]}"
            with context.wrap_socket(connection, server_hostname="localhost"):
                done = time.monotonic()
                times.append(max(0.0, reader.wait_for(peer) - done))
    return statistics.quantiles(times, n=100)[98] * 1e3


def _memory(web: Process, contexts: Sequence[ssl.SSLContext]) -> tuple[float, float]:
    """Return the most memory at ``RATE`` for ``SECONDS``, in MB, and the rate that was had."""
    most, began, count = [_resident(web.pid)], time.monotonic(), RATE * SECONDS

    def one(number: int) -> None:
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        _attempt(web.port, contexts[number % len(contexts)])
        if number % (RATE // 4) == 0:
            most.append(_resident(web.pid))

    with ThreadPoolExecutor(4 * _AT_ONCE) as pool:
        list(pool.map(one, range(count)))
    return max(most), count / (time.monotonic() - began)


def _attempt(port: int, context: ssl.SSLContext) -> None:
    """Connect, ask, and leave; whether or not that is allowed."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), PATIENCE) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as tls,
    ):
        tls.sendall(GET_AND_CLOSE)
        while tls.recv(1 << 16):
            pass


def _resident(pid: int) -> float:
    """Return the resident memory of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) * 1024 / 1e6
