"""The server that scripts/soak.py attacks: a process, as a user starts it, seen from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.faults.processes import Observed

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0  # seconds for the server to start, and to stop
SETTLING = 15.0  # seconds for it to come to rest: more than all of its time-outs
_LOOK = 0.1  # seconds between two looks
PLACES = 200  # more than all faults together take
GROWTH = 16 * 1024 * 1024  # bytes that the server may hold more at the end than after warming up
MIB = 1024 * 1024
# Short, so that what a fault takes is soon given back; long enough for a busy machine's honest
# clients.
_TIMES = {"handshake": 3, "header": 3, "body": 3, "write": 2, "idle": 4}
_WORDS = [
    *("--max-connections", str(PLACES)),
    *("--max-items", "1000000"),
    *("--max-handshakes-per-peer", "40"),
    *(word for name, time in _TIMES.items() for word in (f"--{name}-timeout", str(time))),
]


class CannotSoak(Exception):
    """There is no server to attack. Its message says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the server holds.

    By their own count, open connections, and tasks of their event loops (None where /metrics does
    not tell). By the system's, threads, sockets, other descriptors, and memory in bytes, of shared
    pages its share.
    """

    connections: int
    tasks: int | None
    threads: int
    sockets: int
    files: int
    memory: int

    def __str__(self) -> str:
        return (
            f"{self.connections} connections, {'?' if self.tasks is None else self.tasks} tasks, "
            f"{self.threads} threads, {self.sockets} sockets, {self.files} other descriptors, "
            f"{self.memory / MIB:.1f} MiB"
        )

    def more_than(self, start: Reading) -> list[str]:
        """What there is more of than at the ``start``, of that which clients bring and take."""
        pairs = {
            "connections": (self.connections, start.connections),
            "tasks": (self.tasks or 0, start.tasks or 0),
            "sockets": (self.sockets, start.sockets),
        }
        return [
            f"the server holds {now} {name}, {before} at the start"
            for name, (now, before) in pairs.items()
            if now > before
        ]

    def grown_since(self, start: Reading, warm: Reading) -> list[str]:
        """The same, and what has grown on of that which has to warm up first."""
        found = self.more_than(start)
        if self.threads > warm.threads:
            found.append(f"the server has {self.threads} threads, {warm.threads} when warmed up")
        if self.files > warm.files:
            found.append(f"the server has {self.files} files, {warm.files} when warmed up")
        if self.memory > warm.memory + GROWTH:
            found.append(f"the server grew by more than {GROWTH // MIB} MiB since it was warm")
        return found


@dataclass(frozen=True)
class Server:
    """A server that runs, its ports on loopback, and the file that holds its log."""

    process: subprocess.Popen[bytes]
    port: int
    monitor_port: int
    log: Path

    @property
    def lives(self) -> bool:
        """Whether the process is there."""
        return self.process.poll() is None

    async def at_rest(
        self, start: Reading | None = None, *, patience: float = SETTLING
    ) -> Reading | None:
        """What it holds once all of its clients have left and it is as at the ``start`` again.

        Where it has not come to that within ``patience`` seconds, what it holds then; None where
        it is gone.
        """
        try:
            for _ in range(int(patience / _LOOK)):
                reading = await asyncio.to_thread(self._reading)
                if not reading.connections and (start is None or not reading.more_than(start)):
                    break
                await asyncio.sleep(_LOOK)
            return reading
        except OSError:
            return None

    def _reading(self) -> Reading:
        observed = Observed(self.process.pid)
        url = f"http://127.0.0.1:{self.monitor_port}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            metrics = response.read().decode("utf-8")
        sockets = observed.sockets()
        connections = _gauge(metrics, "mtls_lab_open_connections")
        assert connections is not None
        return Reading(
            connections=connections,
            tasks=_gauge(metrics, "mtls_lab_tasks"),
            threads=observed.threads(),
            sockets=sockets,
            files=observed.descriptors() - sockets,
            memory=observed.share_of_memory(),
        )

    def troubles(self) -> list[str]:
        """The lines of the log that no client may cause: faults of its own, with tracebacks."""
        text = self.log.read_text("utf-8", "replace")
        words = ("] INTERNAL ERROR | ", "Traceback", "was never retrieved")
        return [line for line in text.splitlines() if any(word in line for word in words)]

    def said(self, words: Iterable[str]) -> Counter[str]:
        """In how many lines of the log each of these is found."""
        words = list(words)
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            return Counter(word for line in lines for word in words if word in line)

    def stop(self) -> int | None:
        """Stop it as SIGTERM does; its exit code, None where it had to be killed."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(PATIENCE)
        self.process.kill()
        self.process.wait()
        return None


@contextlib.contextmanager
def running(certs: Path, folder: Path) -> Iterator[Server]:
    """A server that listens inside the block. Raises CannotSoak."""
    log = folder / "server.log"
    words = [sys.executable, "-m", "lab.server", "--certs", str(certs), "--port", "0"]
    words += ["--monitor-port", "0", "--store", f"sqlite:{folder / 'items.db'}", *_WORDS]
    with log.open("wb") as file:
        process = _started(words, file)
    try:
        port, monitor_port = _ports(process, log)
        yield Server(process, port, monitor_port, log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _gauge(metrics: str, name: str) -> int | None:
    found = re.search(rf"^{name} (\S+)$", metrics, re.MULTILINE)
    return None if found is None else int(float(found[1]))


def _started(words: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl+C is for the generator, which stops the server when it is done.
    return subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        cwd=ROOT,
        # What a server that is killed leaves behind goes with the folder of its log.
        env={**os.environ, "TMPDIR": str(Path(log.name).parent)},
        start_new_session=True,
    )


def _ports(process: subprocess.Popen[bytes], log: Path) -> tuple[int, int]:
    """The ports of the server and of its monitor, once it has said them."""
    for _ in range(int(PATIENCE / 0.05)):
        said = log.read_text("utf-8", "replace")
        served = re.search(r"listening on https://\S+:(\d+)", said)
        watched = re.search(r"http://127\.0\.0\.1:(\d+)/metrics", said)
        if served and watched:
            return int(served[1]), int(watched[1])
        if process.poll() is not None:
            raise CannotSoak(f"the server ended with {process.returncode}; it said: {said.strip()}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise CannotSoak(f"the server does not listen after {PATIENCE:g} s")
