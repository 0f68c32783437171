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
    _open_what_is_closed()
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would be written, and fail again, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    return code


def _open_what_is_closed() -> None:
    """Let stdin, stdout and stderr be there, if only as a place where nothing comes or goes.

    What is opened next would get the number of one that is closed, and be written to in its stead.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The system gives the lowest number that is free, and those below are taken.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    # Python has None for what was closed before it came.
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


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
