"""The server that scripts/soak.py attacks: a process, as a user starts it, seen from outside."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.faults.peer import within_patience
from tests.faults.processes import Observed

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30.0  # seconds for the server to start, and to stop
# Short, so that what a fault takes is soon given back; long enough for a busy machine's honest
# clients.
_TIMES = ("handshake", "header", "body", "write")
_WORDS = ["--workers", "2", *(word for each in _TIMES for word in (f"--{each}-timeout", "3"))]


class CannotSoak(Exception):
    """There is no server to attack. Its message says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the server's processes hold together.

    Open connections by its own count, descriptors, and memory in bytes, shared pages in each.
    """

    connections: int
    descriptors: int
    memory: int


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

    async def at_rest(self) -> Reading | None:
        """What it holds once all of its clients have left; None where it never comes to that."""
        try:
            return await self._at_rest()
        except (OSError, asyncio.TimeoutError):
            return None

    async def _at_rest(self) -> Reading:
        processes = [Observed(pid) for pid in family(self.process.pid)]

        async def wait() -> int:
            while open_now := await asyncio.to_thread(self._connections):
                await asyncio.sleep(0.1)
            return open_now

        return Reading(
            connections=await within_patience(wait()),
            descriptors=sum([await each.descriptors_at_rest() for each in processes]),
            memory=sum(each.memory() for each in processes),
        )

    def _connections(self) -> int:
        url = f"http://127.0.0.1:{self.monitor_port}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            text = response.read().decode("utf-8")
        found = re.search(r"^mtls_lab_open_connections (\S+)$", text, re.MULTILINE)
        assert found is not None
        return int(float(found[1]))

    def troubles(self) -> list[str]:
        """The lines of the log that no client may cause: faults of its own, with tracebacks."""
        text = self.log.read_text("utf-8", "replace")
        words = ("] FAULT | ", "] FAILED | ", "Traceback", "was never retrieved")
        return [line for line in text.splitlines() if any(word in line for word in words)]

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


def _started(words: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl+C is for the generator, which stops the server when it is done.
    return subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        cwd=ROOT,
        start_new_session=True,
    )


def family(pid: int) -> list[int]:
    """The process, and its children's, and theirs (Linux)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


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
