"""Is an honest client served while another sends handshakes that are costly to decode?

``python scripts/hostile_hellos.py [--short]`` (Linux, in the project's environment). A server runs
as a user starts it, ``python -m lab.server``. For each kind of ``tests/tls/hostile_hellos.py``, one
client sends 120 of them, 15 a second, while an honest client makes full handshakes and one GET on
each. The bars, for each kind: the honest client's 99th percentile is at most 50 ms (on a machine
that is busy otherwise: at most twice what it was just before, without the attack), the server's
memory grows by at most 30 MB in all, and every handshake has its line in the log. ``--short`` sends
15 of each kind, and judges the percentile over all kinds. Exit status: 0, or 1 where a bar is
missed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
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
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lab.pki.files.set_writing import SetPlan, write_set  # noqa: E402
from lab.stream.contexts import (  # noqa: E402
    ClientTls,
    IdentityFiles,
    TlsVersion,
    client_context,
)
from tests.faults.processes import Observed  # noqa: E402
from tests.tls.hostile_hellos import KINDS  # noqa: E402

RATE = 15.0  # hostile handshakes a second
SLOWEST = 0.050  # seconds, the honest client's 99th percentile
GROWTH = 30e6  # bytes of memory
PATIENCE = 20.0
_PAUSE = 0.005  # seconds between the honest client's connections
_AT_ONCE = 32  # hostile connections
GET = b"GET /todo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Judge(Protocol):
    """Measures a server and prints the figures."""

    def __call__(
        self, server: Server, contexts: Sequence[ssl.SSLContext], *, short: bool
    ) -> list[str]:
        """Return the bars that are missed."""
        ...


@dataclass(frozen=True)
class Server:
    """The server's process, its port and its log."""

    pid: int
    port: int
    log: Path

    def handshakes(self) -> int:
        """How many handshakes the log tells of."""
        return self.log.read_text("utf-8", "replace").count("] HANDSHAKE | ")


@contextlib.contextmanager
def running(certs: Path, log: Path) -> Iterator[Server]:
    """A server that listens inside the block."""
    words = [sys.executable, "-m", "lab.server", "--certs", str(certs), "--port", "0"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file, cwd=ROOT
        )
    try:
        yield Server(process.pid, _port(process, log), log)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"listening on https://\S+:(\d+)", log.read_text("utf-8", "replace"))
        if found:
            return int(found[1])
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise SystemExit(f"hostile_hellos: the server does not listen: {log.read_text()}")


def ask(port: int, context: ssl.SSLContext) -> float:
    """One full handshake and one GET: the seconds until its answer is here whole, or it fails."""
    start = time.perf_counter()
    answer = b""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as tls,
    ):
        tls.sendall(GET)
        while data := tls.recv(65536):
            answer += data
    seconds = time.perf_counter() - start
    return seconds if answer.startswith(b"HTTP/1.1 200 ") else max(seconds, PATIENCE)


def attack(port: int, data: bytes) -> None:
    """Send one hostile handshake, and read until the server ends the connection."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection,
    ):
        with contextlib.suppress(OSError):  # the server may refuse before it has read all
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def flood(port: int, variants: Sequence[bytes], count: int) -> None:
    """``count`` handshakes, ``RATE`` a second."""
    start = time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for number, data in zip(range(count), itertools.cycle(variants), strict=False):
            time.sleep(max(0.0, start + number / RATE - time.monotonic()))
            pool.submit(attack, port, data)


def honest(port: int, contexts: Sequence[ssl.SSLContext], over: threading.Event) -> list[float]:
    """The seconds that an honest client's connections took, until ``over`` is set."""
    seconds = []
    for context in itertools.cycle(contexts):
        if over.is_set():
            break
        seconds.append(ask(port, context))
        time.sleep(_PAUSE)
    return seconds


def percentile(seconds: Sequence[float]) -> float:
    """The 99th."""
    return statistics.quantiles([*seconds, *seconds], n=100, method="inclusive")[98]


def measured(
    server: Server, contexts: Sequence[ssl.SSLContext], kind: str, count: int
) -> list[float]:
    """What the honest client measures while the flood goes on, which is over behind this."""
    variants = [KINDS[kind]() for _ in range(4)]  # made before, as that takes time of this process
    over = threading.Event()

    def run() -> None:
        try:
            flood(server.port, variants, count)
        finally:
            over.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        return honest(server.port, contexts, over)
    finally:
        thread.join()


