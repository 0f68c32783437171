"""Log lines for a terminal: with the time, coloured, and folded where they are long.

Rules: a line is folded between the parts of its record, and a part is wrapped with a deeper indent,
so that no text of a peer's can begin a line as a part does. NO_COLOR, and a terminal that has no
colours, get plain text.

This module must not know who logs, nor what a part means.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from typing import TextIO

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style

from lab.show.text.paper import WIDTH, Paper
from lab.show.text.server_log import SEPARATOR, TextFormatter

_NARROWEST = 40
_BEFORE_PART = "\n  | "
_BEFORE_REST = "\n      "
_INDENT = len(_BEFORE_REST) - 1
_TIME_STYLE = "dim"


class TerminalFormatter(TextFormatter):
    """``TIME [PREFIX] message`` for the terminal behind ``file``, as wide as that is by then.

    The parts of a record stand on one line as far as they fit; those of a record with the attribute
    ``stacked`` have a line each.
    """

    def __init__(self, prefix: str, file: TextIO) -> None:
        super().__init__(prefix)
        self._file = file
        console = Console(file=file)
        plain = console.no_color or console.color_system is None or console.legacy_windows
        self._styled = not plain

    def message(self, record: logging.LogRecord) -> str:
        """Return the record without its traceback, on one or more lines."""
        paper = Paper(width=_width(self._file), encoding=self._file.encoding)
        time = datetime.fromtimestamp(record.created).isoformat("T", "milliseconds")[11:]
        parts: tuple[str, ...] = getattr(record, "parts", (record.getMessage(),))
        styled, style = getattr(record, "style", None) or (0, _style_of(record.levelno))
        text = f"{self._in_style(time, _TIME_STYLE)} {self.prefix}"
        used = cell_len(f"{time} {self.prefix}")  # of the last line
        for at, part in enumerate(parts):
            if at:
                beside = used + len(SEPARATOR) + cell_len(paper.writable(part))
                fits = beside <= paper.width and not getattr(record, "stacked", False)
                text += SEPARATOR if fits else _BEFORE_PART
                used = used + len(SEPARATOR) if fits else _INDENT
            lines = paper.wrapped(part, paper.width - used)
            shown = style if at == styled else None
            text += _BEFORE_REST.join(self._in_style(line, shown) for line in lines)
            used = cell_len(lines[-1]) + (used if len(lines) == 1 else _INDENT)
        return text

    def _in_style(self, text: str, style: str | None) -> str:
        if style is None or not self._styled:
            return text
        return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


def _width(file: TextIO) -> int:
    try:
        columns = os.get_terminal_size(file.fileno()).columns
    except OSError:  # the terminal is gone
        columns = 0
    return max(columns or WIDTH, _NARROWEST)


def _style_of(level: int) -> str | None:
    if level >= logging.ERROR:
        return "red"
    return "yellow" if level >= logging.WARNING else None
