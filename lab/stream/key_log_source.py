"""The secrets of our own handshakes, from OpenSSL to the observer and nowhere else.

``SSLContext.keylog_filename`` is the public way to them, and it wants a file. Where the system has
anonymous memory files, that is the file: nothing reaches a disk. Elsewhere it is a file that only
its owner can read, in a folder that only its owner can enter, removed with the source. Either
way it is emptied whenever it is read, so it holds the lines of one step of one handshake at most.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import sys
import tempfile
from pathlib import Path

_BOUND = 65536  # bytes; a handshake has less than 1,000
# Windows would otherwise change line ends.
_BINARY: int = getattr(os, "O_BINARY", 0)


class KeyLogSource:
    """The key log of one SSLContext, read line by line as handshakes go on.

    Belongs to the event loop's thread: a line read after a step of a handshake was written by that
    step. Use as a context manager, or call ``close``. ``copy`` is a file to add the lines to, for
    other programs; it is made for its owner's eyes only. Raises OSError.
    """

    def __init__(self, context: ssl.SSLContext, copy: Path | None = None) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._copy: int | None = None
        if copy is not None:
            self._copy = os.open(copy, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _BINARY, 0o600)
        if sys.platform == "linux":
            self._descriptor = os.memfd_create("keylog", os.MFD_CLOEXEC)
            self._path = f"/proc/self/fd/{self._descriptor}"
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="mtls-lab-")
            self._path = str(Path(self._folder.name) / "keylog")
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY
            self._descriptor = os.open(self._path, flags, 0o600)
        self.attach(context)

    def attach(self, context: ssl.SSLContext) -> None:
        """Take the secrets of ``context`` too; of the contexts before it, they still come."""
        context.keylog_filename = self._path
        # OpenSSL's side writes a comment line first; it is no secret of any connection.
        self.read()

    def read(self) -> str:
        """The lines written since the last call, "" if there are none."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        data = os.read(self._descriptor, _BOUND)
        if data:
            os.ftruncate(self._descriptor, 0)  # the writer appends, so it goes on at the new end
            if self._copy is not None:
                os.write(self._copy, data)
        return data.decode("ascii", "replace")

    def close(self) -> None:
        """Empty the file and let go of it.

        Where OpenSSL's own handle keeps the file from being removed (Windows), it stays empty but
        for connections that outlive this source; close those first.
        """
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        if self._copy is not None:
            os.close(self._copy)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.cleanup()

    def __enter__(self) -> KeyLogSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
