"""Output as text: the width, the characters, and writing drawings, tables and progress to a file.

Rules: a drawing is a list of lines that fit the paper, and is the same on a terminal and in a
file; only a terminal gets styles with it. Widths are in terminal cells. What the encoding of the
file lacks is written as escapes, and drawn with ASCII.

This module must not know what is drawn.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TextIO

from rich import box
from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from lab.tls.escape import escaped

WIDTH = 80
"""The width of a drawing in a file."""
NARROWEST, WIDEST = 60, 100
"""The limits between which a drawing is as wide as the terminal."""
LABEL = 12
"""The width of the label column."""
_GLYPHS = "│●─═┄◄►┏━┓┃┛┗╮┤╯✗✓…"
_ASCII = str.maketrans(_GLYPHS, "|*-=.<>######\\+/X+~")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The output of a drawing: ``width`` in cells, ``NARROWEST`` at least, and ``encoding``."""

    width: int = WIDTH
    encoding: str = "utf-8"

    def glyphs(self, text: str) -> str:
        """Return line-drawing characters, as ASCII unless the encoding has all that are used."""
        return text if self.writable(_GLYPHS) == _GLYPHS else text.translate(_ASCII)

    def writable(self, text: str) -> str:
        r"""``text`` with what the encoding lacks written as ``\xNN`` or ``\uNNNN``.

        So are unprintable characters: a peer's text that was not escaped cannot harm a terminal.
        """
        if not text.isprintable():
            text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def wrapped(self, text: str, width: int) -> list[str]:
        """Return ``text`` in lines of at most ``width`` cells; a longer word is split."""
        lines = [""]
        for word in self.writable(text).split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if cell_len(longer) <= width:
                lines[-1] = longer
            else:
                lines += chop_cells(word, width)
        return [line for line in lines if line] or [""]

    def clipped(self, text: str, width: int) -> str:
        """Return ``text`` on one line of at most ``width`` cells, with an ellipsis if truncated."""
        text = self.writable(text)
        if cell_len(text) <= width:
            return text
        return set_cell_size(text, width - 1) + self.glyphs("…")

    def rule(self, heading: str) -> Text:
        """Return a rule of full width with a heading in it."""
        words = self.clipped(heading, self.width - 8)
        before, behind = self.glyphs("──"), self.glyphs("─" * (self.width - 4 - cell_len(words)))
        return Text.assemble((before, "dim"), " ", (words, "bold"), " ", (behind, "dim"))

    def entry(
        self,
        label: str,
        value: str,
        *,
        indent: int = 0,
        column: int = LABEL,
        style: str = "",
        label_style: str = "dim",
    ) -> Iterator[Text]:
        """Yield the lines of a value, the first with its label, in a column, before it."""
        for line in self.wrapped(value, self.width - indent - column):
            yield Text.assemble(" " * indent, (label.ljust(column), label_style), (line, style))
            label = ""

    def item(
        self, number: str, heading: str, notes: Iterable[tuple[str, str, str]]
    ) -> Iterator[Text]:
        """Yield a numbered heading and notes below it: label, value, style of the value.

        A label that is that of the note before is not repeated.
        """
        yield from self.entry(number, heading, column=3, style="bold", label_style="bold")
        before = ""
        for label, value, style in notes:
            yield from self.entry("" if label == before else label, value, indent=3, style=style)
            before = label

    def columns(
        self,
        label: str,
        cells: Sequence[Sequence[str]],
        styles: Sequence[str] = (),
        *,
        column: int = LABEL,
    ) -> Iterator[Text]:
        """Yield a row: a label in a column of its own, then cells of one width.

        A cell has one paragraph or several; the row is as many lines high as its highest cell.
        """
        width = (self.width - column) // len(cells) - 2
        wrapped = [
            [line for paragraph in cell for line in self.wrapped(paragraph, width)]
            for cell in cells
        ]
        labels = self.wrapped(label, column - 1)
        for first, *pieces in zip_longest(labels, *wrapped, fillvalue=""):
            line = Text.assemble((first.ljust(column), "dim"))
            for piece, style in zip_longest(pieces, styles[: len(pieces)], fillvalue=""):
                cell = Text(piece, style)
                cell.pad_right(width + 2 - cell.cell_len)
                line.append_text(cell)
            line.rstrip()
            yield line

    def paragraph(self, text: str, style: str = "") -> Iterator[Text]:
        """Yield the lines of a text as wide as the paper."""
        return self.entry("", text, column=0, style=style)


def _console(file: TextIO) -> Console:
    """Return rich's console, which takes every file for a terminal where FORCE_COLOR is set."""
    in_memory = isinstance(file, io.StringIO) and not file.isatty()
    return Console(file=file, highlight=False, force_terminal=False if in_memory else None)


def print_drawing(draw: Callable[[Paper], Iterable[Text]], file: TextIO) -> None:
    """Write the lines of ``draw`` to ``file``, with styles if that is a terminal.

    Without a terminal the width is ``WIDTH``. NO_COLOR switches colours off.
    """
    console = _console(file)
    width = min(max(console.width, NARROWEST), WIDEST) if console.is_terminal else WIDTH
    for line in draw(Paper(width=width, encoding=file.encoding or "utf-8")):
        console.print(line, soft_wrap=True)
    file.flush()


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], file: TextIO) -> None:
    """Write a table to ``file``, with borders and colours if that is a terminal.

    Every row has as many cells as there are headers. They may contain text of a peer's, and are
    escaped. Without a terminal nothing is wrapped, and two spaces stand between columns.
    """
    paper = Paper(encoding=file.encoding or "utf-8")
    # Text and not str: square brackets in a cell are not mark-up.
    lines = [[Text(paper.writable(escaped(cell))) for cell in row] for row in (headers, *rows)]
    console = _console(file)
    if console.is_terminal:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for header in lines[0]:
            # A word that is wider than its column is folded, not truncated.
            table.add_column(header, overflow="fold")
        for line in lines[1:]:
            table.add_row(*line)
        console.print(table)
    else:
        widths = [max(cell.cell_len for cell in column) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = map(set_cell_size, (cell.plain for cell in line), widths)
            print("  ".join(cells).rstrip(), file=file)
    file.flush()


@contextlib.contextmanager
def progress(file: TextIO) -> Iterator[Callable[[int], Callable[[str], None]]]:
    """Show a bar on ``file`` inside the block, if that is a terminal.

    Yields a function that takes the number of steps, and returns one to call with the name of each
    step that is done.
    """
    console = Console(file=file)
    if not console.is_terminal:
        yield lambda _: lambda _: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:

        def begin(total: int) -> Callable[[str], None]:
            task = bar.add_task("", total=total)
            return lambda name: bar.update(task, advance=1, description=name)

        yield begin
