"""Servers as processes of their own, and the CPU time and memory that they take (Linux)."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0


@dataclass(frozen=True)
class Process:
    """A server that runs: its port on loopback, and its process id."""

    port: int
    pid: int

    def cpu(self) -> float:
        """The CPU time that all its threads and children have taken so far, in seconds."""
        return (
            sum(
                int((task / "schedstat").read_text().split()[0])
                for pid in _family(self.pid)
                for task in Path(f"/proc/{pid}/task").iterdir()
            )
            / 1e9
        )

    def memory(self) -> int:
        """Its and its children's proportional share of memory (Pss), in KiB.

        What the kernel holds for its sockets is not in it.
        """
        return sum(
            int(line.split()[1])
            for pid in _family(self.pid)
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            if line.startswith("Pss:")
        )


def _family(pid: int) -> Iterator[int]:
    """A process, its children, and theirs."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


@contextlib.contextmanager
def running(
    words: Sequence[str], port: int, *, cores: frozenset[int] | None = None
) -> Iterator[Process]:
    """A server process that listens at ``port`` inside the block, on ``cores`` if given."""
    process = subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        if cores is not None:
            os.sched_setaffinity(process.pid, cores)
        _wait_until_it_listens(port, process)
        yield Process(port=port, pid=process.pid)
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(int(PATIENCE / 0.05)):
        if process.poll() is not None:
            raise SystemExit(f"bench: {process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        else:
            return
    raise SystemExit(f"bench: {process.args!r} does not listen")


def lab_server(certs: Path, port: int, *, words: Sequence[str] = ()) -> list[str]:
    """The lab's server, with ``words`` as further options."""
    start = [sys.executable, "-m", "lab.server", "--certs", str(certs), "--port", str(port)]
    return [*start, *words]


def s_server(certs: Path, port: int) -> list[str]:
    """``openssl s_server`` that demands a client certificate."""
    files = ["-cert", f"{certs}/server.crt", "-key", f"{certs}/server.key"]
    verify = ["-CAfile", f"{certs}/ca.crt", "-Verify", "5", "-verify_return_error", "-quiet"]
    return ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *files, *verify]
