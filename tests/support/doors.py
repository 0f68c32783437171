"""Doors run as their users run them: processes, with their lines and exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import queue
import re
import runpy
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from lab.http import log_entries
from tests.support.extent import Extent

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 30.0


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MTLS_")}
    return {**kept, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT), **more}


@dataclass(frozen=True)
class CompletedRun:
    code: int
    out: str
    err: str


def run(*words: str | Path, cwd: Path | None = None, **env: str) -> CompletedRun:
    """Run ``python -m words`` to its end: in this process where possible, unless with --all.

    Starting Python and importing the lab takes half a second. ``lab.server`` is to end because it
    refuses to start; see ``served`` for one that listens.
    """
    if Extent.full or not _can_run_here():
        return run_process(*words, cwd=cwd, **env)
    return _run_here([str(word) for word in words], cwd, environment(**env))


def run_process(*words: str | Path, cwd: Path | None = None, **env: str) -> CompletedRun:
    """Run ``python -m words`` in a process of its own, to its end."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
    )
    return CompletedRun(done.returncode, done.stdout, done.stderr)


def _can_run_here() -> bool:
    """Tell whether a door can install signal handlers and start an event loop here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return threading.current_thread() is threading.main_thread()
    return False


class _Output(io.BytesIO):
    """Bytes that can be read after whatever wrote them has closed the stream."""

    def close(self) -> None:
        """Stay open."""


def _run_here(words: Sequence[str], cwd: Path | None, env: dict[str, str]) -> CompletedRun:
    out, err = _Output(), _Output()
    handlers = {number: signal.getsignal(number) for number in _ENDING_SIGNALS}
    before = Path.cwd()
    with (
        open(os.devnull, encoding="utf-8") as nothing,
        mock.patch.dict(os.environ, env, clear=True),
        mock.patch.multiple(
            sys,
            argv=list(words),
            stdin=nothing,
            stdout=io.TextIOWrapper(out, "utf-8", line_buffering=False),
            stderr=io.TextIOWrapper(err, "utf-8", "backslashreplace", line_buffering=True),
        ),
        warnings.catch_warnings(),
        _logging_as_before(),
        _ended_after(PATIENCE) if words[0] == "lab.server" else contextlib.nullcontext(),
    ):
        # A test has imported the module before.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
        try:
            os.chdir(cwd or before)
            with _plain_imports(words[0]):
                runpy.run_module(words[0], run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            os.chdir(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            sys.stdout.flush()
            sys.stderr.flush()
    return CompletedRun(code, out.getvalue().decode(), err.getvalue().decode())


@contextlib.contextmanager
def _plain_imports(door: str) -> Iterator[None]:
    """Import without pytest's rewriting: runpy needs the code of a module, which its hook lacks.

    The hook takes up the package as soon as its pytest plugin is installed; runpy would ask it for
    a ``door`` that a test has imported.
    """
    is_package = hasattr(sys.modules.get(door), "__path__")
    name = f"{door}.__main__" if is_package else door
    imported = sys.modules.pop(name, None)
    finders = sys.meta_path[:]
    sys.meta_path[:] = [each for each in finders if not hasattr(each, "mark_rewrite")]
    try:
        yield
    finally:
        sys.meta_path[:] = finders
        if imported is not None:
            sys.modules[name] = imported


@contextlib.contextmanager
def _logging_as_before() -> Iterator[None]:
    """Undo what a server sets up for the log of its own process."""
    root, switches = logging.getLogger(), ("logThreads", "logProcesses", "logMultiprocessing")
    handlers, levels = root.handlers[:], (root.level, log_entries.LOGGER.level)
    before = {name: getattr(logging, name) for name in switches}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        log_entries.LOGGER.setLevel(levels[1])
        for name, value in before.items():
            setattr(logging, name, value)


@contextlib.contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """Ask this process to end where the block takes longer: the server listens, and heeds it."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


_ENDING_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


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
