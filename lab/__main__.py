"""``mtls-lab DOOR …`` and ``python -m lab DOOR …``: all doors behind one name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from lab.door import run

DOORS = {
    "certs": "make the certificates: a CA, a server, a client",
    "server": "the TODO service that demands a client certificate",
    "trace": "show a handshake message by message, and why it was refused",
    "probe": "try every way to be refused, on the lab's server or on yours",
    "client": "add a TODO and read the list; or be refused without a certificate",
}


def main(argv: Sequence[str]) -> int:
    """Hand over to the door that ``argv`` names first; returns its exit code."""
    if argv and argv[0] in DOORS:
        code = importlib.import_module(f"lab.{argv[0]}").main(argv[1:])
        return int(code)
    asked = bool(argv) and argv[0] in ("-h", "--help")
    out = sys.stdout if asked else sys.stderr
    print("usage: mtls-lab DOOR [--help] ...\n\nDoors:", file=out)
    for door, purpose in DOORS.items():
        print(f"  {door:<8}{purpose}", file=out)
    return 0 if asked else 2


def console() -> int:
    """The entry point of the console script."""
    return run(lambda: main(sys.argv[1:]), "mtls-lab")


if __name__ == "__main__":
    raise SystemExit(console())
