"""``mtls-lab COMMAND ...`` and ``python -m lab COMMAND ...``: all commands behind one name."""

from __future__ import annotations

import importlib
import platform
import shlex
import ssl
import sys
from collections.abc import Sequence

import lab
from lab.cli.command_line import did_you_mean, refuse, run, say

DOORS = {
    "certs": "make the certificates: a CA, a server, a client; inspect and issue more",
    "server": "run the TODO server, which demands a client certificate",
    "client": "create an item and fetch the list; or be refused without a certificate",
    "trace": "show a handshake message by message, and why it was refused",
    "tap": "watch any client and any server, and see why they fail with each other",
    "probe": "check that a server refuses every client that it should refuse",
    "web": "see all of it in the browser: learn, watch connections, bring your own",
    "explain": "say what an error text of a TLS program means, or what a server asks of clients",
}
EXAMPLES = ("trace", "client --no-cert --tls1.3", "probe localhost:9443 --ca-cert ca.crt")
_NAME = "mtls-lab"
_FLAGS = ("-h", "--help", "--version")


def main(argv: Sequence[str], *, prog: str = _NAME) -> int:
    """Hand over to the command that ``argv`` names first; returns its exit code."""
    word = argv[0] if argv else ""
    if word in DOORS:
        command = importlib.import_module(f"lab.{word}")
        return int(command.main(argv[1:], prog=f"{prog} {word}"))
    if word == "--version":
        python = platform.python_version()
        say([f"{_NAME} {lab.__version__} (Python {python}, {ssl.OPENSSL_VERSION})"])
        return 0
    if word in _FLAGS:
        say(_help(prog))
        return 0
    if not argv:
        print("\n".join(_help(prog)), file=sys.stderr)
        return 2
    kind = "option" if word.startswith("-") else "command"
    near = did_you_mean(word, (*DOORS, *_FLAGS))
    return refuse(_NAME, f"there is no {kind} {shlex.quote(word)}{near}; see {prog} --help")


def _help(prog: str) -> list[str]:
    return [
        f"usage: {prog} COMMAND [OPTION ...]",
        "",
        "Make, serve, use, trace and probe mutual TLS on your own machine.",
        "",
        "commands (each has its own --help):",
        *(f"  {name:<8}{purpose}" for name, purpose in DOORS.items()),
        "",
        "options:",
        "  -h, --help  show this help message and exit",
        "  --version   show the version, that of Python and that of OpenSSL, and exit",
        "",
        "exit code:",
        "  that of the command, as its help says; 2 where there is no such command",
        "",
        "examples:",
        *(f"  {prog} {example}" for example in EXAMPLES),
    ]


def console() -> int:
    """The entry point of the console script."""
    return run(lambda: main(sys.argv[1:]), _NAME)


if __name__ == "__main__":
    raise SystemExit(run(lambda: main(sys.argv[1:], prog="python -m lab"), _NAME))
