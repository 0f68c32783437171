"""The whole lab in one command: ``python3 scripts/demo.py [--serve]``.

Makes ``.venv``; then, in a temporary folder, makes the certificates, starts the server, runs the
client, then the client without a certificate in TLS 1.2 and in TLS 1.3, and puts both refusals side
by side.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bootstrap import environment, refuse

PORT = 8443
INDENT = "    "  # of the server's log in this one
PATIENCE = 20.0  # seconds for one line of the server; it answers in milliseconds
ENVIRONMENT = {**os.environ, "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}


class Server:
    """The lab's server as a process, and its log as a terminal of ``width`` columns shows it."""

    def __init__(
        self,
        python: Path,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        width: int,
    ) -> None:
        log, stderr = _terminal(width)
        try:
            self._process = subprocess.Popen(
                [python, "-m", "lab.server", *arguments],
                cwd=folder,
                env=environment,
                stderr=stderr,
            )
        finally:
            os.close(stderr)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._collector = threading.Thread(target=self._collect, args=(log,), daemon=True)
        self._collector.start()

    def _collect(self, log: int) -> None:
        # Linux ends a terminal's output with an error.
        with open(log, encoding="utf-8", errors="replace") as lines, contextlib.suppress(OSError):
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def read_until(self, end: str) -> list[str]:
        """Return the next lines of the log, up to where they match the pattern ``end``."""
        read: list[str] = []
        while not re.search(end, "\n".join(read), re.M):
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                refuse("the server logged nothing more", f"its lines were {read}")
            if line is None:
                refuse("the server ended", f"its last lines were {read}")
            read.append(line)
        return read

    def show_until(self, end: str) -> list[str]:
        """Print the same lines, and return them."""
        lines = self.read_until(end)
        for line in lines:
            print(f"{INDENT}{line}")
        return lines

    def wait(self) -> int:
        """Print its log until it ends; return its exit code."""
        while (line := self._lines.get()) is not None:
            print(line, flush=True)
        return self._process.wait()

    def stop(self) -> None:
        """Stop it as Ctrl+C does, and kill it if it does not stop."""
        if self._process.poll() is None:
            if sys.platform == "win32":
                self._process.terminate()
            else:
                self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=PATIENCE)
            self._process.kill()
            self._process.wait()
        self._collector.join(PATIENCE)


def _terminal(width: int) -> tuple[int, int]:
    """Return what the server's log is read from and written to: a terminal, except on Windows."""
    if sys.platform == "win32":
        return os.pipe()
    import fcntl
    import pty
    import struct
    import termios

    reading, writing = pty.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    return reading, writing


def step(number: int, title: str) -> None:
    """Announce a step."""
    print(f"\n=== {number}. {title}\n", flush=True)


def show(command: str) -> None:
    """Print a command as somebody in the project's folder would type it."""
    print(f"$ .venv/bin/python -m {command}", flush=True)


def run(python: Path, folder: Path, *words: str) -> str:
    """Run one of the lab's commands, show it and its output, and return the output."""
    show(" ".join(words))
    done = subprocess.run(
        [python, "-m", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=ENVIRONMENT,
    )
    print(done.stdout, flush=True)
    if done.returncode:
        refuse(f"{words[0]} ended with exit code {done.returncode}", "see its output above")
    return done.stdout


def free_port() -> int:
    """Return the usual port, or 0 where something else listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        if sys.platform != "win32":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", PORT))
        except OSError:
            print(f"(Port {PORT} is taken; using a free one.)")
            return 0
    return PORT


@contextlib.contextmanager
def running_server(python: Path, folder: Path) -> Iterator[tuple[Server, str]]:
    """Yield a server that listens, and its URL."""
    width = shutil.get_terminal_size((100, 40)).columns - len(INDENT)
    server = Server(python, ["--port", str(free_port())], folder, ENVIRONMENT, width)
    try:
        lines = server.show_until("Ctrl\\+C")
        address = re.search(r"https://\S+", "\n".join(lines))
        assert address is not None
        yield server, address.group()
    finally:
        server.stop()


def demonstrate(python: Path, folder: Path, *, serve: bool) -> None:
    """Run every step, with the certificates in ``folder``; leave the server running if asked to."""
    step(1, "Certificates: a CA, and from it one for the server and one for the client")
    run(python, folder, "lab.certs")

    step(2, "The server demands a client certificate")
    show("lab.server")
    with running_server(python, folder) as (server, url):
        step(3, "A client with a certificate gets in")
        run(python, folder, "lab.client", url)
        print("  The server's log:")
        server.show_until('"GET /todo HTTP/1.1" 200')

        refusals = {}
        for number, version in ((4, "1.2"), (5, "1.3")):
            step(number, f"A client without a certificate is refused, TLS {version}")
            output = run(python, folder, "lab.client", url, "--no-cert", f"--tls{version}")
            refusals[version] = re.search(r"Alert: (.*)", output)
            print("  The server's log:")
            server.show_until("rejected(.*\n)*.*server: closed")

        step(6, "The same refusal, at two moments")
        for version, found in refusals.items():
            assert found is not None
            print(f"  TLS {version}: {found.group(1)}")
        print(
            "\nIn TLS 1.2 the client learns it from its handshake call. In TLS 1.3 that call has\n"
            "already returned when the server judges the certificate: a client that does not\n"
            "read believes that it is connected."
        )
        if serve:
            print(f"\nThe server goes on at {url}, with the certificates in", folder / "certs")
            print("Ctrl+C stops it and removes them.\n", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                server.wait()


def main() -> int:
    """Run the demonstration; exit code 0 if every step came out as it should."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--serve", action="store_true", help="leave the server running")
    serve = options.parse_args().serve
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # A server that is left behind would keep the port.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    python = environment()
    with tempfile.TemporaryDirectory(prefix="mtls-lab-") as folder:
        print(f"All files are made in {folder}, which is removed at the end.")
        demonstrate(python, Path(folder), serve=serve)
    print(
        "\nYour turn: README.md, Four steps. The first is  .venv/bin/python -m lab.certs"
        if os.name != "nt"
        else "\nYour turn: README.md, Four steps. The first is  .venv\\Scripts\\python -m lab.certs"
    )
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        raise SystemExit(main())
