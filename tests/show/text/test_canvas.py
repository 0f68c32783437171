"""The canvas: rows of one width, sizes that fit their column, brackets beside shared records."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from lab.show.text.canvas import CLEAR, Canvas
from lab.show.text.event_text import Detail
from lab.show.text.paper import Paper
from lab.tls.events import RecordSpan
from tests.support.traces import CLIENT, SERVER


def drawn(canvas: Canvas) -> list[str]:
    """Return the rows, without heading and legend."""
    return [line.plain for line in canvas.lines()][1:-1]


def span(offset: int) -> RecordSpan:
    return RecordSpan(offset=offset, length=100)


@pytest.mark.parametrize(
    ("length", "shown"),
    [(0, ""), (999_999, "999999"), (1_000_000, "1000k"), (100_000_000, "100M")],
)
def test_the_size_of_records_fits_its_column(length: int, shown: str) -> None:
    canvas = Canvas(Paper())
    canvas.arrow(CLIENT, "x", at=0.0, stroke=CLEAR, size=length)
    (row,) = drawn(canvas)
    assert row.rpartition("│")[2].strip() == shown


@pytest.mark.parametrize(("at", "shown"), [(0.00123, "    1.23"), (99999.0, " 99999 s")])
def test_the_time_fits_its_column(at: float, shown: str) -> None:
    canvas = Canvas(Paper())
    canvas.arrow(SERVER, "x", at=at, stroke=CLEAR)
    assert drawn(canvas)[0][1:9] == shown


def test_a_row_that_ends_one_bracket_and_begins_the_next_joins_them() -> None:
    canvas = Canvas(Paper())
    for shared in ([span(0)], [span(0), span(100)], [span(100)], []):
        canvas.arrow(CLIENT, "x", at=0.0, stroke=CLEAR, size=100, shared=shared)
    assert [row[-1] for row in drawn(canvas)] == ["╮", "┤", "╯", "0"]


def test_what_stands_between_the_lifelines_is_of_one_width() -> None:
    canvas = Canvas(Paper(width=60))
    canvas.arrow(SERVER, "漢字" * 40, at=0.0, stroke=CLEAR, framed=True)
    canvas.detail(SERVER, Detail("label", "x" * 200))
    canvas.fact(CLIENT, "client: " + "word " * 30, "reason", at=0.0, marked=True)
    canvas.blank()
    for row in drawn(canvas):
        assert cell_len(row.rpartition("│")[0]) == 51
