"""Where log lines go: to stderr, whose reader must not be able to stop the server by not reading.

Rules: a handler waits ``patience`` seconds at most for a reader that takes nothing; from then on
lines are dropped at once and counted, and when the reader takes bytes again it is told first how
many it missed. A line that was begun is finished before anything else is written. Files lose
nothing: writing to them waits for nobody.

O_NONBLOCK belongs to an open file, which stderr shares with other processes, and so is never set
on stderr itself. To ask first whether a write would wait is not enough: a pipe or a terminal that
says yes may have room for less than the line, or for the line of one of two workers.

This module must not know who logs, nor how a line is made.
"""

from __future__ import annotations

import io
import logging
import os
import select
import socket
import stat
import sys
import time
from collections.abc import Callable
from typing import Protocol

PATIENCE = 0.1
"""Seconds that the server stands still, once, for a reader that does not read."""


def stderr_handler(
    missed: Callable[[int], logging.LogRecord], patience: float = PATIENCE
) -> logging.Handler:
    """A handler for stderr as it is now.

    ``missed`` makes the record that tells of so many lines that were lost.
    """
    try:
        descriptor = sys.stderr.fileno()
        outlet = None if os.name == "nt" else _outlet(descriptor)
    except io.UnsupportedOperation:  # stderr is an object of somebody who runs us as a function
        outlet = None
    if outlet is None:
        return logging.StreamHandler()
    return _PatientHandler(outlet, missed, patience=patience, encoding=sys.stderr.encoding)


class _Outlet(Protocol):
    """A way to write to a descriptor that does not wait."""

    descriptor: int

    def take(self, data: bytes) -> int:
        """How many bytes of ``data`` were written, 0 where it would take waiting. OSError."""

    def close(self) -> None:
        """Give back what it opened."""


def _outlet(descriptor: int) -> _Outlet | None:
    """How to write to a descriptor without waiting; None where no write waits for a reader."""
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(kind):
        return _Socket(descriptor)
    if not stat.S_ISFIFO(kind) and not os.isatty(descriptor):
        return None
    try:
        return _Reopened(descriptor)
    except OSError:  # another user's, or a system without such a path
        return _Asked(descriptor)


class _Reopened:
    """The same pipe or terminal by an open file of our own, which may be non-blocking (Linux)."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
        number = os.open(f"/proc/self/fd/{descriptor}", flags)
        self._file = open(number, "wb", buffering=0)  # noqa: SIM115 - until the end

    def take(self, data: bytes) -> int:
        return self._file.write(data) or 0

    def close(self) -> None:
        self._file.close()


class _Socket:
    """A socket, such as a service manager's; it can be told call by call not to wait."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._socket = socket.socket(fileno=os.dup(descriptor))

    def take(self, data: bytes) -> int:
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        self._socket.close()


class _Asked:
    """A pipe or terminal that we may not open: asked first, and given what a ready pipe can hold.

    A terminal, or a pipe that workers share, may say yes and then wait all the same. A reader that
    just stops is met by the question.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def take(self, data: bytes) -> int:
        try:
            if select.select([], [self.descriptor], [], 0)[1]:
                return os.write(self.descriptor, data[: select.PIPE_BUF])
        except BlockingIOError:  # somebody else has made it so
            pass
        return 0

    def close(self) -> None:
        """Nothing was opened."""


class _PatientHandler(logging.Handler):
    """Writes lines to an outlet; drops and counts them while nobody takes any."""

    def __init__(
        self,
        outlet: _Outlet,
        missed: Callable[[int], logging.LogRecord],
        *,
        patience: float,
        encoding: str,
    ) -> None:
        super().__init__()
        self._outlet = outlet
        self._missed = missed
        self._patience = patience
        self._encoding = encoding
        self._owe_nothing()
        # What a parent owes its reader is the parent's to write.
        os.register_at_fork(after_in_child=self._owe_nothing)

    def _owe_nothing(self) -> None:
        self._behind = False  # the last write was not taken
        self._rest = b""  # of a line that was begun
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or drop and count it."""
        try:
            line = self._line(record)
            taken = self._catch_up(line) if self._behind else self._write(line)
        except OSError:  # the reader has gone; there may come another
            self._rest, taken = b"", False
        except Exception:
            self.handleError(record)
            return
        if not taken:
            self._behind = True
            self._lost += 1

    def flush(self) -> None:
        """Tell a reader who is back, if there was no line since."""
        try:
            if self._behind:
                self._catch_up()
        except OSError:
            self._rest = b""

    def close(self) -> None:
        """Let the outlet go; nothing may be logged after it."""
        self._outlet.close()
        super().close()

    def _line(self, record: logging.LogRecord) -> bytes:
        return (self.format(record) + "\n").encode(self._encoding, "backslashreplace")

    def _catch_up(self, line: bytes = b"") -> bool:
        """Write, without waiting, what the reader is owed with ``line``; whether that was begun."""
        self._rest = self._push(self._rest)
        if self._rest:
            return False
        notice = self._line(self._missed(self._lost)) if self._lost else b""
        # In one piece: a notice alone would fit into gaps that are too small for a line.
        left = self._push(notice + line)
        if left == notice + line:
            return False
        self._rest, self._lost, self._behind = left, 0, bool(left)
        return True

    def _write(self, line: bytes) -> bool:
        """Write a line, waiting while patience lasts; whether it was begun."""
        left = self._push(line)
        if left:
            deadline = time.monotonic() + self._patience
            while left and (wait := deadline - time.monotonic()) > 0:
                select.select([], [self._outlet.descriptor], [], wait)
                left = self._push(left)
            self._behind = bool(left)
            self._rest = left if left != line else b""
        return left != line

    def _push(self, data: bytes) -> bytes:
        """Write what is taken without waiting; what is left."""
        while data and (taken := self._outlet.take(data)):
            data = data[taken:]
        return data
