"""The command line of every command: help that ends with examples, errors of one line.

This module must not know what any command does.
"""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from lab.cli.run import refuse, say

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


def plain_text(text: str) -> str:
    """Return text in the system's encoding. Raises ArgumentTypeError."""
    try:
        text.encode()  # a byte that is none of it became a lone surrogate
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no text in the encoding of this system"
        ) from None
    return text
