"""Sequences as one SVG: for documents, tickets and talks, without any program to show it.

Rules: what the terminal's picture says, in less room: a trace is a panel with its outcome above,
the client left, the server right, times before and sizes behind. Encrypted, clear and TCP differ in
their strokes, which a legend names; nothing is told by colour alone.

This module must not know why a connection ended.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set

from lab.diagnosis.results import Result
from lab.show.measures import milliseconds, short_size
from lab.show.pictures import svg_drawing as draw
from lab.show.pictures.brief_details import brief_details
from lab.show.pictures.picture_words import ending, heading
from lab.show.sequence import Arrow, GapRow, Line, LocalRow, Row, rows
from lab.tls.events import Endpoint, Event
from lab.tracing.results import Trace

WIDTH = 476
"""The width of one panel, in pixels."""
_MARGIN, _BETWEEN, _FOR_LEGEND = 16, 28, 34
_LANE = {Endpoint.CLIENT: 62.0, Endpoint.SERVER: 418.0}
_MIDDLE = sum(_LANE.values()) / 2
_SIZES = WIDTH - 8.0
"""Where the column of sizes ends; the brackets are behind it."""
_ROOM = _LANE[Endpoint.SERVER] - _LANE[Endpoint.CLIENT] - 24
_MOST_LINES = 3
_LINE, _SMALL_LINE = 17, 14
_RESULTS = {
    Result.ACCEPTED: ("✓", "good"),
    Result.REJECTED: ("✗", "bad"),
    Result.FAILED: ("✗", "bad"),
    Result.UNKNOWN: ("?", "unsure"),
}
_FACTS = {None: "pale", True: "good", False: "bad"}
_LINES = {Line.CLEAR: "clear", Line.ENCRYPTED: "encrypted", Line.TCP: "tcp"}


def sequence_svg(traces: Sequence[Trace], *, beside: bool | None = None) -> str:
    """Return the SVG of ``traces``, one at least: ``beside`` each other or one below the other.

    By default two are beside each other, and more below. It is text for a file in UTF-8, and needs
    no other file.
    """
    panels = [_Panel(trace) for trace in traces]
    in_a_row = len(panels) == 2 if beside is None else beside
    heights = [panel.height for panel in panels]
    columns = len(panels) if in_a_row else 1
    width = 2 * _MARGIN + columns * (WIDTH + _BETWEEN) - _BETWEEN
    inner = max(heights) if in_a_row else sum(heights) + _BETWEEN * (len(heights) - 1)
    title = "; ".join(f"{heading(trace)}: {ending(trace.outcome)}" for trace in traces)
    root = draw.document(
        width,
        inner + 2 * _MARGIN + _FOR_LEGEND,
        f"TLS handshake: {title}" if len(traces) == 1 else f"TLS handshakes: {title}",
        " ".join(_told(trace) for trace in traces),
    )
    x = y = float(_MARGIN)
    for panel, height in zip(panels, heights, strict=True):
        panel.group.set("transform", f"translate({x:g} {y:g})")
        root.append(panel.group)
        x, y = (x + WIDTH + _BETWEEN, y) if in_a_row else (x, y + height + _BETWEEN)
    used = set[Line]().union(*(panel.lines for panel in panels))
    _add_legend(root, inner + _MARGIN + 22, used, joined=any(panel.is_joined for panel in panels))
    return draw.written(root)


def _told(trace: Trace) -> str:
    """Return a sequence in sentences, for those who do not see it."""
    steps = "; ".join(_step(row) for row in rows(trace))
    return f"{heading(trace)}: {steps or 'nothing was seen'}."


def _step(row: Row) -> str:
    if isinstance(row, LocalRow):
        return f"{row.label}: {row.reason}" if row.reason else row.label
    if isinstance(row, Arrow):
        manner = "" if row.line is Line.TCP else f", {row.line.value}"
        decided = ", which decided the connection" if row.decisive else ""
        return f"{row.sender.value} to {row.sender.other.value}: {row.label}{manner}{decided}"
    assert isinstance(row, GapRow)
    return f"of the {row.sender.value}: {row.words}"


class _Panel:
    """Draws one trace from top to bottom into ``group``.

    ``height`` is what it takes, ``lines`` are the strokes that it has.
    """

    def __init__(self, trace: Trace) -> None:
        self.group = ET.Element("g")
        self.height = 0.0
        self.lines: set[Line] = set()
        self._behind = draw.element(self.group, "g")  # what the rows are drawn upon
        self._arrows: dict[tuple[Endpoint, int], list[float]] = defaultdict(list)
        self._flight: tuple[float, Event] | None = None
        self._head(trace)
        top = self.height - 4
        for row in rows(trace):
            self._row(row)
        self._end_flight()
        self.height += 12
        for x in _LANE.values():
            draw.element(self._behind, "line", "lifeline", x1=x, y1=top, x2=x, y2=self.height)
        self._brackets()

    @property
    def is_joined(self) -> bool:
        """Whether some rows share a record."""
        return any(len(places) > 1 for places in self._arrows.values())

    def _head(self, trace: Trace) -> None:
        sign, css = _RESULTS[trace.outcome.result]
        for line in draw.wrapped(heading(trace), WIDTH, 2):
            self._line(0, line, "strong")
        for line in draw.wrapped(f"{sign} {ending(trace.outcome)}", WIDTH, 2):
            self._line(0, line, f"strong {css}")
        self.height += 26
        y = self.height - 8
        draw.text(self.group, _LANE[Endpoint.CLIENT] - 6, y, Endpoint.CLIENT.value, "strong")
        draw.text(self.group, _LANE[Endpoint.SERVER] + 6, y, Endpoint.SERVER.value, "strong", "end")
        draw.text(self.group, _LANE[Endpoint.CLIENT] - 16, y, "ms", "small pale", "end")
        draw.text(self.group, _SIZES - 4, y, "bytes", "small pale", "end")

    def _line(self, x: float, words: str, css: str, anchor: str = "start") -> None:
        self.height += _SMALL_LINE if "small" in css.split() else _LINE
        draw.text(self.group, x, self.height - 4, words, css, anchor)

    def _row(self, row: Row) -> None:
        if row.starts_flight:
            self._end_flight()
            self.height += 9
        top = self.height
        if isinstance(row, LocalRow):
            self._fact(row)
        elif isinstance(row, GapRow):
            self._missing(row)
        elif isinstance(row, Arrow):
            if self._flight is None and row.line is not Line.TCP:
                self._flight = top, row.event
            self._arrow(row)
        self.height += 3
        if row.decisive:
            size = {"y": top - 1, "height": self.height - top + 2}
            draw.element(self._behind, "rect", "decisive", x=-6, width=WIDTH + 12, **size)
            draw.element(self._behind, "rect", "bar", x=-6, width=4, **size)
            self._flight = None

    def _end_flight(self) -> None:
        if self._flight is not None:
            top, _ = self._flight
            x = _LANE[Endpoint.CLIENT] + 6
            draw.element(
                self._behind,
                "rect",
                "flight",
                x=x,
                y=top - 1,
                width=_LANE[Endpoint.SERVER] - 6 - x,
                height=self.height - top + 2,
                rx=4,
            )
        self._flight = None

    def _arrow(self, row: Arrow) -> None:
        self.lines.add(row.line)
        kind = _LINES[row.line]
        loud = row.decisive or row.fatal
        words = draw.wrapped(row.label, _ROOM - 20 * row.decisive, _MOST_LINES)
        if row.decisive:
            self.height += 5
            across = max(map(draw.width_of, words)) + 20
            draw.element(
                self.group,
                "rect",
                "frame",
                x=_MIDDLE - across / 2,
                y=self.height - 2,
                width=across,
                height=_LINE * len(words) + 4,
                rx=3,
            )
        for line in words:
            self._line(
                _MIDDLE, line, "strong bad" if loud else "strong" * (row.count == 1), "middle"
            )
        self.height += 8 if row.decisive else 5
        y = self.height
        ends = _LANE[row.sender], _LANE[row.sender.other]
        draw.arrow(self.group, *ends, y, f"{kind} alert" if loud else kind)
        self._time(row, y)
        draw.text(self.group, _SIZES - 4, y + 4, short_size(row.octets), "small pale", "end")
        for span in row.shared:
            self._arrows[row.sender, span.offset].append(y)
        self.height += 5
        for detail in brief_details(row):
            words = draw.wrapped(f"{detail.label}: {detail.value}", _ROOM, 2, draw.SMALL)
            for line in words:
                self._line(_MIDDLE, line, "small bad" if detail.notable else "small pale", "middle")

    def _fact(self, row: LocalRow) -> None:
        at_client = row.endpoint is Endpoint.CLIENT
        x = _LANE[row.endpoint] + (12 if at_client else -12)
        y = self.height + 9
        words = draw.wrapped(row.label, _ROOM, _MOST_LINES)
        for line in words:
            self._line(x, line, _FACTS[row.good], "start" if at_client else "end")
        for line in draw.wrapped(row.reason, _ROOM, _MOST_LINES, draw.SMALL) if row.reason else ():
            self._line(x, line, f"small {_FACTS[row.good]}", "start" if at_client else "end")
        draw.mark(self.group, _LANE[row.endpoint], y, row.good)
        self._time(row, y)

    def _missing(self, row: GapRow) -> None:
        top = self.height
        self.height += 5
        for line in draw.wrapped(f"… {row.words} …", _ROOM - 12, _MOST_LINES):
            self._line(_MIDDLE, line, "unsure", "middle")
        self.height += 3
        draw.element(
            self.group,
            "rect",
            "gap",
            x=_LANE[Endpoint.CLIENT] + 8,
            y=top + 2,
            width=_ROOM + 8,
            height=self.height - top - 3,
            rx=4,
        )
        self._time(row, top + 14)

    def _time(self, row: Row, y: float) -> None:
        x = _LANE[Endpoint.CLIENT] - 10
        draw.text(self.group, x, y + 4, milliseconds(row.at), "small pale", "end")

    def _brackets(self) -> None:
        for places in self._arrows.values():
            if len(places) > 1:
                top, end = places[0] + 1, places[-1] - 1
                draw.element(
                    self.group,
                    "path",
                    "bracket",
                    d=f"M{_SIZES:g} {top:g}h4V{end:g}h-4" + "".join(_ticks(places[1:-1])),
                )


def _ticks(places: Sequence[float]) -> Iterator[str]:
    for y in places:
        yield f"M{_SIZES:g} {y:g}h4"


def _add_legend(root: ET.Element, y: float, used: Set[Line], *, joined: bool) -> None:
    """Say at ``y`` what the strokes mean, and the bracket where rows are ``joined``."""
    x = float(_MARGIN)
    for line, css in _LINES.items():
        if line in used:
            draw.arrow(root, x, x + 34, y, css)
            words = "TCP ends" if line is Line.TCP else line.value
            draw.text(root, x + 42, y + 4, words, "small")
            x += 62 + draw.width_of(words, draw.SMALL)
    if joined:
        draw.element(root, "path", "bracket", d=f"M{x:g} {y - 6:g}h4v12h-4")
        draw.text(root, x + 12, y + 4, "share a record", "small")
