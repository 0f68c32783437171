"""Doors started without stdin, stdout or stderr."""

from __future__ import annotations

import contextlib
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.doors import PATIENCE, ROOT, environment
from tests.support.serving import client_tls, get

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


@contextlib.contextmanager
def started(words: list[str | Path], redirections: str) -> Iterator[subprocess.Popen[str]]:
    """``python -m words`` with its descriptors as a shell's ``redirections`` have them."""
    command = shlex.join([sys.executable, "-m", *map(str, words)])
    process = subprocess.Popen(
        ["sh", "-c", f"exec {command} {redirections}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=ROOT,
        env=environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def connected(port: int) -> None:
    """Wait for a server that cannot say where it listens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            return
        time.sleep(0.02)
    pytest.fail("it does not listen")


@pytest.mark.parametrize("redirections", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("loop", ["asyncio", pytest.param("uvloop", marks=pytest.mark.slow)])
def test_the_server_serves_and_stops_in_order(certs: Path, loop: str, redirections: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed (pip install uvloop)")
    port = free_port()
    words: list[str | Path] = ["lab.server", "--certs", certs, "--port", str(port), "--loop", loop]
    with started(words, redirections) as process:
        connected(port)
        assert get(port, client_tls(certs)).startswith(b"HTTP/1.1 200 ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_a_door_that_might_ask_asks_nobody_without_stdin(certs: Path) -> None:
    with started(["lab.certs", "inspect", certs / "client.crt"], "<&-") as door:
        out, err = door.communicate(timeout=PATIENCE)
        assert (door.returncode, err) == (0, "")
        assert "mtls-client" in out


@pytest.mark.parametrize("words", [["lab.client"], ["lab", "client"]])
def test_a_refusal_that_nobody_hears_is_not_said_on_stdout(words: list[str]) -> None:
    with started([*words, "http://localhost"], "2>&-") as client:
        out, _ = client.communicate(timeout=PATIENCE)
        assert (client.returncode, out) == (2, "")
