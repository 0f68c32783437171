"""Tables: headers and rows of text in, a table on a terminal or in plain text out.

Rules: cells are escaped here, so they may contain text from a certificate or a peer. Plain text is
for pipes and files: no colour, no wrapping, two spaces between columns.
This module must not know what the rows are about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.tls.events import escaped


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], file: TextIO) -> None:
    """Write a table to ``file``, with borders and colours if that is a terminal.

    Every row has as many cells as there are headers. Characters that the encoding of ``file`` lacks
    are written as escapes.
    """
    encoding = file.encoding or "utf-8"
    lines = [[_cell(text, encoding) for text in row] for row in (headers, *rows)]
    console = Console(file=file)
    if console.is_terminal:
        console.print(_rich(lines))
    else:
        for line in _plain(lines):
            print(line, file=file)
    file.flush()


def _cell(text: str, encoding: str) -> str:
    return escaped(text).encode(encoding, "backslashreplace").decode(encoding)


def _rich(lines: list[list[str]]) -> Table:
    headers, *rows = lines
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        # A word that is wider than its column is folded, not truncated.
        table.add_column(Text(header), overflow="fold")
    for row in rows:
        # Text and not str: square brackets in a cell are not mark-up.
        table.add_row(*(Text(cell) for cell in row))
    return table


def _plain(lines: list[list[str]]) -> Iterator[str]:
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()
