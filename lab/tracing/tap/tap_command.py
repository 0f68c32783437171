"""A command that a tap is for: told where to connect, and where to write its secrets.

Rules: the command has this process's stdin, stdout and stderr, and its signals are passed on. Its
key log is in a folder of this user's own, which goes with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path

from lab.capture.results import Address
from lab.stream.wire import address_text
from lab.tracing.target import LOOPBACK

_BY_SIGNAL = 128  # as a shell tells of a signal: this, and its number
_HTTPS = 443
_AT_LOCALHOST = (LOOPBACK, "::1", "0.0.0.0", "::")
_PLACE = re.compile(r"\{(?:port|url|keylog)\}")
_BINARY: int = getattr(os, "O_BINARY", 0)


class NoCommand(Exception):
    """The command cannot be started. Its message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What a command is to connect to: the tap at ``tap``, or ``name`` by way of it as a proxy.

    ``port`` is the target's; ``key_log`` is where the command is to write its secrets. Without a
    name the command connects to the tap itself.
    """

    tap: Address
    name: str
    port: int
    key_log: Path

    @property
    def url(self) -> str:
        """The target's root as a URL, without a slash at its end."""
        if not self.name:
            host = "localhost" if self.tap.host in _AT_LOCALHOST else self.tap.host
            return f"https://{address_text(host, self.tap.port)}"
        return f"https://{self.name}" + (f":{self.port}" if self.port != _HTTPS else "")

    def fill_in(self, words: Sequence[str]) -> list[str]:
        """Return the words with ``{port}``, the tap's, ``{url}`` and ``{keylog}`` replaced."""
        values = {"{port}": str(self.tap.port), "{url}": self.url, "{keylog}": str(self.key_log)}
        return [_PLACE.sub(lambda place: values[place[0]], word) for word in words]

    def environment(self, before: Mapping[str, str]) -> dict[str, str]:
        """Return what a command gets as its environment: where its secrets go, and the proxy."""
        added = {"SSLKEYLOGFILE": str(self.key_log)}
        node, java = [_word_of_node(f"--tls-keylog={self.key_log}")], []
        kept = dict(before)
        if self.name:
            proxy = f"http://{address_text(*self.tap)}"
            # By their manuals, Node heeds the proxy from version 24 on, and only with this.
            added |= {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NODE_USE_ENV_PROXY": "1"}
            host, port = self.tap
            java = [f"-Dhttps.proxyHost={host}", f"-Dhttps.proxyPort={port}"]
            for name in ("NO_PROXY", "no_proxy"):
                kept.pop(name, None)
        for name, options in (("NODE_OPTIONS", node), ("JAVA_TOOL_OPTIONS", java)):
            if options:
                added[name] = " ".join([*filter(None, [before.get(name)]), *options])
        return kept | added


def _word_of_node(word: str) -> str:
    """Return a word of NODE_OPTIONS, which are split at spaces save inside quotation marks."""
    if not re.search(r'[\s"\\]', word):
        return word
    return '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'


@contextlib.contextmanager
def private_key_log(copy: Path | None) -> Iterator[Path]:
    """A key log that exists inside the block, for its owner's eyes; then added to ``copy``.

    Raises OSError where that cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
        path = Path(folder) / "keylog"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.ExitStack() as stack:
            if copy is not None:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _BINARY
                target = stack.enter_context(open(os.open(copy, flags, 0o600), "ab", 0))
                stack.callback(_add, path, target, copy)
            yield path


def _add(path: Path, target: RawIOBase, name: Path) -> None:
    """Add a file to ``target``, an open file of that name. Raises OSError."""
    data = memoryview(path.read_bytes())
    try:
        while data:
            data = data[target.write(data) or 0 :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(name)) from error


async def run_command(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end; return its exit code, as a shell tells it. Raises NoCommand."""
    try:
        process = await asyncio.create_subprocess_exec(*words, env=environment)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NoCommand(f"{words[0]}: {reason}; name a command behind --") from error
    with _passing_on(process):
        code = await process.wait()
    return _BY_SIGNAL - code if code < 0 else code


@contextlib.contextmanager
def _passing_on(process: asyncio.subprocess.Process) -> Iterator[None]:
    """Pass signals on to the command, inside the block; what ends this process is its end."""
    if sys.platform == "win32":
        yield
        return
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}

    def pass_on(number: signal.Signals) -> None:
        if number is signal.SIGINT and _is_in_front():
            return  # the terminal has sent it to the command as well
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    heeded = [number for number in numbers if before[number] is not signal.SIG_IGN]
    for number in heeded:
        loop.add_signal_handler(number, pass_on, number)
    try:
        yield
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])


def _is_in_front() -> bool:
    """Tell whether a terminal sends its Ctrl+C to this process and its children."""
    if sys.platform == "win32":
        return True
    try:
        with open("/dev/tty", "rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
