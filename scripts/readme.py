"""Run the commands of a document, and put what they print below them.

``python scripts/readme.py [FILE]`` (in the .venv) does that to README.md, or to FILE.

A ``console`` block holds commands, each behind ``$``, and their outputs. The commands run in order,
in one empty folder in which ``.venv`` and ``scripts`` are the project's. A command that starts
``lab.server`` goes on in the background until the next one does. A block ``text log NAME`` holds
what that server has logged since the last such block. MAIN_LINES says which lines are shown.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from demo import Server

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(console|text log (?P<log>[a-z]+))\n(?P<body>.*?)^```$", re.M | re.S)
PORT = "8443"  # as the document writes it
START = ".venv/bin/python -m lab.server"

# The lines of an output that are shown, by what its command contains; the others are left out.
MAIN_LINES = {
    "lab.trace --tls1.3": r"┃|requires a client|^   fix|in curl;|tls\.Config|in Node\)",
    "lab.certs issue": r"(?!)",
    "lab.certs inspect": r"^1 |^   OpenSSL ",
    "lab.certs": r"^file|\.crt |^Keep",
    "lab.client --no-cert": r"Error|Alert",
    "lab.client": r"Connecting|HTTP|Authenticated",
    "lab.trace seen": r"^(Connection|cause)",
    "lab.tap": r"^✗ rejected|^  signal|^1\. ",
    "lab.explain --request": r"^ {30,}TLS 1\.2|^(Python|Chromium).*(sends|empty)",
    "lab.explain": r"^1 |^   a ",
    "lab.trace 127": r"^✗ rejected|^  signal  |^   (?!see)\w|was valid",
    "curl --silent --cacert": r"client",
    "lab.probe --client": r"^✗ |^\d+\. ",
    "lab.probe 127": r"^(no-cert|expired)|^  (TLS|1\.[23])  |: all is as",
}
# For each log: the lines of it that are shown, as a pattern.
LOGS = {
    "refused": r"^.*HANDSHAKE\n.*peer=.*\n.*TLS 1\.3 rejected\n(.*\n)+?.*cause: .*",
}
# How the client left a refused handshake, which differs from run to run, is not shown.
HOW_IT_LEFT = re.compile(r"^  \| (client: (undecrypted|alert|TCP)|server: closed).*\n", re.M)
# What a handshake's record holds only if the client's request is quicker than the refusal.
QUICK_REQUEST = re.compile(r",\s+undecrypted\s+record\s+\(application_data\),\s+\d+\s+bytes")
WIDTH = 118  # of the terminal for the server's log


def matching(pattern: str, lines: list[str]) -> list[str]:
    """Return the lines in which ``pattern`` is found."""
    return [line for line in lines if re.search(pattern, line)]


def commands(block: str) -> Iterator[str]:
    """Yield the commands of a block, without the outputs."""
    for line in block.splitlines():
        if line.startswith("$ "):
            yield line[2:]


def free_port() -> str:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


class Runner:
    """Runs a document's commands in ``folder``, with free ports in place of those in its text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {PORT: free_port()}
        self._environment = {
            **os.environ,
            "PYTHONIOENCODING": "utf-8",
            "NO_COLOR": "1",
            "MTLS_SERVER_PORT": self._ports[PORT],
        }
        self._server: Server | None = None
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "scripts").symlink_to(ROOT / "scripts")

    def fill(self, document: str) -> str:
        """Return ``document`` with the outputs of a run of its commands."""
        try:
            return BLOCK.sub(self._filled, document)
        finally:
            self.close()

    def close(self) -> None:
        """Stop the server that goes on in the background, if one does."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _filled(self, block: re.Match[str]) -> str:
        fence = block[0].splitlines()[0]
        if block["log"]:
            lines = self._log(block["log"])
        else:
            lines = [line for command in commands(block["body"]) for line in self._shown(command)]
        return "\n".join([fence, *lines, "```"])

    def _log(self, name: str) -> list[str]:
        assert self._server is not None
        log = "\n".join(self._server.read_until(LOGS[name]))
        shown = re.search(LOGS[name], log, re.M)
        assert shown is not None
        lines = HOW_IT_LEFT.sub("", QUICK_REQUEST.sub("", shown[0]))
        return self._as_written(lines).splitlines()

    def _shown(self, command: str) -> list[str]:
        output = self._output(command)
        for part, pattern in MAIN_LINES.items():
            if part in command:
                output = matching(pattern, output)
                break
        return [f"$ {command}", *output]

    def _output(self, command: str) -> list[str]:
        for written, used in self._ports.items():
            command = command.replace(written, used)
        if command.startswith(START):
            self.close()
            words = command.removeprefix(START).split()
            python = self._folder / ".venv" / "bin" / "python"
            self._server = Server(python, words, self._folder, self._environment, WIDTH)
            return [self._as_written(line) for line in self._server.read_until("Ctrl\\+C")]
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        return [self._as_written(line) for line in done.stdout.strip("\n").splitlines()]

    def _as_written(self, line: str) -> str:
        for written, used in self._ports.items():
            line = line.replace(used, written)
        return line.replace(str(self._folder), ".")


def main() -> int:
    """Run a document's commands and write it anew; exit code 0."""
    document = Path(sys.argv[1]) if sys.argv[1:] else README
    with tempfile.TemporaryDirectory() as folder:
        filled = Runner(Path(folder)).fill(document.read_text(encoding="utf-8"))
    document.write_text(filled, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