def quiet(server: Server, contexts: Sequence[ssl.SSLContext], seconds: float) -> list[float]:
    """What the honest client measures alone."""
    over = threading.Event()
    timer = threading.Timer(seconds, over.set)
    timer.start()
    try:
        return honest(server.port, contexts, over)
    finally:
        timer.cancel()


def print_heading() -> None:
    """Print the two lines above the table."""
    print(f"{'':32} {'p99 ms':>7} {'under attack':>14} {'':7} {'':7} {'memory':>9}")
    print(f"{'':32} {'before':>7} {'asked':>6} {'median':>7} {'p99':>7} {'max':>7} {'grown MB':>8}")


def row(name: str, before: Sequence[float], seconds: Sequence[float], grown: float) -> str:
    """One line of the table."""
    median = statistics.median(seconds)
    return (
        f"{name:32} {percentile(before) * 1000:7.1f} {len(seconds):6} {median * 1000:7.1f}"
        f" {percentile(seconds) * 1000:7.1f} {max(seconds) * 1000:7.1f} {grown / 1e6:8.1f}"
    )


def missed_bar(
    name: str,
    before: Sequence[float],
    seconds: Sequence[float],
    *,
    slowest: float = SLOWEST,
    times: int = 2,
) -> list[str]:
    """The bar for the honest client, where it is missed.

    It is ``slowest`` seconds, or ``times`` what the client measured just before.
    """
    bar = max(slowest, times * percentile(before))
    if percentile(seconds) <= bar:
        return []
    return [f"{name}: p99 {percentile(seconds) * 1000:.1f} ms, bar {bar * 1000:.1f} ms"]


def judge(server: Server, contexts: Sequence[ssl.SSLContext], *, short: bool) -> list[str]:
    """Print the figures; the bars that are missed."""
    count, pause = (15, 0.5) if short else (120, 3.0)
    first = quiet(server, contexts, 2.0)  # the server has warmed up behind this
    process = Observed(server.pid)
    memory = process.memory()
    print_heading()
    missed: list[str] = []
    idle: list[float] = []
    everything: list[float] = []
    for kind in KINDS:
        before = quiet(server, contexts, pause)
        seconds = measured(server, contexts, kind, count)
        idle += before
        everything += seconds
        print(row(kind, before, seconds, process.peak_memory() - memory), flush=True)
        missed += [] if short else missed_bar(kind, before, seconds)
    grown = process.peak_memory() - memory
    print(row("all kinds", idle, everything, grown))
    missed += missed_bar("all kinds", idle, everything)
    if grown > GROWTH:
        missed.append(f"memory grew by {grown / 1e6:.1f} MB, bar {GROWTH / 1e6:.0f} MB")
    made = len(first) + len(idle) + len(everything) + count * len(KINDS)
    time.sleep(1.0)  # the log is written a moment later
    if (lines := server.handshakes()) != made:
        missed.append(f"the log tells of {lines} handshakes of {made}")
    return missed


def run(judge: Judge, *, description: str, short: str) -> int:
    """Run a command that measures, prints and judges; return its exit status.

    ``description`` and ``short``, of the option ``--short``, are for its help.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--short", action="store_true", help=short)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certs = folder / "certs"
        write_set(certs, SetPlan(), now=datetime.now(timezone.utc))
        identity = IdentityFiles(certificate=certs / "client.crt", key=certs / "client.key")
        contexts = [
            client_context(
                ClientTls(
                    server_ca=certs / "ca.crt", identity=identity, minimum=version, maximum=version
                )
            )
            for version in TlsVersion
        ]
        with running(certs, folder / "server.log") as server:
            missed = judge(server, contexts, short=options.short)
    for bar in missed:
        print(f"missed: {bar}")
    if not missed:
        print("all bars are kept")
    return 1 if missed else 0


def main() -> int:
    """Measure, print, judge; see the module's description."""
    assert __doc__ is not None
    return run(judge, description=__doc__.splitlines()[0], short="15 of each kind instead of 120")


if __name__ == "__main__":
    raise SystemExit(main())
