"""A server process from outside: descriptors, memory, CPU time and TCP connections (Linux).

This module must not know pytest: scripts/soak.py uses it too.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.faults.peer import within_patience

_LISTEN = "0A"  # as /proc/net/tcp has it


@dataclass(frozen=True)
class Observed:
    """A process, by its number. All methods raise OSError once it is gone."""

    pid: int

    def descriptors(self) -> int:
        """How many files and sockets it holds."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

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

    def peak_memory(self) -> int:
        """The most that it has ever held in memory, in bytes."""
        return self._size("status", "VmHWM")

    def cpu(self) -> float:
        """CPU time so far, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connections(self) -> int:
        """How many TCP sockets it holds that are no listening ones."""
        own = set()
        for each in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(each))
            except FileNotFoundError:  # closed since
                continue
            if found:
                own.add(found[1])
        rows = Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()[1:]
        states = {row.split()[9]: row.split()[3] for row in rows}
        return sum(1 for inode in own if states.get(inode, _LISTEN) != _LISTEN)

    def _size(self, file: str, key: str) -> int:
        text = Path(f"/proc/{self.pid}/{file}").read_text()
        found = re.search(rf"^{key}:\s+(\d+) kB$", text, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024
