"""Real connections: ``openssl s_server`` and ``s_client`` with a recording relay between them."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

import pytest

from lab.tls.events import Endpoint
from tests.support.harness import EventBuffer, Identities

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
PATIENCE = 20.0

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the openssl command is not installed"
)


class Program:
    """A running openssl command: its input, and what it has said so far."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            ["openssl", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._said = b""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 65536):
            with self._changed:
                self._said += data
                self._changed.notify_all()

    def expect(self, pattern: str) -> re.Match[bytes]:
        """Wait until the program has said ``pattern``."""
        expression = re.compile(pattern.encode())
        with self._changed:
            found = self._changed.wait_for(lambda: expression.search(self._said), PATIENCE)
            assert found, f"no {pattern!r} in {self._said.decode(errors='replace')}"
            return found

    def send_line(self, line: str) -> None:
        """Write a line to the program's input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Wait for the program's end."""
        self._process.wait(PATIENCE)


class Relay:
    """Carries one connection to ``port`` and records it."""

    def __init__(self, port: int) -> None:
        self.recording = EventBuffer()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._target = port
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with (
            self._listener,
            client,
            socket.create_connection(("127.0.0.1", self._target)) as server,
        ):
            peers = {client: (CLIENT, server), server: (SERVER, client)}
            open_ends = set(peers)
            while open_ends:
                for source in select.select(list(open_ends), [], [])[0]:
                    sender, sink = peers[source]
                    try:
                        data = source.recv(65536)
                        if data:
                            sink.sendall(data)
                        else:
                            sink.shutdown(socket.SHUT_WR)
                    except OSError:
                        data = b""
                    if data:
                        with self._changed:
                            self.recording.pieces.append((sender, data))
                            self._changed.notify_all()
                    else:
                        open_ends.discard(source)

    def sent(self, sender: Endpoint) -> int:
        """How many bytes ``sender`` has sent."""
        return sum(len(data) for who, data in self.recording.pieces if who is sender)

    def has_sent_more(self, sender: Endpoint, before: int) -> bool:
        """Whether ``sender`` has sent more than ``before`` bytes."""
        return self.sent(sender) > before

    def expect(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds; it is asked after each piece."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE)

    def join(self) -> None:
        """Wait for the connection's end."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@dataclass(frozen=True)
class Command:
    """A line for ``program`` that makes ``answer`` send something."""

    program: Endpoint
    letter: str
    answer: Endpoint


@dataclass(frozen=True)
class Connection:
    """What to run: arguments for either program, and the commands after the handshake.

    Before and after each command a line of text goes both ways, so that the programs have read
    all that there was to read.
    """

    server: Sequence[str] = ()
    client: Sequence[str] = ()
    commands: Sequence[Command] = ()
    rsa: bool = False
    ask: bool = True
    certificates: bool = True


def record(connection: Connection, identities: Identities, directory: Path) -> EventBuffer:
    """Run one connection; the recording has the client's key log."""
    with Program("s_server", *server_arguments(connection, identities)) as server:
        port = int(server.expect(r"ACCEPT 127\.0\.0\.1:(\d+)").group(1))
        return run_client(connection, identities, directory, server, port)


def run_client(
    connection: Connection,
    identities: Identities,
    directory: Path,
    server: Program,
    port: int,
    first_number: int = 0,
) -> EventBuffer:
    """Connect one client to a server that listens at ``port``.

    The lines of text that are exchanged are numbered from ``first_number``.
    """
    key_log = directory / "openssl-key.log"
    key_log.unlink(missing_ok=True)
    relay = Relay(port)
    arguments = _client_arguments(connection, identities)
    with Program(
        "s_client", "-connect", f"127.0.0.1:{relay.port}", "-keylogfile", str(key_log), *arguments
    ) as client:
        client.expect("Verify return code")
        _exchange(client, server, first_number)
        for number, command in enumerate(connection.commands, first_number + 1):
            before = relay.sent(command.answer)
            (client if command.program is CLIENT else server).send_line(command.letter)
            relay.expect(partial(relay.has_sent_more, command.answer, before))
            _exchange(client, server, number)
        client.send_line("Q")
        client.wait()
    relay.join()
    relay.recording.key_log = key_log.read_text()
    return relay.recording


def _exchange(client: Program, server: Program, number: int) -> None:
    client.send_line(f"ping {number}")
    server.expect(f"ping {number}")
    server.send_line(f"pong {number}")
    client.expect(f"pong {number}")


def server_arguments(connection: Connection, identities: Identities) -> list[str]:
    """The arguments of s_server for a connection."""
    arguments = ["-accept", "127.0.0.1:0"]
    if connection.certificates:
        identity = identities.rsa_server if connection.rsa else identities.server
        arguments += ["-cert", str(identity.chain), "-key", str(identity.key)]
        arguments += ["-CAfile", str(identities.ca)]
    if connection.ask and connection.certificates:
        arguments += ["-Verify", "1"]
    return [*arguments, *connection.server]


def _client_arguments(connection: Connection, identities: Identities) -> list[str]:
    arguments = []
    if connection.certificates:
        identity = identities.rsa_client if connection.rsa else identities.client
        arguments += ["-cert", str(identity.chain), "-key", str(identity.key)]
        arguments += ["-CAfile", str(identities.ca), "-servername", "localhost"]
    return [*arguments, *connection.client]
