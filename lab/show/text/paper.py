"""Output of drawings as text: the width, the characters, and writing to a file.

Rules: a drawing is a list of lines that fit the paper, and is the same on a terminal and in a
file; only a terminal gets styles with it. Widths are in terminal cells. What the encoding of the
file lacks is written as escapes, and drawn with ASCII.

This module must not know what is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

WIDTH = 80
"""The width of a drawing in a file."""
NARROWEST, WIDEST = 60, 100
"""The limits between which a drawing is as wide as the terminal."""
LABEL = 12
"""The width of the label column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """The characters of a drawing, each one cell wide.

    ``clear``, ``sealed`` and ``tcp`` are the lines of arrows; ``box`` is a frame clockwise from its
    upper left corner: corner, side, corner, side, corner, side, corner, side. ``bracket``
    is a bracket's upper end, a member, a piece between members, and its lower end.
    """

    lifeline: str
    fact: str
    clear: str
    sealed: str
    tcp: str
    to_client: str
    to_server: str
    box: str
    bracket: str
    broken: str
    fine: str
    rule: str
    ellipsis: str


UNICODE = Glyphs(
    lifeline="│",
    fact="●",
    clear="─",
    sealed="═",
    tcp="┄",
    to_client="◄",
    to_server="►",
    box="┏━┓┃┛━┗┃",
    bracket="╮┤│╯",
    broken="✗",
    fine="✓",
    rule="─",
    ellipsis="…",
)
ASCII = Glyphs(
    lifeline="|",
    fact="*",
    clear="-",
    sealed="=",
    tcp=".",
    to_client="<",
    to_server=">",
    box="########",
    bracket="\\+|/",
    broken="X",
    fine="+",
    rule="-",
    ellipsis="~",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The output of a drawing: ``width`` in cells, ``NARROWEST`` at least, and ``encoding``."""

    width: int = WIDTH
    encoding: str = "utf-8"

    @property
    def glyphs(self) -> Glyphs:
        """Line-drawing characters if the encoding has them all, else ASCII."""
        every = "".join(getattr(UNICODE, name) for name in Glyphs.__slots__)
        return UNICODE if self.writable(every) == every else ASCII

    def writable(self, text: str) -> str:
        r"""``text`` with what the encoding lacks written as ``\xNN`` or ``\uNNNN``.

        So are unprintable characters: a peer's text that was not escaped cannot harm a terminal.
        """
        if not text.isprintable():
            text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def wrapped(self, text: str, width: int) -> list[str]:
        """Return ``text`` in lines of at most ``width`` cells; a longer word is split."""
        lines = [""]
        for word in self.writable(text).split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if cell_len(longer) <= width:
                lines[-1] = longer
            else:
                lines += _cut(word, width)
        return [line for line in lines if line] or [""]

    def rule(self, heading: str) -> Text:
        """Return a rule of full width with a heading in it."""
        dash = self.glyphs.rule
        words = self.clipped(heading, self.width - 8)
        rest = self.width - 4 - cell_len(words)
        return Text.assemble((dash * 2, "dim"), " ", (words, "bold"), " ", (dash * rest, "dim"))

    def entry(self, label: str, value: str, *, indent: int, style: str = "") -> Iterator[Text]:
        """Yield the lines of a label and, beside it, a value."""
        left = indent + LABEL
        for number, line in enumerate(self.wrapped(value, self.width - left)):
            shown = "" if number else label
            yield Text.assemble(" " * indent, (shown.ljust(LABEL), "dim"), (line, style))

    def clipped(self, text: str, width: int) -> str:
        """Return ``text`` on one line of at most ``width`` cells, with an ellipsis if truncated."""
        text = self.writable(text)
        if cell_len(text) <= width:
            return text
        return next(_cut(text, width - 1)) + self.glyphs.ellipsis


def _cut(text: str, width: int) -> Iterator[str]:
    """``text`` in pieces of at most ``width`` cells, and of one character at least."""
    piece = ""
    for character in text:
        if piece and cell_len(piece + character) > width:
            yield piece
            piece = ""
        piece += character
    yield piece


def print_drawing(draw: Callable[[Paper], Iterable[Text]], file: TextIO) -> None:
    """Write the lines of ``draw`` to ``file``, with styles if that is a terminal.

    Without a terminal the width is ``WIDTH``. NO_COLOR switches colours off.
    """
    console = Console(file=file, highlight=False)
    width = min(max(console.width, NARROWEST), WIDEST) if console.is_terminal else WIDTH
    for line in draw(Paper(width=width, encoding=file.encoding or "utf-8")):
        console.print(line, soft_wrap=True)
    file.flush()
