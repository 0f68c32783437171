"""The command under test: its words, its environment, its time, its output, and what it leaves."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.probing.clients.tested_command import KEPT, CommandRun, ConnectionDetails, run_tested
from lab.tracing.tap.tap_command import NoCommand
from tests.support.serving import PATIENCE

DETAILS = ConnectionDetails(
    host="localhost", port=4711, ca=Path("/f/ca"), cert=Path("/f/cert"), key=Path("/f/key")
)


def run(*words: str, limit: float = PATIENCE) -> CommandRun:
    return asyncio.run(run_tested(words, os.environ, limit))


def shell(text: str, limit: float = PATIENCE) -> CommandRun:
    return run("sh", "-c", text, limit=limit)


def python(text: str, limit: float = PATIENCE) -> CommandRun:
    return run(sys.executable, "-c", text, limit=limit)


def test_placeholders_are_replaced_and_other_braces_stay() -> None:
    words = [
        "{url}/a?{b}",
        "{host}:{port}",
        "--{ca}={cert}",
        '{"key": "{key}"}',
        "{{url}}",
        "{URL}",
    ]
    assert DETAILS.fill_in(words) == [
        "https://localhost:4711/a?{b}",
        "localhost:4711",
        "--/f/ca=/f/cert",
        '{"key": "/f/key"}',
        "{https://localhost:4711}",
        "{URL}",
    ]


def test_the_environment_has_the_same_and_no_proxy_for_loopback() -> None:
    found = DETAILS.environment({"NO_PROXY": "intern.example", "HTTPS_PROXY": "http://p"})
    assert found["LAB_URL"] == "https://localhost:4711"
    assert {name for name in found if name.startswith("LAB_")} == {
        "LAB_URL",
        "LAB_HOST",
        "LAB_PORT",
        "LAB_CA",
        "LAB_CERT",
        "LAB_KEY",
    }
    assert found["NO_PROXY"] == "intern.example,localhost,127.0.0.1,::1"
    assert found["no_proxy"] == "localhost,127.0.0.1,::1"
    assert found["HTTPS_PROXY"] == "http://p"


def test_the_exit_code_and_both_outputs() -> None:
    done = shell("echo out; echo err >&2; exit 7")
    assert (done.exit_code, done.left_processes) == (7, False)
    assert sorted(done.output.split()) == ["err", "out"]


def test_a_signal_is_a_negative_code() -> None:
    assert shell("kill -SEGV $$").exit_code == -11


def test_it_has_no_input() -> None:
    assert shell("cat").exit_code == 0


@pytest.mark.parametrize("words", [["no-such-program"], ["/"], ["a\0b"]])
def test_a_command_that_does_not_start_is_refused(words: Sequence[str]) -> None:
    with pytest.raises(NoCommand, match="name a command behind --"):
        run(*words)


@pytest.mark.slow
def test_time_that_is_up_ends_the_whole_group(tmp_path: Path) -> None:
    script = f"sleep 100 & echo $! > {tmp_path}/child; trap '' TERM; echo here; wait; sleep 100"
    done = shell(script, limit=2.0)
    assert (done.exit_code, done.left_processes) == (None, False)
    assert "here" in done.output
    assert is_gone(int((tmp_path / "child").read_text()))


def test_processes_left_behind_are_told_of_and_ended(tmp_path: Path) -> None:
    done = shell(f"sleep 100 & echo $! > {tmp_path}/child")
    assert (done.exit_code, done.left_processes) == (0, True)
    assert is_gone(int((tmp_path / "child").read_text()))


def is_gone(process: int) -> bool:
    """Whether it has ended, or soon does: the signal may still be on its way."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.kill(process, 0)
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":  # ended, and nobody has asked for its exit code
            return True
        time.sleep(0.01)
    return False


def test_megabytes_of_output_are_bounded_and_the_end_is_kept() -> None:
    done = python("import sys; sys.stdout.write('x' * 5_000_000 + 'the end')")
    assert done.exit_code == 0
    assert len(done.output) <= KEPT
    assert done.output.endswith("the end")


def test_output_without_end_ends_with_the_time() -> None:
    done = run("yes", limit=0.3)
    assert done.exit_code is None
    assert len(done.output) <= KEPT


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert shell(r"printf 'a\377b'").output == "a�b"


async def test_a_cancelled_run_ends_its_command(tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path}/own; exec sleep 100"
    task = asyncio.create_task(run_tested(["sh", "-c", script], os.environ, PATIENCE))
    path = tmp_path / "own"
    while not (path.exists() and path.read_text()):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_gone(int(path.read_text()))
