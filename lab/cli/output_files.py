"""Files that a command writes at its end: whole, or not at all.

Rules: whether a file can be written is found out before the work begins, and an old file of that
name stays until the new one is whole.

This module must not know what is written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


class OutputFile:
    """A file to be written at ``path``, which takes the place of a regular one that is there.

    Only its owner can read it where it is ``private`` (mode 0600). Raises OSError, in the name of
    ``path``, where there can be no such file. Use ``output_file``.
    """

    def __init__(self, path: Path, *, private: bool) -> None:
        self._path = path
        self._target = Path(os.path.realpath(path))
        self._waiting: Path | None = None
        with self._named():
            if self._target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if _is_special(path):
                if not os.access(path, os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                return
            descriptor, name = tempfile.mkstemp(
                dir=self._target.parent, prefix=f".{self._target.name[:64]}.", suffix=".part"
            )
            os.close(descriptor)
            self._waiting = Path(name)
            if not private:
                self._waiting.chmod(0o666 & ~_umask())

    def write(self, text: str) -> None:
        """Put ``text`` there, in UTF-8. Raises OSError in the name of the path."""
        data = text.encode("utf-8", "backslashreplace")
        with self._named():
            if self._waiting is None:
                # What is open already, such as /dev/stdout, is written on, and not anew.
                with open(os.open(self._path, os.O_WRONLY | os.O_APPEND), "wb") as file:
                    file.write(data)
                return
            self._waiting.write_bytes(data)
            self._waiting.replace(self._target)
            self._waiting = None

    def discard(self) -> None:
        """Remove what was begun, unless it was written."""
        if self._waiting is not None:
            with contextlib.suppress(OSError):
                self._waiting.unlink()
            self._waiting = None

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error


@contextlib.contextmanager
def output_file(path: Path, *, private: bool = False) -> Iterator[OutputFile]:
    """Yield the file to be written inside the block; behind it, nothing unfinished is left."""
    file = OutputFile(path, private=private)
    try:
        yield file
    finally:
        file.discard()


def _is_special(path: Path) -> bool:
    """Return whether a pipe or a device is there, or a link of the system to an open file."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) or (path.is_symlink() and path.parent == Path("/dev"))


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
