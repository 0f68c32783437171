"""What all doors share: how they speak on stdout, and how they refuse."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable

CANNOT = 2
_READER_GONE = 141  # as a shell tells of SIGPIPE


def run(main: Callable[[], int]) -> int:
    """The exit code of a door's ``main``; quiet where whoever reads its output has gone."""
    if sys.stdout is None:  # closed before we came: there is nobody to speak to
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would be written, and fail again, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    return code


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
