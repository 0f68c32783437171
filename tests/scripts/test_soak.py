"""scripts/soak.py as its users run it: its report of a few seconds, and how it ends early."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.honest import Honest
from tests.faults.peer import target
from tests.support.doors import PATIENCE, ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from soak.report import Report
from soak.server import MIB, Reading, Server, running

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

SCRIPT = str(ROOT / "scripts" / "soak.py")
LONG = 180.0  # seconds until a run that hangs fails


def soak(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True, timeout=LONG
    )


@pytest.mark.slow
def test_all_is_well(tmp_path: Path) -> None:
    file = tmp_path / "soak.json"
    done = soak("--seconds", "2", "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all is well\n")
    report = json.loads(file.read_text("utf-8"))
    assert report["well"] is True
    assert report["answers"] > 0
    assert report["wrong"] == []
    assert report["refusals"]["with its alert"] > 0
    assert "without alert" not in report["refusals"]
    assert report["refusals"]["not waited for"] > 0
    assert all(report["faults"].values()), report["faults"]
    start, end = report["server"]["start"], report["server"]["end"]
    assert end["connections"] == start["connections"] == 0
    assert end["sockets"] <= start["sockets"]


# What a server process runs first: of its first connections, it lets go of neither socket nor task.
LEAK = """
import asyncio
from asyncio.streams import StreamReaderProtocol

kept = []
honest = StreamReaderProtocol.connection_made

def leaking(self, transport):
    honest(self, transport)
    if len(kept) < 3:
        task = asyncio.get_running_loop().create_task(asyncio.sleep(3600))
        kept.append((transport.get_extra_info("socket").dup(), task))

StreamReaderProtocol.connection_made = leaking
"""


async def held_by_leaks(server: Server, certs: Path) -> tuple[Reading | None, Reading | None]:
    """What a server holds before its first client, and after the last of a few."""
    start = await server.at_rest()
    for _ in range(4):
        await Honest(target(server.port, certs)).one_round()
    return start, await server.at_rest(start, patience=1.0)


def test_what_a_server_leaks_is_told(
    certs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LEAK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running(certs, tmp_path) as server:
        start, end = asyncio.run(held_by_leaks(server, certs))
        server.stop()
    assert start is not None
    assert end is not None
    report = Report(seconds=1, seed=1, answers=1, start=start, warm=start, end=end)
    assert any("sockets" in each for each in report.failings)
    # Where /metrics does not tell of tasks, there is none to compare.
    assert end.tasks is None or any("tasks" in each for each in report.failings)


READING = Reading(connections=0, tasks=5, threads=5, sockets=5, files=5, memory=100 * MIB)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (replace(READING, connections=1), "holds 1 connections, 0 at the start"),
        (replace(READING, tasks=6), "holds 6 tasks, 5 at the start"),
        (replace(READING, sockets=6), "holds 6 sockets, 5 at the start"),
        (replace(READING, threads=6), "6 threads, 5 when warmed up"),
        (replace(READING, files=6), "6 files, 5 when warmed up"),
        (replace(READING, memory=120 * MIB), "grew by more than 16 MiB"),
    ],
)
def test_each_thing_that_a_server_keeps_is_told(end: Reading, told: str) -> None:
    report = Report(seconds=1, seed=1, answers=1, exit_code=0)
    report.start = report.warm = report.end = READING
    assert report.failings == []
    report.end = end
    (failing,) = report.failings
    assert told in failing


def test_a_fault_that_the_log_does_not_tell_of_is_told() -> None:
    report = Report(seconds=1, seed=1, answers=1, exit_code=0)
    report.start = report.warm = report.end = READING
    report.faults["no reading"] = 1
    assert report.failings == ["the server's log does not say '--write-timeout' of: no reading"]
    report.said["--write-timeout"] = 1
    assert report.failings == []


@pytest.mark.parametrize(
    "words",
    [["--seconds", "0"], ["--seconds", "x"], ["--seconds", "9999"], ["--json", "/none/at/all"]],
)
def test_bad_arguments(words: list[str]) -> None:
    done = soak(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def children(pid: int) -> list[int]:
    return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@contextlib.contextmanager
def soaking() -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A soak that would go on for a while, and its server's processes, the parent first."""
    process = subprocess.Popen(
        [sys.executable, SCRIPT, "--seconds", "600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, server_of(process)
    finally:
        process.kill()
        process.communicate()


def server_of(process: subprocess.Popen[str]) -> list[int]:
    """Its server's processes, once one of them has clients, which is when the soak has begun."""
    for _ in range(int(PATIENCE / 0.05)):
        assert process.poll() is None
        with contextlib.suppress(FileNotFoundError):
            for parent in children(process.pid):
                family = [parent, *children(parent)]
                if any(len(os.listdir(f"/proc/{pid}/fd")) > 30 for pid in family):
                    return family
        time.sleep(0.05)
    raise AssertionError("no server with clients")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_reports_and_leaves_nothing_behind(number: signal.Signals) -> None:
    with soaking() as (process, server):
        process.send_signal(number)
        said, complaint = process.communicate(timeout=LONG)
        assert process.returncode == 130, complaint
    assert "wrong answers       0\n" in said
    assert not [pid for pid in server if Path(f"/proc/{pid}").exists()]


def test_a_server_that_dies_is_told() -> None:
    with soaking() as (process, server):
        os.kill(server[0], signal.SIGKILL)
        said, complaint = process.communicate(timeout=LONG)
        assert process.returncode == 1, complaint
    assert "NOT WELL: the server did not stop with 0 but with -9" in said
    assert said.endswith("not all is well\n")
