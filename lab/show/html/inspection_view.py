"""An inspection of certificate files as a part of a page: the problems first, then the files.

This module must not know in which page it is shown, nor where the files come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lab.inspecting.results import Entry, FileReport, FoundProblem, Grade, Inspection
from lab.show.html.environment import render
from lab.show.text.inspection_text import entry_pairs
from lab.show.text.peer_text import bounded
from lab.tls.escape import printable

_MOST_PROBLEMS = 100
_MOST_ENTRIES = 100
"""How many entries are shown of one file."""
_MOST_FILES = 50
_MOST_TEXT = 500
_ADVICE = frozenset({Grade.ACCEPTED, Grade.AHEAD, Grade.VERSION, Grade.CONVERT, Grade.NOT_READ})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemView:
    """One problem: ``place`` is what it is about, ``so`` what follows, ``seen`` what was seen."""

    place: str
    summary: str
    so: str
    grave: bool
    seen: tuple[tuple[str, str], ...]
    fix: str
    reference: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCard:
    """One certificate, key, request or CRL. ``kind`` and ``title`` name it."""

    kind: str
    title: str
    pairs: tuple[tuple[str, str], ...]
    problems: tuple[ProblemView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """One file; ``left_out`` counts the entries that are not shown."""

    name: str
    form: str
    encryption: str
    cards: tuple[EntryCard, ...]
    left_out: int


def inspection_view(inspection: Inspection, *, key: str = "i") -> Markup:
    """Return the markup of an inspection: its problems, and the files with what is in them.

    Its headings are of the levels 2 and below. It needs ``lab.css``. ``key``, letters and digits,
    begins its names in the page, and is to differ where several are on one.
    """
    problems = inspection.problems()
    grades = Counter(problem.grade for _, problem in problems)
    return render(
        "inspection.html",
        key=key,
        count=len(problems),
        grades=[(grades[grade], grade.value) for grade in Grade if grades[grade]],
        grave=any(grade not in _ADVICE for grade in grades),
        problems=[_problem(place, problem) for place, problem in problems[:_MOST_PROBLEMS]],
        problems_left_out=max(0, len(problems) - _MOST_PROBLEMS),
        files=[_file(file) for file in inspection.files[:_MOST_FILES]],
        files_left_out=max(0, len(inspection.files) - _MOST_FILES),
    )


def _problem(place: str, problem: FoundProblem) -> ProblemView:
    return ProblemView(
        place=_cut(place),
        summary=_cut(problem.summary),
        so=problem.grade.value,
        grave=problem.grade not in _ADVICE,
        seen=tuple(
            (label, _cut(line))
            for label, lines in (("OpenSSL", problem.said), ("seen", problem.evidence))
            for line in lines
        ),
        fix=printable(problem.fix),
        reference=problem.reference,
        code=problem.code,
    )


def _file(file: FileReport) -> FileView:
    return FileView(
        name=_cut(file.name),
        form=_cut(file.form),
        encryption=_cut(", ".join(file.encryption)),
        cards=tuple(_card(entry) for entry in file.entries[:_MOST_ENTRIES]),
        left_out=max(0, len(file.entries) - _MOST_ENTRIES),
    )


def _card(entry: Entry) -> EntryCard:
    (kind, title), *pairs = entry_pairs(entry)
    return EntryCard(
        kind=f"{kind[0].upper()}{kind[1:]}",
        title=printable(title),
        pairs=_joined(pairs),
        problems=tuple(_problem("", problem) for problem in entry.problems),
    )


def _joined(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the pairs; a value without a label belongs to the one before it."""
    joined: list[tuple[str, str]] = []
    for label, value in pairs:
        if label or not joined:
            joined.append((label, printable(value)))
        else:
            joined[-1] = (joined[-1][0], f"{joined[-1][1]}; {printable(value)}")
    return tuple(joined)


def _cut(text: str) -> str:
    return bounded(text, _MOST_TEXT)
