"""The door: its address, its errors, its end."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.doors import PATIENCE, environment, run


def test_a_port_in_use_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("lab.web", "--no-open", "--port", str(port))
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"lab.web: port {port} on 127.0.0.1 is in use; stop what listens there, or choose another "
        "--port (0: any free one)\n"
    )


def test_the_port_of_its_server_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("lab.web", "--no-open", "--port", "0", "--server-port", str(port))
    assert (done.code, done.out) == (2, "")
    assert f"port {port} on 127.0.0.1 is in use" in done.err
    assert "choose another --server-port" in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--key", "x.key"], "--key goes with --cert"),
        (["--certs", "none"], "no such folder"),
        (["--cert", "none.pem", "--ca", "none.pem"], "none.pem: no such file"),
        (["--port", "65536"], "is no port"),
        (["--nope"], "there is no option --nope"),
    ],
)
def test_what_cannot_start_is_one_line(words: list[str], message: str, tmp_path: Path) -> None:
    done = run("lab.web", "--no-open", *words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("lab.web: ") and done.err.count("\n") == 1
    assert message in done.err
    assert list(tmp_path.iterdir()) == []


@contextlib.contextmanager
def started(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A process that serves, what its address is, and its token."""
    words = [sys.executable, "-m", "lab.web", "--no-open", "--port", "0"]
    with subprocess.Popen(
        words,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)", line)
        assert found is not None, line
        try:
            yield process, found[1], found[2]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_an_address_that_lets_in_and_stops_in_order(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Also while a page watches: its stream of events comes to its end."""
    with started(tmp_path) as (process, address, token):
        with pytest.raises(HTTPError, match="403"):
            urlopen(address)
        watching = Request(f"{address}/watch/events", headers={"X-Lab-Token": token})
        with urlopen(watching, timeout=PATIENCE) as events:
            assert events.readline() == b"retry: 1000\n"
            process.send_signal(number)
            assert b"data: {" in events.read()
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert list(tmp_path.iterdir()) == []
