"""The server of the known truth by ``openssl s_server``: what Python's ``ssl`` cannot set."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.diagnosis.truth.certificates import present
from tests.diagnosis.truth.files import Files, FileStore
from tests.diagnosis.truth.python_server import PATIENCE
from tests.diagnosis.truth.responses import PATH, response
from tests.diagnosis.truth.setup import Asks, Clock, Lists, Setup

_PORT = re.compile(rb"ACCEPT \S+?:(\d+)\s")
_VERIFY_ERROR = re.compile(rb"verify error:num=(\d+)")
_ASKS = {
    Asks.NEVER: [],
    Asks.OPTIONAL: ["-verify", "10", "-verify_return_error"],
    Asks.REQUIRED: ["-Verify", "10", "-verify_return_error"],
    Asks.UNVERIFIED: ["-verify", "10"],
}


class SServer:
    """A running s_server, which serves one connection and ends."""

    def __init__(self, setup: Setup, files: Files, store: FileStore) -> None:
        self._process = subprocess.Popen(
            ["openssl", "s_server", *map(str, _arguments(setup, files))],
            cwd=store.folder_of(response(setup), PATH.strip("/")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._output = b""

    def port(self) -> int:
        """Wait until it listens; return where."""
        assert self._process.stdout is not None
        while not (found := _PORT.search(self._output)):
            line = self._process.stdout.readline()
            assert line, self._output.decode(errors="replace")
            self._output += line
        return int(found.group(1))

    def verify_code(self) -> int | None:
        """Wait for its end; return the first verify code that it told."""
        assert self._process.stdout is not None
        self._output += self._process.stdout.read()
        self._process.wait(PATIENCE)
        found = _VERIFY_ERROR.search(self._output)
        return int(found.group(1)) if found else None

    def end(self) -> None:
        """End it if it still runs."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def s_server(setup: Setup, files: Files, store: FileStore) -> Iterator[SServer]:
    """Run an s_server inside the block, and for a bounded time."""
    server = SServer(setup, files, store)
    timer = threading.Timer(PATIENCE, server._process.kill)
    timer.start()
    try:
        yield server
    finally:
        timer.cancel()
        server.end()


def _arguments(setup: Setup, files: Files) -> list[object]:
    arguments: list[object] = ["-accept", "127.0.0.1:0", "-naccept", "1", "-HTTP"]
    arguments += ["-cert", files.identity, "-key", files.identity, *_ASKS[setup.asks]]
    arguments += ["-verifyCAfile", files.trusted]
    if files.names is not None:
        arguments += ["-CAfile", files.names]
    if setup.lists is not Lists.NONE:
        arguments += ["-crl_check_all"]
    if setup.clock is not Clock.RIGHT:
        arguments += ["-attime", int(present().timestamp()) + setup.clock.value * 86_400]
    if setup.server_versions != ("1.2", "1.3"):
        arguments += [f"-tls{setup.server_versions[0].replace('.', '_')}"]
    if setup.suites.startswith("TLS_"):
        arguments += ["-ciphersuites", setup.suites]
    elif setup.suites:
        arguments += ["-cipher", setup.suites]
    for option, value in (
        ("-groups", setup.group),
        ("-alpn", ",".join(setup.server_alpn)),
        ("-client_sigalgs", setup.client_signatures),
    ):
        if value:
            arguments += [option, value]
    return [*arguments, "-num_tickets", setup.tickets]
