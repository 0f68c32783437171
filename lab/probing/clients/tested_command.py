"""Run the command under test: told where to connect, bounded in time and output, leaving nothing.

Rules: the command runs in a session of its own, with no input. When it has ended, or its time is
up, its whole process group is ended. Of what it prints, the end is kept.

This module must not know what the command is to show.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.stream.wire import within
from lab.tracing.tap.tap_command import NoCommand

KEPT = 4096
"""How many bytes of a command's output are kept: the last ones."""
_CHUNK = 65536
_GRACE = 1.0  # seconds between SIGTERM and SIGKILL
_PLACE = re.compile(r"\{(?:url|host|port|ca|cert|key)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDetails:
    """Where a command is to connect, and the files that it may need.

    ``ca`` is what a good server's certificate chains to; ``cert`` and ``key`` are a good client's.
    """

    host: str
    port: int
    ca: Path
    cert: Path
    key: Path

    @property
    def values(self) -> dict[str, str]:
        """What stands for each placeholder, by its name."""
        return {
            "url": f"https://{self.host}:{self.port}",
            "host": self.host,
            "port": str(self.port),
            "ca": str(self.ca),
            "cert": str(self.cert),
            "key": str(self.key),
        }

    def fill_in(self, words: Sequence[str]) -> list[str]:
        """Return the words of the command with their placeholders replaced."""
        values = self.values
        return [_PLACE.sub(lambda place: values[place[0][1:-1]], word) for word in words]

    def environment(self, before: Mapping[str, str]) -> dict[str, str]:
        """Return what a command gets as its environment; loopback is reached past any proxy."""
        added = {f"LAB_{name.upper()}": value for name, value in self.values.items()}
        for name in ("NO_PROXY", "no_proxy"):
            added[name] = ",".join(filter(None, [before.get(name), "localhost,127.0.0.1,::1"]))
        return {**before, **added}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRun:
    """A command that has ended.

    ``exit_code`` is negative for the signal that ended it, None where its time was up.
    ``left_processes`` tells that others of its process group were still there. ``output`` is the
    end of what it printed, to stdout and stderr alike.
    """

    exit_code: int | None
    left_processes: bool
    output: str
    seconds: float


async def run_tested(
    words: Sequence[str], environment: Mapping[str, str], limit: float
) -> CommandRun:
    """Run a command for at most ``limit`` seconds. Raises NoCommand where it does not start."""
    begun = time.monotonic()
    with _output() as (tail, descriptor):
        process = await _start(words, environment, descriptor)
        left = True
        try:
            code: int | None = await within(limit, process.wait())
            left = _group_exists(process.pid)
        except TimeoutError:
            code = None
            _signal_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await within(_GRACE, process.wait())
        finally:
            if left:
                _signal_group(process.pid, signal.SIGKILL)
            await process.wait()
    return CommandRun(
        exit_code=code,
        left_processes=left and code is not None,
        output=tail.decode("utf-8", "replace"),
        seconds=time.monotonic() - begun,
    )


async def _start(
    words: Sequence[str], environment: Mapping[str, str], output: int
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NoCommand(f"{words[0]}: {reason}; name a command behind --") from error


@contextlib.contextmanager
def _output() -> Iterator[tuple[bytearray, int]]:
    """Yield the last bytes that are written to a pipe, and the descriptor to write them to.

    asyncio's own pipes would keep a process waiting for children that still hold them.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    tail, loop = bytearray(), asyncio.get_running_loop()

    def take() -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(reading, _CHUNK)
            if not data:
                loop.remove_reader(reading)
            tail.extend(data[-KEPT:])
            del tail[:-KEPT]

    loop.add_reader(reading, take)
    try:
        yield tail, writing
        for _ in range(16):  # a pipe holds no more than that; a process that got away may write on
            take()
    finally:
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of a process that has changed its user
        return True
    return True


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
