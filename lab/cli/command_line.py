"""The command line of every command: help with examples, output, errors of one line, and the end.

Rules: what is printed is printed inside ``output``, so that no door takes an error of stdout for
one of a file or a socket of its own. A signal to end becomes an exception, or on an event loop a
cancellation, so that what was made for the time being (folders with keys in them) goes with its
block.

This module must not know what any command does.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

from lab.tls.escape import printable

if TYPE_CHECKING:
    import asyncio

WIDTH = 79
_UNRECOGNIZED = "unrecognized arguments: "
_NUMBER = re.compile(r"-\d+|-\d*\.\d+")  # an argument and no option, as argparse has it
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_OPTION_LINE = re.compile(r"^  (-.*)$", re.MULTILINE)
_OPTION = re.compile(r"(?:^|(?<=, ))--?[A-Za-z][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A command line that works: its ``arguments``, as for a shell, and what it does."""

    does: str
    arguments: str


class CommandLine(argparse.ArgumentParser):
    """A parser for the command ``door``, which is called as ``prog``.

    ``notes`` are paragraphs that follow the options in the help; ``examples`` come last.
    """

    def __init__(
        self,
        *,
        door: str,
        prog: str,
        operands: str = "",
        description: str,
        notes: Sequence[str] = (),
        examples: Sequence[Example],
    ) -> None:
        shown = [f"  # {each.does}\n  {prog} {each.arguments}".rstrip() for each in examples]
        super().__init__(
            prog=prog,
            usage=f"{prog} [OPTION ...] {operands}".rstrip(),
            description=textwrap.fill(description, WIDTH),
            epilog="\n\n".join([*map(paragraph, notes), "\n".join(["examples:", *shown])]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.door = door
        self.examples = tuple(examples)
        self._words: Sequence[str] = ()

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse ``words``; an error is one line on stderr and exit code 2."""
        self._words = words
        return self.parse_args(words)

    def print_help(self, file: object = None) -> None:
        """Print the help on stdout. Raises OutputError."""
        say([self.format_help().rstrip()])

    def error(self, message: str) -> NoReturn:
        """End with code 2: one line says what is wrong, and which option was perhaps meant."""
        unknown = self._unknown_option()
        if unknown:
            message = unknown
        elif message.startswith(_UNRECOGNIZED):
            message = f"unexpected argument: {message[len(_UNRECOGNIZED) :]}"
        message = message.replace("ignored explicit argument", "takes no value, so not")
        raise SystemExit(refuse(self.door, f"{message}; see {self.prog} --help"))

    def _unknown_option(self) -> str:
        """Say which of the words is an option that there is not; "" if none is."""
        # What the help shows is what there is; argparse has no public list of it.
        lines = _OPTION_LINE.findall(_STYLE.sub("", self.format_help()))
        options = [name for line in lines for name in _OPTION.findall(line.split("  ")[0])]
        for word in self._words:
            if word == "--":
                break
            name = word.partition("=")[0]
            if len(word) < 2 or word[0] != "-" or " " in word or _NUMBER.fullmatch(word):
                continue
            if name not in options and (word[1] == "-" or word[:2] not in options):
                return f"there is no option {name}{did_you_mean(name, options)}"
        return ""


class CommandLineBefore(CommandLine):
    """A command line behind which there may be another command, after ``--``."""

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse ``words``; ``command`` is what is behind ``--``, empty where there is none."""
        at = words.index("--") if "--" in words else len(words)
        options = super().read(words[:at])
        options.command = words[at + 1 :]
        if at == len(words) - 1:
            self.error("no command behind --")
        return options


def paragraph(text: str) -> str:
    """Return ``text`` filled; where it is a list (lines that begin with two spaces), as it is."""
    return text if "\n" in text else textwrap.fill(text, WIDTH)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a phrase that names what is nearest to ``word``; "" where nothing is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def seconds(text: str) -> float:
    """Return a time-out. Raises ArgumentTypeError."""
    value = _number(text)
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of seconds above 0 and up to 86400"
        )
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def port_number(text: str) -> int:
    """Return a TCP port; 0 means any free one. Raises ArgumentTypeError."""
    if not _is_whole(text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to 65535")
    return int(text)


def count(text: str) -> int:
    """Return a whole number from 1. Raises ArgumentTypeError."""
    if not _is_whole(text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


CAPTURE_SUFFIXES = (".pcap", ".pcapng", ".cap", ".gz")
_PATHS = ("/", "./", "../")


def names_file(text: str, suffixes: tuple[str, ...]) -> bool:
    """Return whether a word names a file, there or not, rather than the address of a server.

    That is any file that is there, a path that begins as one, or a name with one of ``suffixes``.
    """
    if text.isdigit() or "://" in text or text.startswith("unix:"):
        return False
    looks_so = text.lower().endswith(suffixes) or text.startswith(_PATHS)
    return looks_so or (os.path.exists(text) and not os.path.isdir(text))


def plain_text(text: str) -> str:
    """Return text in the system's encoding. Raises ArgumentTypeError."""
    try:
        text.encode()  # a byte that is none of it became a lone surrogate
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no text in the encoding of this system"
        ) from None
    return text


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
def output(file: TextIO | None = None) -> Iterator[TextIO]:
    """Stdout, or ``file``, to be printed to inside the block. Raises OutputError."""
    file = sys.stdout if file is None else file
    try:
        yield file
        file.flush()
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
    import asyncio  # here: it takes long to load, and most commands have no event loop

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
    import asyncio

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
