"""The log on a terminal: time, folding, colours; and plain lines everywhere else."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from lab.show.text.terminal_log import TerminalFormatter
from tests.support.doors import PATIENCE, ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

HANDSHAKE = (
    "HANDSHAKE",
    "peer=127.0.0.1:51410",
    "TLS 1.3 rejected",
    "client: ChangeCipherSpec, Certificate (empty), Finished",
    "server: certificate rejected: peer did not return a certificate, alert fatal "
    "certificate_required (116), TCP FIN",
)
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_TIME = re.compile(r"^\d\d:\d\d:\d\d\.\d\d\d ")


@dataclass(frozen=True)
class Terminal:
    """A pseudo-terminal: a program writes to ``file``, and ``ours`` is the other end's number."""

    file: TextIO
    ours: int


@contextmanager
def terminal(columns: int) -> Iterator[Terminal]:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    try:
        with open(theirs, "w", encoding="utf-8") as file:
            yield Terminal(file, ours)
    finally:
        os.close(ours)


@contextmanager
def log_of_server(screen: Terminal, certs: Path, log_format: str) -> Iterator[Iterator[str]]:
    """The lines that a server writes to a terminal."""
    words = ["--certs", str(certs), "--port", "0", "--log-format", log_format]
    with subprocess.Popen(
        [sys.executable, "-m", "lab.server", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=screen.file,
        cwd=ROOT,
    ) as process:
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        screen.file.close()  # so that reading ends with the process
        try:
            with open(screen.ours, encoding="utf-8", closefd=False) as lines:
                yield (line.rstrip("\n") for line in lines)
        finally:
            watch.cancel()
            process.kill()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A terminal that has colours, and no variable that says otherwise."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


def record(
    *parts: str, level: int = logging.INFO, style: tuple[int, str] | None = None
) -> logging.LogRecord:
    entry = logging.LogRecord("lab.server", level, "", 0, " | ".join(parts), (), None)
    entry.parts = parts
    entry.style = style
    entry.stacked = parts[0] == "HANDSHAKE"
    return entry


def shown(columns: int, logged: logging.LogRecord) -> str:
    with terminal(columns) as screen:
        return TerminalFormatter("SERVER", screen.file).format(logged)


def test_a_line_that_fits_is_one_line(environment: pytest.MonkeyPatch) -> None:
    text = _ESCAPE.sub("", shown(80, record("AUTHENTICATED", "CN='mtls-client'", "creating TODO")))
    assert _TIME.match(text)
    assert _TIME.sub("", text) == "[SERVER] AUTHENTICATED | CN='mtls-client' | creating TODO"


def test_a_line_that_does_not_fit_goes_on_below_with_its_next_part(
    environment: pytest.MonkeyPatch,
) -> None:
    logged = record("REQUEST", "peer=127.0.0.1", "cert-CN='mtls-client'", '"POST / HTTP/1.1" 201 -')
    lines = _ESCAPE.sub("", shown(80, logged)).split("\n")
    assert _TIME.sub("", lines[0]) == "[SERVER] REQUEST | peer=127.0.0.1 | cert-CN='mtls-client'"
    assert lines[1:] == ['  | "POST / HTTP/1.1" 201 -']


def test_a_handshake_has_a_line_for_each_part(environment: pytest.MonkeyPatch) -> None:
    lines = _ESCAPE.sub("", shown(80, record("HANDSHAKE", "peer=::1", "failed"))).split("\n")
    assert lines[1:] == ["  | peer=::1", "  | failed"]


def test_a_long_part_is_wrapped_below_itself(
    environment: pytest.MonkeyPatch,
) -> None:
    lines = _ESCAPE.sub("", shown(80, record(*HANDSHAKE))).split("\n")
    assert _TIME.sub("", lines[0]) == "[SERVER] HANDSHAKE"
    assert lines[1:] == [
        "  | peer=127.0.0.1:51410",
        "  | TLS 1.3 rejected",
        "  | client: ChangeCipherSpec, Certificate (empty), Finished",
        "  | server: certificate rejected: peer did not return a certificate, alert",
        "      fatal certificate_required (116), TCP FIN",
    ]


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("text", ["word " * 90, "x" * 500, "文" * 300])
def test_no_line_is_wider_than_the_terminal(
    environment: pytest.MonkeyPatch, columns: int, text: str
) -> None:
    from rich.cells import cell_len

    for parts in [(text,), ("REQUEST", text)]:
        lines = _ESCAPE.sub("", shown(columns, record(*parts))).split("\n")
        assert len(lines) > 1
        assert all(cell_len(line) <= columns for line in lines)


def test_a_separator_in_a_peers_text_begins_no_part(environment: pytest.MonkeyPatch) -> None:
    forged = f"subject='CN={'x' * 50} {'y' * 10} | TLS 1.3 accepted'"
    lines = _ESCAPE.sub("", shown(80, record("HANDSHAKE", "TLS 1.3 rejected", forged))).split("\n")
    assert [line for line in lines if line.startswith("  | ")] == [
        "  | TLS 1.3 rejected",
        f"  | subject='CN={'x' * 50} {'y' * 10}",
    ]


@pytest.mark.parametrize("text", ["a\n[SERVER] b", "\x1b[31m", "\u202e", "\x9b", "\udcff"])
def test_a_peers_text_controls_no_terminal(environment: pytest.MonkeyPatch, text: str) -> None:
    for parts in [("REQUEST", text), ("REQUEST", text + "x" * 200)]:
        assert _ESCAPE.sub("", shown(80, record(*parts))).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("logged", "coloured"),
    [
        (record("HANDSHAKE", "TLS 1.3 accepted", style=(1, "green")), ("32", "TLS 1.3 accepted")),
        (record(*HANDSHAKE, style=(2, "red")), ("31", "TLS 1.3 rejected")),
        (record("INTERNAL ERROR", "x", level=logging.ERROR), ("31", "INTERNAL ERROR")),
        (record("MONITOR FULL", "x", level=logging.WARNING), ("33", "MONITOR FULL")),
    ],
)
def test_what_matters_is_coloured(
    environment: pytest.MonkeyPatch, logged: logging.LogRecord, coloured: tuple[str, str]
) -> None:
    code, text = coloured
    assert re.findall(r"\x1b\[([0-9]+)m(.*?)\x1b\[0m", shown(80, logged))[1:] == [(code, text)]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_without_colours_nothing_is_styled(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    assert "\x1b" not in shown(80, record(*HANDSHAKE, style=(2, "red")))


def test_a_traceback_stays_indented(environment: pytest.MonkeyPatch) -> None:
    logged = record("INTERNAL ERROR", "x", level=logging.ERROR)
    try:
        raise ValueError("why\n[SERVER] FORGED")
    except ValueError as error:
        logged.exc_info = (type(error), error, error.__traceback__)
    _, *rest = shown(80, logged).split("\n")
    assert all(line.startswith("    ") for line in rest)
    assert rest[-1] == "    [SERVER] FORGED"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_server_folds_its_lines_on_a_terminal_and_not_in_json(
    environment: pytest.MonkeyPatch, certs: Path, log_format: str
) -> None:
    with terminal(80) as screen, log_of_server(screen, certs, log_format) as lines:
        address = next(filter(None, (re.search(r"127\.0\.0\.1:(\d+)", line) for line in lines)))
        with socket.create_connection(("127.0.0.1", int(address[1]))) as client:
            client.sendall(b"no TLS")
        line = next(line for line in lines if "HANDSHAKE" in line)
        if log_format == "json":
            assert json.loads(line)["fields"]["result"] == "failed"
            return
        assert _TIME.sub("", _ESCAPE.sub("", line)) == "[SERVER] HANDSHAKE"
        assert re.fullmatch(r"  \| peer=127\.0\.0\.1:\d+", next(lines))
        assert "\x1b[33m" in next(lines)
