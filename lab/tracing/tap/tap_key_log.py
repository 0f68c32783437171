"""A key log that another program writes: followed as it grows, looked up by client random.

Rules: it may come into being later, be cut, or be replaced by another of its name; what is known of
the one before stays so. It is looked at when somebody asks, and only what is new is read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from lab.tls.key_log import Secret
from lab.tls.key_log_index import KeyLogIndex

_PIECE = 2**20
_MOST_LOGS = 8
"""How many files of that name are known, one after the other."""
# A pipe that nobody writes to would keep its reader waiting.
_FLAGS: int = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class _Log:
    """One file, open as long as it is known."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0
        self.index = KeyLogIndex(self._read_at)

    def goes_on_in(self, path: Path) -> bool:
        """Tell whether ``path`` is still this file, and has lost nothing. Raises OSError."""
        now, own = path.stat(), os.fstat(self._file.fileno())
        return (now.st_dev, now.st_ino) == (own.st_dev, own.st_ino) and own.st_size >= self._size

    def read(self) -> None:
        """Read what is new. Raises OSError."""
        self._file.seek(self._size)
        while data := self._file.read(_PIECE):
            self._size += len(data)
            self.index.add(data)

    def close(self) -> None:
        self._file.close()

    def _read_at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)


class KeyLogFollower:
    """Follows the key log at ``path``. May be asked from several threads; ``close`` ends that.

    What cannot be read later on has no secrets: a file that is not there yet looks like that. What
    is there already is read now, as it may be long. Raises OSError for what can be no key log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._logs: list[_Log] = []
        try:
            self._read()
        except FileNotFoundError:
            pass
        except OSError:
            self.close()
            raise

    def find(self, client_random: bytes) -> Sequence[Secret]:
        """Return the secrets of a connection so far."""
        with self._lock:
            with contextlib.suppress(OSError):
                self._read()
            try:
                found = (log.index.secrets(client_random) for log in reversed(self._logs))
                return next(filter(None, found), ())
            except OSError:
                return ()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            while self._logs:
                self._logs.pop().close()

    def _read(self) -> None:
        """Read what is new. Raises OSError."""
        try:
            if not self._logs or not self._logs[-1].goes_on_in(self._path):
                self._logs.append(_Log(_opened(self._path)))
            self._logs[-1].read()
        finally:
            if len(self._logs) > _MOST_LOGS:
                self._logs.pop(0).close()


def _opened(path: Path) -> BinaryIO:
    """Open a regular file, which alone can be followed. Raises OSError."""
    descriptor = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file, which alone can be followed", str(path))
    return open(descriptor, "rb", buffering=0)
