"""What all doors share: how they speak on stdout, and how they refuse."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable

CANNOT = 2


def say(lines: Iterable[str]) -> None:
    """Print lines at once, whatever the terminal's encoding lacks written as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    for line in lines:
        print(line, flush=True)


def refuse(door: str, message: str) -> int:
    """One line on stderr that says what is wrong; returns the exit code for it."""
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")
    print(f"{door}: {message}", file=sys.stderr, flush=True)
    return CANNOT
