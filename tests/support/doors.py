"""Doors run as their users run them: processes, with their lines and exit codes."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 30.0


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MTLS_")}
    return {**kept, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT), **more}


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def run(*words: str | Path, cwd: Path | None = None, **env: str) -> Done:
    """``python -m words``, to its end."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class ServerProcess:
    """``python -m lab.server`` as a process; its stderr line by line."""

    def __init__(self, words: Sequence[str | Path], cwd: Path | None, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.server", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=cwd,
            env=env,
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()
        self.url = ""

    def _collect(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def until(self, pattern: str) -> str:
        """Wait for a line in which ``pattern`` is found."""
        while True:
            line = self._queue.get(timeout=PATIENCE)
            assert line is not None, f"the server ended; it said {self.lines}"
            self.lines.append(line)
            if re.search(pattern, line):
                return line

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit code, with all lines collected."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        while (line := self._queue.get(timeout=PATIENCE)) is not None:
            self.lines.append(line)
        return code


@contextlib.contextmanager
def served(*words: str | Path, cwd: Path | None = None, **env: str) -> Iterator[ServerProcess]:
    """A server process that listens; killed at the end if it still runs."""
    server = ServerProcess(words, cwd, environment(**env))
    try:
        line = server.until("listening on")
        found = re.search(r"https://[^\s\"]+", line)
        assert found is not None
        server.url = found.group()
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        server._thread.join(PATIENCE)
        for stream in (server.process.stdout, server.process.stderr):
            assert stream is not None
            stream.close()
