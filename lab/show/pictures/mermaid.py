"""Sequences as a sequenceDiagram of Mermaid, which code hosts draw where it stands in a text.

Rules: letters and digits stand as they are, and what else a text holds as Mermaid's entity codes,
"#59;" for a semicolon: no text ends a line, begins a keyword or becomes markup. The diagram stays
below the 50,000 characters that a renderer takes.

This module must not know why a connection ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lab.show.pictures.brief_details import brief_details
from lab.show.pictures.picture_words import ending, heading
from lab.show.sequence import Arrow, GapRow, Line, LocalRow, Row, rows
from lab.show.text.paper import Paper
from lab.tls.escape import printable
from lab.tls.events import Endpoint
from lab.tracing.results import Trace

MOST_CHARACTERS = 45_000
"""How long a diagram is at most; a renderer takes 50,000 ("maxTextSize")."""
_WIDTH, _MOST_LINES = 48, 3
_NAMES = {Endpoint.CLIENT: "C", Endpoint.SERVER: "S"}
_BOTH = "Note over C,S: "
_ARROWS = {Line.CLEAR: "->>", Line.ENCRYPTED: "-->>", Line.TCP: "-)"}
_DECISIVE = {Line.CLEAR: "-x", Line.ENCRYPTED: "--x", Line.TCP: "-x"}
# Mermaid marks entities with these while it parses; as letters they would become such marks.
_MARKS = frozenset("ﬂß")
_PLAIN = frozenset(" .,:_()/=-")
# What begins a directive, or ends a block, where it stands as a word.
_KEYWORD = re.compile(r"^(?:no)?wrap|\bend\b", re.IGNORECASE)
_LEGEND = "solid arrows are in the clear, dotted ones encrypted"
_PAPER = Paper()


def sequence_diagram(traces: Sequence[Trace]) -> str:
    """Return the diagram of ``traces``, one below the other, as the text of a file (``.mmd``)."""
    head = ["sequenceDiagram", "    participant C as client", "    participant S as server"]
    title = "; ".join(f"{heading(trace)}: {ending(trace.outcome)}" for trace in traces)
    head.append(f"    accTitle: {quoted_text(_PAPER.clipped(printable(title), 200))}")
    head.append(f"    accDescr: {quoted_text(_LEGEND)}")
    room = MOST_CHARACTERS - sum(len(line) + 1 for line in head)
    lines: list[str] = []
    for trace in traces:
        lines += _section(trace, room // len(traces))
    return "\n".join([*head, *lines]) + "\n"


def quoted_text(words: str) -> str:
    """Return ``words`` as they may stand in any line of a diagram."""
    words = "".join(_coded(char) for char in printable(words))
    return _KEYWORD.sub(lambda found: f"#{ord(found[0][0])};{found[0][1:]}", words)


def _coded(char: str) -> str:
    is_plain = char in _PLAIN or (char.isalnum() and char not in _MARKS)
    return char if is_plain else f"#{ord(char)};"


def _section(trace: Trace, room: int) -> Iterator[str]:
    """Yield the lines of one trace: ``room`` characters at most, the decisive row in any case."""
    first = _BOTH + _text([heading(trace), ending(trace.outcome)])
    found = rows(trace)
    pieces = [list(_lines(row)) for row in found]
    room -= len(first) + 5
    kept = set()
    for number in sorted(range(len(found)), key=lambda number: not found[number].decisive):
        # A row that is left out has a note in its place, or is counted in the one before it.
        room -= sum(len(line) + 5 for line in pieces[number])
        if room < 2 * len(_left_out(len(found))):
            break
        kept.add(number)
    yield f"    {first}"
    missing = 0
    for number, piece in enumerate(pieces):
        if number not in kept:
            missing += 1
            continue
        if missing:
            yield f"    {_left_out(missing)}"
        missing = 0
        yield from (f"    {line}" for line in piece)
    if missing:
        yield f"    {_left_out(missing)}"


def _left_out(count: int) -> str:
    return f"{_BOTH}{count} more, left out here"


def _lines(row: Row) -> Iterator[str]:
    """Yield the statements of one row."""
    name, other = _NAMES[row.endpoint], _NAMES[row.endpoint.other]
    if isinstance(row, LocalRow):
        side = "left" if row.endpoint is Endpoint.CLIENT else "right"
        yield f"Note {side} of {name}: {_text([row.label, row.reason])}"
    elif isinstance(row, GapRow):
        yield f"{_BOTH}{_text([f'… {row.words} … ({row.sender.value})'])}"
    elif isinstance(row, Arrow):
        manner = " (encrypted)" if row.line is Line.ENCRYPTED else ""
        sign = "✗ " if row.decisive else ""
        notes = [f"{detail.label}: {detail.value}" for detail in brief_details(row)]
        kind = (_DECISIVE if row.decisive else _ARROWS)[row.line]
        yield f"{name}{kind}{other}: {_text([f'{sign}{row.label}{manner}', *notes])}"


def _text(paragraphs: Sequence[str]) -> str:
    """Return paragraphs as one text of Mermaid's, in lines of a bounded length and number."""
    lines: list[str] = []
    for paragraph in filter(None, paragraphs):
        wrapped = _PAPER.wrapped(printable(paragraph), _WIDTH)
        if len(wrapped) > _MOST_LINES:
            rest = " ".join(wrapped[_MOST_LINES - 1 : _MOST_LINES + 1])
            wrapped = [*wrapped[: _MOST_LINES - 1], _PAPER.clipped(rest, _WIDTH)]
        lines += map(quoted_text, wrapped)
    return "<br/>".join(lines)
