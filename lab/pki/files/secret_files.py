"""Writing files that hold secrets: never readable by others, not for a moment.

Rules: a file has its mode from the start (a chmod afterwards leaves a gap);
an existing file is never written into. Windows knows no such modes: there the folder's access list
decides.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.pki.identity import Identity


def write_private(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Make ``path``, with mode 0600 from the start; if ``lasting``, bring ``data`` to the disk."""
    _write(path, data, 0o600, lasting)


def write_public(path: Path, data: bytes, *, lasting: bool = True) -> None:
    """Make ``path``, as readable as the umask lets it be; ``lasting`` as above."""
    _write(path, data, 0o666, lasting)


def _write(path: Path, data: bytes, mode: int, lasting: bool) -> None:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(data)
        if lasting:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def temporary_pem(identity: Identity) -> Iterator[Path]:
    """A file with the chain and the unencrypted key, for as long as the block lasts.

    ``ssl.SSLContext.load_cert_chain`` takes files only. Once it has returned, the file may go.
    Where the system has anonymous memory files, that is what it is: no key reaches a disk.
    """
    if sys.platform == "linux":
        descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
        with open(descriptor, "wb") as memory:
            memory.write(identity.chain_pem() + identity.key_pem())
            memory.flush()
            yield Path(f"/proc/self/fd/{descriptor}")
    else:
        with tempfile.TemporaryDirectory(prefix="mtls-lab-") as directory:
            path = Path(directory) / "identity.pem"
            write_private(path, identity.chain_pem() + identity.key_pem(), lasting=False)
            yield path
