"""scripts/soak.py as its users run it: its report of a few seconds, and how it ends early."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors import PATIENCE, ROOT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")

SCRIPT = str(ROOT / "scripts" / "soak.py")
LONG = 120.0  # seconds until a run that hangs fails


def soak(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True, timeout=LONG
    )


def test_all_is_well(tmp_path: Path) -> None:
    file = tmp_path / "soak.json"
    done = soak("--seconds", "5", "--json", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all is well\n")
    report = json.loads(file.read_text("utf-8"))
    assert report["well"] is True
    assert report["answers"] > 0
    assert report["wrong"] == []
    assert report["refusals"]["with its alert"] > 0
    assert "without alert" not in report["refusals"]
    assert sum(report["faults"].values()) > 24
    assert report["server"]["end"]["connections"] == 0
    assert report["server"]["end"]["descriptors"] <= report["server"]["start"]["descriptors"]


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
