"""What all doors share: how they speak on stdout, and how they refuse."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable

CANNOT = 2


def seconds(text: str) -> float:
    """A time-out as an argument: a positive number, and not without end."""
    value = float(text)
    if not 0 < value <= 86400:
        raise ValueError
    return value


def plain_text(text: str) -> str:
    """An argument that is text in the system's encoding."""
    text.encode()  # a byte that was none of it became a lone surrogate
    return text


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
