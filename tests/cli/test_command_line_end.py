"""What all doors share: output that cannot be written, and signals to end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.doors import PATIENCE, environment
from tests.support.peers import free_port

FULL = Path("/dev/full")
NUMBERS = pytest.mark.parametrize(
    "number",
    [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)],
)
TRACE = ("lab.trace", "--tls1.3")


SPEAKING = pytest.mark.parametrize(
    "words",
    [
        TRACE,
        ("lab.probe", "--only", "good", "--tls1.3"),
        ("lab.certs", "--key-type", "ec", "--dir", "new"),
        ("lab.certs", "inspect", "certs/ca.crt"),
        ("lab.client", "https://127.0.0.1:1"),
        ("lab.server", "--help"),
        *(
            pytest.param(words, marks=pytest.mark.slow)
            for words in (
                ("lab.trace", "--tls1.3", "--json"),
                ("lab.trace", "--help"),
                ("lab.probe", "--explain", "good", "--tls1.3"),
                ("lab.probe", "--only", "good", "--tls1.3", "--json", "-"),
                ("lab.probe", "--list"),
                ("lab.certs", "issue", "--cn", "somebody", "--out", "new/somebody"),
            )
        ),
    ],
    ids=" ".join,
)


@contextlib.contextmanager
def started(
    *words: str, stdout: int, cwd: Path, unbuffered: bool = False, **env: str
) -> Iterator[subprocess.Popen[str]]:
    """A door as a process; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, *(["-u"] if unbuffered else []), "-m", *words],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=cwd,
        env=environment(MTLS_SERVER_PORT=str(free_port()), **env),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


needs_full_disk = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


@needs_full_disk
@SPEAKING
def test_a_full_disk_is_one_line(certs: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    check_full_disk(certs, tmp_path, words, unbuffered=False)


@needs_full_disk
def test_a_full_disk_is_one_line_where_nothing_is_buffered(certs: Path, tmp_path: Path) -> None:
    check_full_disk(certs, tmp_path, TRACE, unbuffered=True)


@pytest.mark.slow
@needs_full_disk
@SPEAKING
def test_each_unbuffered_output_on_a_full_disk(
    certs: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    check_full_disk(certs, tmp_path, words, unbuffered=True)


def check_full_disk(
    certs: Path, tmp_path: Path, words: tuple[str, ...], *, unbuffered: bool
) -> None:
    (tmp_path / "certs").symlink_to(certs)
    with (
        FULL.open("w") as full,
        started(*words, stdout=full.fileno(), cwd=tmp_path, unbuffered=unbuffered) as door,
    ):
        _, err = door.communicate(timeout=PATIENCE)
    assert err.splitlines() == [
        f"{words[0]}: the output cannot be written: No space left on device; send it somewhere else"
    ]
    assert door.returncode == 2


@SPEAKING
def test_a_reader_that_leaves_is_no_error(
    certs: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "certs").symlink_to(certs)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with started(*words, stdout=writing, cwd=tmp_path) as door:
            _, err = door.communicate(timeout=PATIENCE)
    finally:
        os.close(writing)
    assert (door.returncode, err) == (141, "")


def test_what_is_refused_is_never_said_on_stdout(tmp_path: Path) -> None:
    """Not even where stderr is closed."""
    command = f"exec {sys.executable} -m lab.trace ftp://host 2>&-"
    done = subprocess.run(
        ["sh", "-c", command], stdout=subprocess.PIPE, cwd=tmp_path, env=environment()
    )
    assert (done.returncode, done.stdout) == (2, b"")


@needs_full_disk
def test_a_refusal_keeps_its_code_where_nothing_can_be_said(tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lab.trace", "ftp://host"],
            stderr=full,
            cwd=tmp_path,
            env=environment(),
        )
    assert done.returncode == 2


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@NUMBERS
def test_a_trace_that_is_ended_leaves_nothing(
    certs: Path, tmp_path: Path, number: signal.Signals
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        words = ("lab.trace", target, "--timeout", "600", "--ca", str(certs / "ca.crt"))
        with (
            started(*words, stdout=subprocess.DEVNULL, cwd=tmp_path, TMPDIR=str(scratch)) as door,
            silent.accept()[0],
        ):
            door.send_signal(number)
            _, err = door.communicate(timeout=PATIENCE)
    assert (door.returncode, err) == (128 + number, "")
    assert not list(scratch.iterdir())


@NUMBERS
def test_a_probe_that_is_ended_leaves_no_keys(tmp_path: Path, number: signal.Signals) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with started("lab.probe", stdout=subprocess.DEVNULL, cwd=tmp_path, TMPDIR=str(scratch)) as door:
        wait_for(lambda: list(scratch.glob("*/server.pem")))
        door.send_signal(number)
        _, err = door.communicate(timeout=PATIENCE)
    assert (door.returncode, err) == (128 + number, "")
    assert not list(scratch.iterdir())
