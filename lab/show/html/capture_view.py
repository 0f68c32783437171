"""The connections of a capture as a part of a page: a table of all, and the sequences that fit.

Rules: what is kept while the capture is read is bounded. The connections that were refused or
failed come first into the room that there is; what is left out is counted.

This module must not know how connections are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lab.diagnosis.results import Result
from lab.show.html.environment import render
from lab.show.html.field_view import PageRoom
from lab.show.html.trace_view import shows_decrypted, traces_view
from lab.show.text.captures.capture_table import (
    COLUMNS,
    Endings,
    is_refused_or_failed,
    notes,
    table_cells,
)
from lab.show.text.captures.flow_text import flow_name, outcome_words
from lab.tracing.results import CaptureSummary, Trace

_OCTETS = 600_000
"""How long the page may be, with its style sheet and script."""
_FOR_STYLE = 40_000
_MOST_ROWS = 400
_MOST_KEPT = 60
"""How many connections of each kind are kept, to be drawn."""
_BYTES_OF = 3
"""How many connections are drawn with all their bytes."""
_KINDS = {
    Result.ACCEPTED: "accepted",
    Result.REJECTED: "refused",
    Result.FAILED: "refused",
    Result.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """A row of the table. ``name`` is its sequence's in the page, if that were there."""

    number: int
    name: str
    kind: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """The sequence of a connection, with the answer above it."""

    name: str
    kind: str
    title: str
    outcome: str
    view: Markup


class KeptConnections:
    """What is kept of the connections of a capture while they are read: no more than is shown."""

    def __init__(self) -> None:
        self.rows: dict[bool, list[ConnectionRow]] = {True: [], False: []}
        self.traces: dict[bool, list[Trace]] = {True: [], False: []}
        self.endings = Endings()

    def add(self, trace: Trace) -> None:
        """Take the next connection."""
        self.endings.count(trace)
        refused = is_refused_or_failed(trace)
        if len(self.rows[refused]) < _MOST_ROWS:
            self.rows[refused].append(_row(trace))
        if len(self.traces[refused]) < _MOST_KEPT:
            self.traces[refused].append(trace)


def capture_view(kept: KeptConnections, summary: CaptureSummary) -> tuple[Markup, bool]:
    """Return the markup of a capture's connections, and whether it shows decrypted content."""
    refused = kept.rows[True][:_MOST_ROWS]
    found = sorted(
        refused + kept.rows[False][: _MOST_ROWS - len(refused)], key=lambda row: row.number
    )
    room = _OCTETS - _FOR_STYLE - sum(_octets_of_row(row) for row in found)
    chosen = kept.traces[True] + kept.traces[False]
    drawn = _drawn(chosen, room)
    decrypted = shows_decrypted(chosen[: len(drawn)])
    views = sorted(drawn, key=lambda view: view[0])
    markup = render(
        "capture.html",
        columns=[name for name, _ in COLUMNS],
        rows=found,
        rows_left_out=kept.endings.total - len(found),
        endings=kept.endings.words,
        notes=list(notes(summary)),
        views=[view for _, view in views],
        names={view.name for _, view in views},
        views_left_out=kept.endings.total - len(views),
    )
    return markup, decrypted


def _drawn(chosen: Sequence[Trace], room: int) -> list[tuple[int, ConnectionView]]:
    """Return the views of the first connections that fit into ``room`` bytes, with numbers."""
    drawn: list[tuple[int, ConnectionView]] = []
    for place, trace in enumerate(chosen):
        view = _view(trace, PageRoom() if place < _BYTES_OF else PageRoom(octets=0))
        room -= len(view.view.encode())
        if room < 0:
            break
        assert trace.flow is not None
        drawn.append((trace.flow.number, view))
    return drawn


def _view(trace: Trace, room: PageRoom) -> ConnectionView:
    assert trace.flow is not None, "it is a connection of a capture"
    name = _name(trace.flow.number)
    return ConnectionView(
        name=name,
        kind=_KINDS[trace.outcome.result],
        title=flow_name(trace.flow),
        outcome=outcome_words(trace.outcome),
        view=traces_view([trace], key=f"{name}t", room=room),
    )


def _row(trace: Trace) -> ConnectionRow:
    assert trace.flow is not None, "it is a connection of a capture"
    return ConnectionRow(
        number=trace.flow.number,
        name=_name(trace.flow.number),
        kind=_KINDS[trace.outcome.result],
        cells=tuple(table_cells(trace)),
    )


def _name(number: int) -> str:
    return f"c{number}"


def _octets_of_row(row: ConnectionRow) -> int:
    """Return about how many bytes a row takes in the page."""
    return 250 + 2 * sum(len(cell.encode()) for cell in row.cells)
