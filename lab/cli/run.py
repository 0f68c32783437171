"""What all doors share: how they speak on stdout, how they refuse, and how they end.

Rules: what is printed is printed inside ``output``, so that no door takes an error of stdout for
one of a file or a socket of its own. A signal to end becomes an exception, or on an event loop a
cancellation, so that what was made for the time being (folders with keys in them) goes with its
block.

This module must not know what any door does.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from types import FrameType
from typing import Any, NoReturn, TextIO, TypeVar

from lab.tls.events import printable

CANNOT = 2
_BY_SIGNAL = 128  # as a shell tells of a signal: this, and its number
_READER_GONE = _BY_SIGNAL + 13  # SIGPIPE, also on systems that have none
_ENDS = [signal.SIGINT, signal.SIGTERM]
if sys.platform != "win32":
    _ENDS.append(signal.SIGHUP)

T = TypeVar("T")


class Ended(SystemExit):
    """A signal asked the process to end; ``code`` is what a shell says of that signal."""

    def __init__(self, number: int) -> None:
        super().__init__(_BY_SIGNAL + number)


class OutputError(Exception):
    """Stdout cannot be written to. It is no OSError, lest a door take it for one of its own."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.reader_gone = isinstance(error, BrokenPipeError)


def run(main: Callable[[], int], door: str) -> int:
    """The exit code of a door's ``main``; quiet where whoever reads its output has gone.

    Output that cannot be written for another reason is refused in the name of ``door``. SIGTERM,
    and SIGHUP where nobody wants it ignored, raise Ended in ``main``.
    """
    _prepare_standard_files()
    _end_in_order()
    try:
        return main()
    except OutputError as error:
        _give_up(sys.stdout)
        if error.reader_gone:
            return _READER_GONE
        return refuse(door, f"the output cannot be written: {error}; send it somewhere else")


def _prepare_standard_files() -> None:
    """Have files for all three, and escapes for characters that their encoding lacks."""
    # Python has None for what was closed before it started.
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - until the end
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for file in (sys.stdout, sys.stderr):
        if isinstance(file, io.TextIOWrapper):
            file.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def output() -> Iterator[TextIO]:
    """Stdout, to be printed to inside the block. Raises OutputError."""
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(error) from error
    except SystemExit as error:
        if isinstance(error, Ended):
            raise
        # rich ends the process where the reader of its output has gone.
        raise OutputError(BrokenPipeError()) from error


def _end_in_order() -> None:
    for number in _ENDS:
        # Python has a handler for SIGINT, and nohup has SIGHUP ignored.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # tidying up is not to be cut short
    raise Ended(number)


def complete(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work`` on an event loop of its own.

    A signal to end cancels it. Once it has tidied up, that is KeyboardInterrupt or Ended: raised by
    a handler in the midst of some task, either would leave the loop with tasks that nobody ends.
    """
    task, number = asyncio.run(_attended(work))
    if number is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # of no interest any more, but asyncio wants it looked at
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Ended(number)


async def _attended(work: Coroutine[Any, Any, T]) -> tuple[asyncio.Task[T], int | None]:
    """``work`` as a task that is done, and the signal that cancelled it, None if none did."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    signals: list[int] = []

    def heed(number: int, _: FrameType | None) -> None:
        if not signals:
            loop.call_soon_threadsafe(task.cancel)
        signals.append(number)

    heeded = [number for number in _ENDS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, heed) for number in heeded}
    try:
        await asyncio.wait((task,))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return task, signals[0] if signals else None


def _give_up(stream: TextIO) -> None:
    """Let go of what is still buffered: it would be written, and fail again, when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def say(lines: Iterable[str]) -> None:
    """Print lines at once. Raises OutputError."""
    with output() as file:
        for line in lines:
            print(line, file=file, flush=True)


def refuse(door: str, message: str) -> int:
    """Print one line on stderr that says what is wrong; return the exit code for it."""
    try:
        print(f"{door}: {printable(message)}", file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)  # the exit code must do
    return CANNOT


def refuse_os_error(door: str, error: OSError) -> int:
    """Refuse for a file that cannot be used, or for what the system denies."""
    reason = error.strerror or str(error)
    if error.filename is None:
        return refuse(door, f"the system denies it: {reason}")
    return refuse(door, f"{error.filename}: {reason}; name a file that this user may use")
