"""The canvas of a sequence diagram: two lifelines, and the arrows between them.

Rules: from left to right a row has a margin (a mark, the time in milliseconds), the client's
lifeline, the lane, the server's lifeline, and the sizes; no row is wider than the paper. Rows that
share a record are joined by a bracket.

This module must not know events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from lab.show.measures import SIZE_WIDTH, TIME_WIDTH, milliseconds, short_size
from lab.show.text.event_text import Detail
from lab.show.text.paper import LABEL, Paper
from lab.tls.events import Endpoint, RecordSpan

CLEAR, SEALED, TCP = "─", "═", "┄"
"""The strokes of arrows: in the clear, encrypted, and the end of a TCP stream."""
_AROUND = 1 + TIME_WIDTH + 1 + 1 + 1 + SIZE_WIDTH + 1 + 1
"""The width beside the lane: mark, time, space, two lifelines, size, space, bracket."""
_INDENT = {Endpoint.CLIENT: 3, Endpoint.SERVER: 6}
_HANGING = 2
"""The indentation of details below their headline."""
_PALE = "dim"
_ALARM = "bold red"
_MISSING = "bold yellow"


@dataclass(slots=True)
class _Row:
    lane: Text
    at: float | None = None
    marked: bool = False
    size: int = 0
    fact_of: Endpoint | None = None
    style: str = ""


class Canvas:
    """Collects rows from top to bottom; ``lines`` yields them all."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self._width = paper.width - _AROUND
        self._rows: list[_Row] = []
        # The rows that share a record, which its sender and its place in their stream name.
        self._shared: dict[tuple[Endpoint, int], list[int]] = {}

    def blank(self, *parts: str | tuple[str, str]) -> None:
        """Add a row with the lifelines and, between them, ``parts`` (texts, or with styles)."""
        self._rows.append(_Row(Text.assemble(*parts)))

    def arrow(
        self,
        sender: Endpoint,
        label: str,
        *,
        at: float,
        stroke: str,
        size: int = 0,
        shared: Sequence[RecordSpan] = (),
        framed: bool = False,
        style: str = "",
    ) -> None:
        """Add an arrow of ``stroke`` from ``sender`` to the other end, ``at`` seconds.

        ``size`` is the number beside it; ``shared`` are the records that other arrows have, too.
        """
        glyphs, indent = self.paper.glyphs, _INDENT[sender]
        label = self.paper.clipped(label, self._width - indent - (7 if framed else 3))
        side = "━" * (cell_len(label) + 2)
        if framed:
            label = glyphs("┃") + f" {label} " + glyphs("┃")
            self.blank(" " * indent, (glyphs(f"┏{side}┓"), style))
        before = stroke * (indent - 1)
        behind = stroke * (self._width - indent - 1 - cell_len(label))
        if sender is Endpoint.SERVER:
            before = "◄" + before[1:]
        else:
            behind = behind[:-1] + "►"
        lane = Text.assemble(
            (glyphs(before), _PALE), " ", (label, style), " ", (glyphs(behind), _PALE)
        )
        for record in shared:
            self._shared.setdefault((sender, record.offset), []).append(len(self._rows))
        self._rows.append(_Row(lane, at=at, marked=framed, size=size, style=style))
        if framed:
            self.blank(" " * indent, (glyphs(f"┗{side}┛"), style))

    def detail(self, sender: Endpoint, detail: Detail) -> None:
        """Add a detail under the last arrow, on the side of its ``sender``."""
        indent = _INDENT[sender] + _HANGING
        label = detail.label
        for line in self.paper.wrapped(detail.value, self._width - indent - LABEL - 1):
            value = (line, _ALARM if detail.notable else "")
            self.blank(" " * indent, (label.ljust(LABEL), _PALE), value)
            label = ""

    def missing(self, sender: Endpoint, words: str, *, at: float, marked: bool = False) -> None:
        """Add a row for bytes of ``sender`` that nobody saw."""
        indent, dots = _INDENT[sender], self.paper.glyphs("…")
        lines = self.paper.wrapped(f"{dots} {words} {dots}", self._width - indent - 1)
        for line in lines:
            self.blank(" " * indent, (line, _MISSING))
        first = self._rows[-len(lines)]
        first.at, first.marked = at, marked

    def fact(
        self,
        endpoint: Endpoint,
        words: str,
        reason: str,
        *,
        at: float,
        marked: bool = False,
        style: str = "",
    ) -> None:
        """Add a local fact of ``endpoint`` with its reason, on its lifeline."""
        width = self._width - 2
        lines = self.paper.wrapped(f"{words}: {reason}" if reason else words, width)
        if len(lines) > 1 and reason:
            lines = [*self.paper.wrapped(words, width), *self.paper.wrapped(reason, width)]
        for line in lines:
            before = " " * (width - cell_len(line)) if endpoint is Endpoint.SERVER else ""
            self.blank(f" {before}", (line, style))
        first = self._rows[-len(lines)]
        first.at, first.marked, first.fact_of, first.style = at, marked, endpoint, style

    def lines(self) -> Iterator[Text]:
        """Yield the heading, the rows and the legend."""
        yield self._heading()
        brackets = self._brackets()
        for row, bracket in zip(self._rows, brackets, strict=True):
            yield self._line(row, bracket)
        strokes = {CLEAR: "clear", SEALED: "encrypted", TCP: "TCP"}
        parts = [f"{self.paper.glyphs(stroke * 2)} {words}" for stroke, words in strokes.items()]
        if any(piece != " " for piece in brackets):
            parts.append(f"{self.paper.glyphs('╮╯')} one record")
        yield Text(" " * (TIME_WIDTH + 2) + "   ".join(parts), _PALE)

    def _brackets(self) -> list[str]:
        """Return for each row the piece of a bracket beside it, or a space."""
        pieces = [" "] * len(self._rows)
        groups = sorted({tuple(rows) for rows in self._shared.values()})
        end = -1
        for rows in groups:
            # A row that ends one group and begins the next joins the two.
            pieces[rows[0]] = "╮" if rows[0] > end else "┤"
            end = max(end, rows[-1])
            for row in range(rows[0] + 1, end + 1):
                pieces[row] = "│"
            for row in rows[1:]:
                pieces[row] = "╯" if row == end else "┤"
        return pieces

    def _line(self, row: _Row, bracket: str) -> Text:
        glyphs = self.paper.glyphs
        lifelines = {end: (glyphs("│"), _PALE) for end in Endpoint}
        if row.fact_of is not None:
            lifelines[row.fact_of] = (glyphs("●"), row.style)
        line = Text.assemble(
            (glyphs("✗") if row.marked else " ", _ALARM),
            ("" if row.at is None else milliseconds(row.at)).rjust(TIME_WIDTH),
            " ",
            lifelines[Endpoint.CLIENT],
            row.lane,
            " " * (self._width - row.lane.cell_len),
            lifelines[Endpoint.SERVER],
            (short_size(row.size).rjust(SIZE_WIDTH), _PALE),
            (f" {glyphs(bracket)}", _PALE),
        )
        line.rstrip()
        return line

    def _heading(self) -> Text:
        return Text.assemble(
            ("ms".rjust(1 + TIME_WIDTH), _PALE),
            " ",
            ("client", "bold"),
            ("server".rjust(self._width + 2 - len("client")), "bold"),
            ("bytes".rjust(SIZE_WIDTH), _PALE),
        )
