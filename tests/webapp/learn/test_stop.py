"""The commands of the stops, run in a shell as they stand: they show what the stop is about."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.webapp.learn.guided_path import STOPS
from lab.webapp.learn.stop import TerminalCommand
from tests.support.doors import ROOT

needs_shell = pytest.mark.skipif(
    sys.platform == "win32" or not all(map(shutil.which, ("bash", "openssl", "curl"))),
    reason="needs a POSIX shell, openssl and curl: install them",
)
PATIENCE = 30.0

SHOWN: dict[tuple[str, int], tuple[str, ...]] = {
    ("accepted", 0): ("✓ accepted", "handshake call returned"),
    ("accepted", 1): ("✓ accepted",),
    ("no-certificate", 0): ("handshake_failure (40)", "certificate_required (116)"),
    ("no-certificate", 1): ("handshake_failure (40)", "certificate_required (116)"),
    ("no-certificate", 2): ("alert number 40",),
    ("expired", 0): ("certificate_expired (45)",),
    ("expired", 1): ("the certificate has expired",),
    ("unknown-ca", 0): ("unknown_ca (48)", "Another Root CA"),
    ("unknown-ca", 1): ("the server does not trust the CA", "intermediate"),
    ("missing-intermediate", 0): ("unknown_ca (48)",),
    ("missing-intermediate", 1): ("✓ accepted",),
    ("wrong-purpose", 0): ("unsupported_certificate (43)", "EKU serverAuth"),
    ("wrong-purpose", 1): ("✓ accepted",),
    ("wrong-name", 0): ("rejected by the client", "bad_certificate (42)"),
    ("lost-refusal", 0): ("certificate_required (116)", "its handshake call had returned"),
    ("lost-refusal", 1): ("Verify return code: 0 (ok)",),
    ("later", 0): ("CertificateRequest", "the server asked after the handshake"),
    ("later", 1): (
        "by post-handshake authentication: this client can be asked then",
        "Chromium: no",
    ),
    ("withheld", 0): ("asks for a client certificate", "CN=localhost", "no CA named issued it"),
    ("resumption", 0): ("New, TLSv1.3", "Reused, TLSv1.3"),
    ("authorization", 0): ("HTTP status 403",),
    ("authorization", 1): ('"error": "forbidden"',),
}
"""What the output of each command has, by the stop and the command's number."""

COMMANDS = [
    pytest.param(stop.name, number, command, id=f"{stop.name}-{number}")
    for stop in STOPS
    for number, command in enumerate(stop.commands)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lab's certificates."""
    path = tmp_path_factory.mktemp("terminal")
    command = [sys.executable, "-m", "lab.certs", "--key-type", "ec"]
    subprocess.run(command, cwd=path, env=environment(0), check=True, capture_output=True)
    return path


def environment(port: int) -> dict[str, str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "MTLS_SERVER_PORT": str(port)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Running:
    """A command in a shell of its own; its output is read as it comes."""

    def __init__(self, command: str, folder: Path, env: dict[str, str]) -> None:
        self.output = ""
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while part := os.read(self.process.stdout.fileno(), 65536):
            with self._changed:
                self.output += part.decode("utf-8", "replace")
                self._changed.notify_all()

    def wait_for(self, words: str) -> None:
        """Wait until its output has ``words``."""
        with self._changed:
            assert self._changed.wait_for(lambda: words in self.output, PATIENCE), self.output

    def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def end(self) -> str:
        """Wait until it has ended; return its output."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.stop()
        return self.output

    def stop(self) -> None:
        """Stop it, and what it has started."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


@contextmanager
def beside(command: str, folder: Path, env: dict[str, str]) -> Iterator[Running | None]:
    """Run what stands beside a command, once it listens; stop it behind the block."""
    if not command:
        yield None
        return
    running = Running(f"exec {command}", folder, env)
    try:
        running.wait_for("ACCEPT" if "s_server" in command else "listening on")
        yield running
    finally:
        running.stop()


def test_all_commands_are_held() -> None:
    assert set(SHOWN) == {
        (stop.name, number) for stop in STOPS for number in range(len(stop.commands))
    }


@needs_shell
@pytest.mark.parametrize(("stop", "number", "command"), COMMANDS)
def test_a_command_shows_what_its_stop_is_about(
    stop: str, number: int, command: TerminalCommand, folder: Path
) -> None:
    port, other = free_port(), free_port()
    env = environment(port)

    def here(text: str) -> str:
        return text.replace(":8443", f":{port}").replace("9443", str(other))

    with beside(here(command.beside), folder, env) as server:
        running = Running(here(command.command), folder, env)
        if command.then:
            assert server is not None
            server.wait_for("GET / HTTP/1.1")
            server.type("c")
            server.wait_for("verify return:1")
            server.wait_for("SSL_do_handshake -> 1")
            server.type("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r")
        output = running.end()
    for words in SHOWN[stop, number]:
        assert words in " ".join(output.replace("│", " ").split()), output
    if (stop, number) == ("lost-refusal", 1):
        # It is a race: "often", says the stop.
        alert = "alert number 116" in output
        assert running.process.returncode == int(alert)
