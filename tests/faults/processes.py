"""A server process from outside: what it holds, and how it is kept short of it (Linux).

This module must not know pytest: scripts/soak.py uses it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.peer import within_patience

if sys.platform.startswith("linux"):
    import resource

_LISTEN = "0A"  # as /proc/net/tcp has it


@dataclass(frozen=True, slots=True, kw_only=True)
class _TcpRow:
    """A socket of the system's table, and its state in the table's own form."""

    state: str
    inode: str


@dataclass(frozen=True)
class Observed:
    """A process, by its number. All methods raise OSError once it is gone."""

    pid: int

    def descriptors(self) -> int:
        """How many files and sockets it holds."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def sockets(self) -> int:
        """How many of these are sockets."""
        return len(self._socket_numbers())

    def threads(self) -> int:
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    async def descriptors_at_rest(self) -> int:
        """The same, once its last connection has gone. Raises TimeoutError where one never does."""

        async def wait() -> int:
            while self.connections():
                await asyncio.sleep(0.02)
            return self.descriptors()

        return await within_patience(wait())

    def memory(self) -> int:
        """What it holds in memory, shared pages included, in bytes."""
        return self._size("smaps_rollup", "Rss")

    def share_of_memory(self) -> int:
        """What it holds in memory, of shared pages its share, in bytes."""
        return self._size("smaps_rollup", "Pss")

    def peak_memory(self) -> int:
        """The most that it has ever held in memory, in bytes."""
        return self._size("status", "VmHWM")

    def cpu(self) -> float:
        """CPU time so far, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connections(self) -> int:
        """How many TCP sockets it holds that are no listening ones."""
        own = self._socket_numbers()
        return sum(1 for each in self._tcp() if each.inode in own and each.state != _LISTEN)

    def _socket_numbers(self) -> list[str]:
        numbers = []
        for each in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(each))
            except FileNotFoundError:  # closed since
                continue
            if found:
                numbers.append(found[1])
        return numbers

    def _tcp(self) -> list[_TcpRow]:
        rows = Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]
        return [
            _TcpRow(state=state, inode=inode)
            for _, _, _, state, _, _, _, _, _, inode, *_ in map(str.split, rows)
        ]

    def _size(self, file: str, key: str) -> int:
        text = Path(f"/proc/{self.pid}/{file}").read_text()
        found = re.search(rf"^{key}:\s+(\d+) kB$", text, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024


@contextlib.contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """A process that does nothing inside the block: who connects is in the queue of its socket."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def short_of_descriptors(pid: int, free: int) -> Iterator[None]:
    """Inside the block, the process can have ``free`` descriptors more than it has now."""
    assert sys.platform.startswith("linux")
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (Observed(pid).descriptors() + free, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
