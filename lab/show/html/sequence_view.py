"""Traces as columns of a page: each a list of rows, lanes at its sides, what faces it beside it.

This module must not know what opens behind a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.show.alignment import aligned
from lab.show.html.event_view import EventViews, OpenedEvent
from lab.show.html.field_view import PageRoom
from lab.show.sequence import Arrow, GapRow, Line, LocalRow, Row, rows
from lab.show.text.captures.flow_text import version_seen
from lab.show.text.trace_text import version_words
from lab.tracing.results import Trace

_MOST_ROWS = 100
"""How many rows of a column are shown; the style sheet has places for twice as many."""
_GIST = ("subject", "SNI", "HTTP", "CA names", "suite", "data", "likely", "signature")
_WORDS = {Line.CLEAR: "in the clear", Line.ENCRYPTED: "encrypted", Line.TCP: "TCP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One row of a column.

    * ``kind`` is "arrow", "fact", "gap" or "lack": that is what the other column alone has.
    * ``classes`` are for the style sheet, ``name`` is the row's own in the page.
    * ``label`` is it in a few words, ``words`` is how it travelled, ``gist`` what matters most.
    * ``at`` is seconds since the start of the trace; None for what is not there.
    * ``pair`` is what it shares with the row beside it: one of them is open at a time.
    """

    kind: str
    label: str
    classes: str = ""
    name: str = ""
    words: str = ""
    gist: tuple[str, ...] = ()
    at: float | None = None
    pair: str = ""
    decisive: bool = False
    opened: OpenedEvent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One trace. ``name`` is its own in the page.

    ``left_out`` counts rows that are not shown, ``unopened`` those that have more to show than
    there is room for.
    """

    name: str
    title: str
    cells: tuple[Cell, ...]
    left_out: int = 0
    unopened: int = 0


def columns(traces: Sequence[Trace], key: str, room: PageRoom) -> tuple[Column, ...]:
    """Return a column for each trace, those of two traces with as many rows each.

    ``key`` begins the name of all that has one.
    """
    makers = [_ColumnMaker(trace, f"{key}{number}", room) for number, trace in enumerate(traces)]
    if len(makers) != 2:
        for maker in makers:
            for row in maker.rows[:_MOST_ROWS]:
                maker.add(row, f"{maker.name}p{len(maker.cells)}")
        return tuple(maker.column(len(maker.rows) - _MOST_ROWS) for maker in makers)
    pairs = aligned(*traces)
    for number, pair in enumerate(pairs[:_MOST_ROWS]):
        name = f"{key}p{number}"
        makers[0].add_or_lack(pair.left, pair.right, pair.note, name)
        makers[1].add_or_lack(pair.right, pair.left, pair.note, name)
    return tuple(maker.column(len(pairs) - _MOST_ROWS) for maker in makers)


def row_name(column: str, number: int) -> str:
    """Return the name in the page of a row of a column."""
    return f"{column}r{number}"


class _ColumnMaker:
    def __init__(self, trace: Trace, name: str, room: PageRoom) -> None:
        self.name = name
        self.rows = rows(trace)
        self.cells: list[Cell] = []
        self._trace = trace
        self._views = EventViews(trace, self.rows, room)
        self._next = 0

    def add(self, row: Row, pair: str) -> None:
        """Add the next row of the trace."""
        number, self._next = self._next, self._next + 1
        kind, label, words, gist = _texts(row)
        classes = [kind, f"from-{row.endpoint.value}"]
        opened = None
        if isinstance(row, Arrow):
            classes.append(row.line.value.lower())
            classes += ["fatal"] * row.fatal
            opened = self._views.opened(number, row)
        elif isinstance(row, LocalRow) and row.good is not None:
            classes.append("good" if row.good else "bad")
        classes += ["decisive"] * row.decisive + ["flight"] * row.starts_flight
        self.cells.append(
            Cell(
                kind=kind,
                label=label,
                classes=" ".join(classes),
                name=row_name(self.name, number),
                words=words,
                gist=gist,
                at=row.at,
                pair=pair,
                decisive=row.decisive,
                opened=opened,
            )
        )

    def add_or_lack(self, row: Row | None, other: Row | None, note: str, pair: str) -> None:
        """Add the next row of the trace, or a place for what only the ``other`` one has."""
        if row is not None:
            self.add(row, pair)
            return
        assert other is not None, "a pair has one row at least"
        elsewhere = note.startswith("in ")
        if isinstance(other, LocalRow) and elsewhere:
            label, note = "", ""  # in what order two ends report of themselves tells nothing
        else:
            label = _texts(other)[1]
        need_not_lack = note.startswith(("seen ", "reported "))
        classes = "lack" + " elsewhere" * elsewhere + " unsure" * need_not_lack
        self.cells.append(Cell(kind="lack", label=label, words=note, classes=classes))

    def column(self, left_out: int) -> Column:
        """Return the column of all that was added."""
        trace = self._trace
        return Column(
            name=self.name,
            title=version_words(trace) if trace.flow is None else version_seen(trace),
            cells=tuple(self.cells),
            left_out=max(0, left_out),
            unopened=self._views.unopened,
        )


def _texts(row: Row) -> tuple[str, str, str, tuple[str, ...]]:
    """Return the kind of a row, its label, how it travelled, and what matters most of it."""
    if isinstance(row, Arrow):
        return "arrow", row.label, _travelled(row), _gist(row)
    if isinstance(row, LocalRow):
        return "fact", row.label, row.reason, ()
    assert isinstance(row, GapRow)
    return "gap", row.words, f"of what the {row.sender.value} sent", ()


def _travelled(row: Arrow) -> str:
    """Return how an arrow travelled: "client to server, encrypted, 58 bytes"."""
    ends = f"{row.sender.value} to {row.sender.other.value}"
    if row.line is Line.TCP:
        return f"{ends}, TCP"
    size = f", {row.octets:,} bytes" if row.octets else ""
    if not row.octets and row.shares_record:
        size = ", in the same record"
    return f"{ends}, {_WORDS[row.line]}{size}"


def _gist(row: Arrow) -> tuple[str, ...]:
    """Return what is to be seen of an arrow while it is closed, as one or two short texts."""
    notable = [f"{detail.label}: {detail.value}" for detail in row.details if detail.notable]
    if notable:
        return tuple(notable[:2])
    first = {detail.label: detail.value for detail in reversed(row.details)}
    return tuple(f"{label}: {first[label]}" for label in _GIST if label in first)[:1]
