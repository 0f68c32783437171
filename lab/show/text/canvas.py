"""The canvas of a sequence diagram: two lifelines, and the arrows between them.

Rules: from left to right a row has a margin (a mark, the time in milliseconds), the client's
lifeline, the lane, the server's lifeline, and the sizes; no row is wider than the paper. A record
is counted in the row that shows it first; rows that share a record are joined by a bracket.

This module must not know events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from lab.show.text.details import Detail
from lab.show.text.paper import LABEL, Paper
from lab.tls.events import Endpoint, RecordSpan

_TIME = 8
_SIZE = 6
_AROUND = 1 + _TIME + 1 + 1 + 1 + _SIZE + 1 + 1
"""The width beside the lane: mark, time, space, two lifelines, size, space, bracket."""
_INDENT = {Endpoint.CLIENT: 3, Endpoint.SERVER: 6}
_HANGING = 2
"""The indentation of details below their headline."""
_PALE = "dim"
_ALARM = "bold red"


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
        # The rows that show a record, which its sender and its place in their stream name.
        self._shown: dict[tuple[Endpoint, int], list[int]] = {}

    def gap(self) -> None:
        """Add a row with the lifelines only."""
        self._rows.append(_Row(Text(" " * self._width)))

    def arrow(
        self,
        sender: Endpoint,
        label: str,
        *,
        at: float,
        stroke: str,
        records: Sequence[RecordSpan] = (),
        framed: bool = False,
        style: str = "",
    ) -> None:
        """Add an arrow of ``stroke`` from ``sender`` to the other end, ``at`` seconds."""
        glyphs = self.paper.glyphs
        indent = _INDENT[sender]
        label = self.paper.clipped(label, self._width - indent - (7 if framed else 3))
        edges: list[str] = []
        if framed:
            edges, label = self._frame(label)
            self._edge(edges[0], indent, style)
        before = stroke * (indent - 1)
        behind = stroke * (self._width - indent - 1 - cell_len(label))
        if sender is Endpoint.SERVER:
            before = glyphs.to_client + before[1:]
        else:
            behind = behind[:-1] + glyphs.to_server
        lane = Text.assemble((before, _PALE), " ", (label, style), " ", (behind, _PALE))
        self._rows.append(
            _Row(lane, at=at, marked=framed, size=self._count(sender, records), style=style)
        )
        for edge in edges[1:]:
            self._edge(edge, indent, style)

    def detail(self, sender: Endpoint, detail: Detail) -> None:
        """Add a detail under the last arrow, on the side of its ``sender``."""
        indent = _INDENT[sender] + _HANGING
        lines = self.paper.wrapped(detail.value, self._width - indent - LABEL - 1)
        style = _ALARM if detail.notable else ""
        label = detail.label
        for line in lines:
            lane = Text.assemble(" " * indent, (label.ljust(LABEL), _PALE), (line, style))
            self._rows.append(_Row(self._filled(lane)))
            label = ""

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
        for number, line in enumerate(lines):
            blank = " " * (self._width - 1 - cell_len(line))
            if endpoint is Endpoint.SERVER:
                lane = Text.assemble(blank, (line, style), " ")
            else:
                lane = Text.assemble(" ", (line, style), blank)
            row = _Row(lane)
            if number == 0:
                row = _Row(lane, at=at, marked=marked, fact_of=endpoint, style=style)
            self._rows.append(row)

    def lines(self) -> Iterator[Text]:
        """Yield the heading, the rows and the legend."""
        yield self._heading()
        brackets = self._brackets()
        for row, bracket in zip(self._rows, brackets, strict=True):
            yield self._line(row, bracket)
        yield self._legend(brackets)

    def _filled(self, lane: Text) -> Text:
        lane.append(" " * (self._width - lane.cell_len))
        return lane

    def _frame(self, label: str) -> tuple[list[str], str]:
        """Return the two edges of a frame around a label, and the label between its sides."""
        box = self.paper.glyphs.box
        width = cell_len(label) + 2
        edges = [box[0] + box[1] * width + box[2], box[6] + box[5] * width + box[4]]
        return edges, f"{box[7]} {label} {box[3]}"

    def _edge(self, edge: str, indent: int, style: str) -> None:
        self._rows.append(_Row(self._filled(Text.assemble(" " * indent, (edge, style)))))

    def _count(self, sender: Endpoint, records: Sequence[RecordSpan]) -> int:
        """Return the bytes of those records that no earlier row has shown."""
        size = 0
        this = len(self._rows)
        for record in records:
            rows = self._shown.setdefault((sender, record.offset), [])
            size += 0 if rows else record.length
            if this not in rows[-1:]:
                rows.append(this)
        return size

    def _brackets(self) -> list[str]:
        """Return for each row the piece of a bracket beside it, or a space."""
        upper, member, between, lower = tuple(self.paper.glyphs.bracket)
        pieces = [" "] * len(self._rows)
        groups = sorted({tuple(rows) for rows in self._shown.values() if len(rows) > 1})
        end = -1
        for rows in groups:
            # A row that ends one group and begins the next joins the two.
            pieces[rows[0]] = upper if rows[0] > end else member
            end = max(end, rows[-1])
            for row in range(rows[0] + 1, end + 1):
                pieces[row] = between
            for row in rows[1:]:
                pieces[row] = lower if row == end else member
        return pieces

    def _line(self, row: _Row, bracket: str) -> Text:
        glyphs = self.paper.glyphs
        lifelines = {end: (glyphs.lifeline, _PALE) for end in Endpoint}
        if row.fact_of is not None:
            lifelines[row.fact_of] = (glyphs.fact, row.style)
        line = Text.assemble(
            (glyphs.broken if row.marked else " ", _ALARM),
            ("" if row.at is None else _milliseconds(row.at)).rjust(_TIME),
            " ",
            lifelines[Endpoint.CLIENT],
            row.lane,
            lifelines[Endpoint.SERVER],
            (_size(row.size).rjust(_SIZE), _PALE),
            (f" {bracket}", _PALE),
        )
        line.rstrip()
        return line

    def _heading(self) -> Text:
        between = self._width + 2 - len("client") - len("server")
        return Text.assemble(
            ("ms".rjust(1 + _TIME), _PALE),
            " ",
            ("client", "bold"),
            " " * between,
            ("server", "bold"),
            ("bytes".rjust(_SIZE), _PALE),
        )

    def _legend(self, brackets: Sequence[str]) -> Text:
        glyphs = self.paper.glyphs
        meanings = {
            glyphs.clear: "clear",
            glyphs.sealed: "encrypted",
            glyphs.tcp: "TCP",
        }
        parts = [f"{stroke * 2} {meaning}" for stroke, meaning in meanings.items()]
        if any(piece != " " for piece in brackets):
            parts.append(f"{glyphs.bracket[0]}{glyphs.bracket[3]} one record")
        return Text(" " * (_TIME + 2) + "   ".join(parts), _PALE)


def _milliseconds(seconds: float) -> str:
    text = f"{seconds * 1000:.2f}"
    return text if len(text) <= _TIME else f"{seconds:.0f} s"


def _size(size: int) -> str:
    if size < 10**_SIZE:
        return str(size or "")
    return f"{size // 10**3}k" if size < 10**8 else f"{size // 10**6}M"
