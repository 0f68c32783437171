"""The pcapng file that connections are written to while they are observed.

Rules: the file holds secrets, so only its owner can read it, from its first byte on. What is
observed goes on whatever becomes of the file: the first error is kept, and told by ``close``.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from pathlib import Path

import lab
from lab.capture.pcapng_writer import TcpPackets, file_header, secrets_block
from lab.capture.results import Address
from lab.tls.events import Endpoint, StreamEnd

_BUFFERED = 65536
_HELD_BYTES = 2**18
"""What is held back of a connection at most, so that its secrets can stand before it."""
MOST_OCTETS = 2**26
"""What is written of a connection of ours, in bytes of content; a server may flood its client."""
_MOST_WAITING = 2**24
"""How many bytes may wait for the reader of a pipe."""
_LAST_WAIT = 2.0
"""How long the reader of a pipe may take for the last of them, in seconds."""
_TOO_SLOW = errno.EAGAIN, "what reads it is too slow"
_SYSTEM_FOLDER = Path("/dev")


class PacketFile:
    """A new pcapng file at ``path``, mode 0600; a regular file of that name is replaced.

    So is a link to one, and whoever has that one open sees nothing of the new one. A pipe gets what
    its reader takes, and nobody waits for that. Times that come in are those of ``time.monotonic``,
    so that their order holds; in the file they are of the wall clock. Raises OSError where there
    can be no such file.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
        if path.is_symlink() and path.parent == _SYSTEM_FOLDER and _is_regular_or_missing(path):
            # Such as /dev/stdout: it is everybody's, and root could remove it.
            raise OSError(errno.EEXIST, "it stands for a file that is open already", str(path))
        if _is_regular_or_missing(path):
            path.unlink(missing_ok=True)
            flags |= os.O_EXCL
        self.error: OSError | None = None
        self._path = path
        self._descriptor = os.open(path, flags, 0o600)
        self._pipe = _PipeWriter(self._descriptor) if _may_block(self._descriptor) else None
        self._buffer = bytearray(file_header(f"mtls-lab {lab.__version__}"))
        self._epoch = time.time() - time.monotonic()
        self._connections = 0
        self.flush()

    def connection(
        self, client: Address, server: Address, time: float, *, most: int | None = None
    ) -> ConnectionPackets:
        """Return what takes a connection that came about at ``time``, up to ``most`` bytes."""
        self._connections += 1
        packets = TcpPackets(client, server, self._connections)
        return ConnectionPackets(self, packets, time, most)

    def wall_time(self, time: float) -> float:
        """Return a time of ``time.monotonic`` as seconds since the epoch."""
        return self._epoch + time

    def write(self, blocks: bytes) -> None:
        """Take whole blocks."""
        if self.error is None:
            self._buffer += blocks
            if len(self._buffer) >= _BUFFERED:
                self.flush()

    def flush(self) -> None:
        """Hand all that was written to the system."""
        data, self._buffer = memoryview(self._buffer), bytearray()
        try:
            if self._pipe is None:
                _write(self._descriptor, data)
            else:
                self._pipe.write(data)
        except OSError as error:
            self._failed(error)

    def close(self) -> None:
        """Close the file. Raises OSError where it could not be written as a whole."""
        self.flush()
        try:
            if self._pipe is None:
                os.close(self._descriptor)
            else:
                self._pipe.close()
        except OSError as error:
            self._failed(error)
        if self.error is not None:
            raise self.error

    def _failed(self, error: OSError) -> None:
        self.error = self.error or OSError(error.errno, error.strerror, str(self._path))

    def __enter__(self) -> PacketFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_regular_or_missing(path: Path) -> bool:
    """Tell whether a file of this name is to be made, rather than a pipe or a device used."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def _may_block(descriptor: int) -> bool:
    """Tell whether writing may have to wait for somebody who reads."""
    return stat.S_ISFIFO(os.fstat(descriptor).st_mode) or os.isatty(descriptor)


def _write(descriptor: int, data: memoryview) -> None:
    """Write all. Raises OSError."""
    while data:
        data = data[os.write(descriptor, data) :]


class _PipeWriter:
    """Writes to a pipe or a terminal in a thread, so that only that waits for whoever reads.

    It owns ``descriptor``. An error is raised by the next call.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting = bytearray()
        self._changed = threading.Condition()
        self._is_over = False
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="packets", daemon=True)
        self._thread.start()

    def write(self, data: memoryview) -> None:
        """Take bytes to write. Raises OSError, also where too many wait."""
        with self._changed:
            if self._error is None and len(self._waiting) + len(data) > _MOST_WAITING:
                self._error = OSError(*_TOO_SLOW)
            if self._error is not None:
                raise self._error
            self._waiting += data
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, for a bounded time. Raises OSError."""
        with self._changed:
            self._is_over = True
            self._changed.notify()
        self._thread.join(_LAST_WAIT)
        if self._thread.is_alive():
            raise OSError(*_TOO_SLOW)  # the thread has the descriptor, and ends with the process
        os.close(self._descriptor)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while data := self._next():
                _write(self._descriptor, memoryview(data))
        except OSError as error:
            with self._changed:
                self._error = self._error or error

    def _next(self) -> bytearray:
        """Wait for bytes and return them; none: there are no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over)
            data, self._waiting = self._waiting, bytearray()
            return data


class ConnectionPackets:
    """Takes one connection for ``file``: as ``lab.stream.observed_wire.Recorder`` wants it.

    It is held back until its end, or until it is more than ``_HELD_BYTES``, so that the secrets
    that were learnt until then stand before it. Of more than ``most`` bytes of content the rest is
    left out, as a gap in the sequence numbers.
    """

    def __init__(
        self, file: PacketFile, packets: TcpPackets, time: float, most: int | None
    ) -> None:
        self._file = file
        self._packets = packets
        self._most = most
        self._written = 0
        self._secrets = ""
        self._held: bytearray | None = bytearray(packets.opened(file.wall_time(time)))
        self._open = set(Endpoint)

    def learned(self, key_log: str) -> None:
        """Take secrets, as lines of a key log."""
        self._secrets += key_log
        if self._held is None:
            self._release()

    def sent(self, sender: Endpoint, data: bytes, time: float) -> None:
        """Take the next bytes that ``sender`` sent."""
        self._written += len(data)
        if self._most is not None and self._written > self._most:
            self._packets.leave_out(sender, len(data))
        else:
            self._take(self._packets.sent(sender, data, self._file.wall_time(time)))

    def ended(self, sender: Endpoint, end: StreamEnd, time: float) -> None:
        """Take that TCP ended for what ``sender`` sends."""
        if sender in self._open:
            self._open.discard(sender)
            self._take(self._packets.ended(sender, end, self._file.wall_time(time)))

    def closed(self) -> None:
        """Take that nothing more comes."""
        self._release()
        self._file.flush()

    def _take(self, blocks: bytes) -> None:
        if self._held is None:
            self._file.write(blocks)
            return
        self._held += blocks
        if len(self._held) > _HELD_BYTES:
            self._release()

    def _release(self) -> None:
        """Write the secrets, then what was held back; hold back nothing from here on."""
        if self._secrets:
            self._file.write(secrets_block(self._secrets))
            self._secrets = ""
        if self._held is not None:
            self._file.write(bytes(self._held))
            self._held = None
