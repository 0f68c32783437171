"""The log's way out, as processes: a reader who does not read stops nothing, and is told."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.cli.log_output import WAITING
from tests.support.doors import (
    PATIENCE,
    ROOT,
    environment,
)
from tests.support.serving import client_tls

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, for its /proc")

# Logs what stdin asks for, and says on stdout when it has: "FIRST LAST WIDTH".
PROGRAM = """
import logging, sys, time
from lab.cli.log_output import logging_to_stderr

def missed(count, reason):
    return logging.makeLogRecord({"msg": "lost %d: %s", "args": (count, reason)})

with logging_to_stderr(logging.Formatter("%(message)s"), missed):
    for command in sys.stdin:
        first, last, width = map(int, command.split())
        for number in range(first, last):
            logging.info("%06d %s", number, "x" * width)
            time.sleep(0)  # the thread that writes has its turn, as it has beside an event loop
        print(flush=True)
"""
SHORT, LONG = 90, 9000  # of the latter, PIPE_BUF is a part
READERS = pytest.mark.parametrize(
    ("kind", "width"),
    [
        ("pipe", SHORT),
        ("pipe", LONG),
        ("terminal", SHORT),
        pytest.param("terminal", LONG, marks=pytest.mark.slow),
        pytest.param("socket", SHORT, marks=pytest.mark.slow),
        pytest.param("socket", LONG, marks=pytest.mark.slow),
    ],
)


class Logger:
    """A process that logs to ``end``, of which ``reader`` is the other one."""

    def __init__(self, end: int, reader: int) -> None:
        self.reader = reader
        self.total = 0
        self.width = SHORT
        self.seen = bytearray()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect)
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=end,
            encoding="utf-8",
            env=environment(),
        )

    def log(self, count: int, width: int | None = None) -> None:
        """Let it log so many lines more; ``done`` tells of the end."""
        self.width = width or self.width
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self.total} {self.total + count} {self.width}\n")
        self._process.stdin.flush()
        self.total += count

    def done(self) -> None:
        assert self._process.stdout is not None
        watch = threading.Timer(PATIENCE, self._process.kill)
        watch.start()
        assert self._process.stdout.readline() == "\n", "it hangs, or failed"
        watch.cancel()

    def start_reading(self) -> None:
        self._thread.start()

    def _collect(self) -> None:
        with contextlib.suppress(OSError):  # the end of a terminal
            while data := os.read(self.reader, 4096):
                with self._changed:
                    self.seen += data
                    self._changed.notify()

    def log_until_seen(self) -> None:
        """Log line by line until one arrives, as all do once the reader has caught up."""
        deadline = time.monotonic() + PATIENCE
        last = b""
        while not last or last not in self.seen[-20_000:]:
            assert time.monotonic() < deadline, "it never caught up"
            last = b"\n%06d " % self.total
            self.log(1)
            self.done()
            with self._changed:
                self._changed.wait_for(lambda: last in self.seen[-20_000:], 0.05)  # noqa: B023 - at once

    def drain(self) -> None:
        """Read what lies in a pipe."""
        os.set_blocking(self.reader, False)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.reader, 65536):
                self.seen += data
        os.set_blocking(self.reader, True)

    def end(self) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(PATIENCE) == 0
        if self._thread.ident:
            self._thread.join(PATIENCE)

    def kill(self) -> None:
        with self._process as process:
            process.kill()

    def lost(self) -> list[int]:
        """What the reader was told of losses; each line is whole, in its place, or counted."""
        found, number = [], 0
        for line in self.seen.decode().splitlines():
            first, _, rest = line.partition(" ")
            if first == "lost":
                found.append(int(rest.partition(":")[0]))
                number += found[-1]
            else:
                assert int(first) == number, (line[:80], found)
                assert set(rest) == {"x"}
                number += 1
        assert number == self.total
        return found


def terminal() -> tuple[int, int]:
    """Both ends of a terminal, ours first, that passes on bytes as they are."""
    import pty
    import tty  # neither is there on Windows

    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    return ours, theirs


Start = Callable[[str], Logger]


@pytest.fixture
def start() -> Iterator[Start]:
    """Makes loggers whose stderr is of a kind, and kills those that are left."""
    with contextlib.ExitStack() as stack:

        def made(kind: str) -> Logger:
            if kind == "terminal":
                reader, end = terminal()
            elif kind == "socket":
                ours, theirs = socket.socketpair()
                reader, end = ours.detach(), theirs.detach()
            else:
                reader, end = os.pipe()
            stack.callback(os.close, reader)
            try:
                logger = Logger(end, reader)
                stack.callback(logger.kill)
                return logger
            finally:
                os.close(end)

        yield made


@READERS
def test_a_reader_who_does_not_read_stops_nothing_and_is_told(
    start: Start, kind: str, width: int
) -> None:
    logger = start(kind)
    logger.log(3 * WAITING + 400_000 // width, width)
    logger.done()
    logger.start_reading()
    logger.log_until_seen()
    logger.end()
    assert logger.lost()
    assert b": stderr is read too slowly\n" in logger.seen


@READERS
def test_a_slow_reader_loses_nothing_of_what_can_wait(start: Start, kind: str, width: int) -> None:
    logger = start(kind)
    logger.log(WAITING - 1, width)
    logger.done()
    logger.start_reading()
    logger.log_until_seen()
    logger.end()
    assert logger.lost() == []


def test_a_terminal_that_is_held_stops_nothing(start: Start) -> None:
    import termios

    logger = start("terminal")
    termios.tcflow(logger.reader, termios.TCIOFF)
    logger.log(3 * WAITING)
    logger.done()
    termios.tcflow(logger.reader, termios.TCION)
    logger.start_reading()
    logger.log_until_seen()
    logger.end()
    assert logger.lost()


def test_who_reads_again_is_told_at_the_end_at_the_latest(start: Start) -> None:
    logger = start("pipe")
    logger.log(3 * WAITING)
    logger.done()
    logger.drain()
    logger.start_reading()
    logger.end()
    assert len(logger.lost()) == 1


def test_nobody_who_reads_keeps_it_from_ending(start: Start) -> None:
    logger = start("pipe")
    logger.log(3 * WAITING)
    logger.done()
    logger.end()


def test_a_reader_who_comes_after_one_that_left(tmp_path: Path) -> None:
    path = tmp_path / "log"
    os.mkfifo(path)
    first = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    end = os.open(path, os.O_WRONLY)
    logger = Logger(end, first)
    os.close(end)
    logger.log(1)
    logger.done()
    while b"000000" not in logger.seen:
        logger.drain()
    os.close(first)
    logger.log(5)
    logger.done()
    time.sleep(0.2)  # until it has tried to write them; if not, fewer were dropped
    logger.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    logger.log(1)
    logger.done()
    logger.end()
    logger.drain()
    os.close(logger.reader)
    assert logger.lost() == [5]
    assert b"stderr could not be written: Broken pipe\n" in logger.seen


def test_a_file_loses_nothing_of_what_can_wait(tmp_path: Path) -> None:
    path = tmp_path / "log"
    end = os.open(path, os.O_RDWR | os.O_CREAT)
    logger = Logger(end, end)
    deadline = time.monotonic() + PATIENCE
    for _ in range(4):
        logger.log(WAITING)
        logger.done()
        while path.read_bytes().count(b"\n") < logger.total:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    logger.end()
    os.close(end)
    logger.seen += path.read_bytes()
    assert logger.lost() == []


def _notice(line: bytes, log_format: str) -> int:
    """How many lines a line tells to be lost, 0 where it is another one."""
    if log_format == "json":
        fields = json.loads(line)["fields"]
        return int(fields["count"]) if fields.get("event") == "lines_dropped" else 0
    words = line.split()
    return int(words[3]) if words[:3] == [b"[SERVER]", b"LOG", b"|"] else 0


@pytest.mark.parametrize("log_format", ["text", pytest.param("json", marks=pytest.mark.slow)])
def test_the_server_serves_and_stops_while_nobody_reads_its_log(
    certs: Path, log_format: str
) -> None:
    words = ["--certs", str(certs), "--port", "0", "--log-format", log_format]
    with subprocess.Popen(
        [sys.executable, "-m", "lab.server", *words],
        stderr=subprocess.PIPE,
        bufsize=0,  # a line is taken from the pipe when we ask for it
        cwd=ROOT,
        env=environment(),
    ) as process:
        assert process.stderr is not None
        watch = threading.Timer(4 * PATIENCE, process.kill)
        watch.start()
        line = b""
        while b"listening on https" not in line:
            line = process.stderr.readline()
            assert line, "it did not start"
        port = int(line.partition(b"https://127.0.0.1:")[2].split()[0].strip(b'",'))
        client = http.client.HTTPSConnection(
            "localhost", port, context=client_tls(certs), timeout=PATIENCE
        )

        def asked(times: int) -> None:
            for _ in range(times):
                client.request("GET", "/" + "x" * 200)
                response = client.getresponse()
                response.read()
                assert response.status == 404

        asked(WAITING + 600)  # of 260 bytes in the log, and a pipe holds 64 KiB
        os.set_blocking(process.stderr.fileno(), False)
        while process.stderr.read(65536):
            pass
        os.set_blocking(process.stderr.fileno(), True)
        asked(1)
        lost = 0
        while not lost:
            line = process.stderr.readline()
            assert line, "it ended"
            lost = _notice(line, log_format)
        assert lost < 600
        asked(400)  # the pipe is full again, and the thread that writes waits
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        watch.cancel()
