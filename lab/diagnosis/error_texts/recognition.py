"""What the lines of a text say, phrase by phrase, and who speaks there.

Rules: an error is found where a phrase of the tables is, never by words that are like it. Words
that mean much else count only where their line is about TLS, or is nearly the whole text. What is
said in general is dropped where something more exact stands beside it.

This module must not know causes.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from lab.diagnosis.error_texts.known_phrases import phrase_index
from lab.diagnosis.error_texts.known_text import KnownText
from lab.diagnosis.error_texts.numbers_and_names import known_number
from lab.diagnosis.error_texts.results import AlertDirection, ErrorPhase, SpeakerRole
from lab.diagnosis.error_texts.tables.speakers import SPEAKERS, can_stand_on

_STYLE = re.compile(r"\x1b\[[0-9;:?]{0,40}[ -/]{0,4}[@-~]")
_ESCAPED_SPACE = re.compile(r"\\{1,8}[nrt](?![a-z]:)")
_ENTITIES = (("&quot;", '"'), ("&#39;", "'"), ("&apos;", "'"), ("&gt;", ">"))
_ABOUT_TLS = re.compile(
    r"ssl|tls|x509|x\.509|pkix|https|handshake|certificate verif|verify|curl|alert|cert_|_cert"
)
# The start of an entry of a log: a date or a time, after at most a few signs.
_ENTRY = re.compile(
    r"\W{0,4}(?:\d{2,4}[-/:.]\d{1,2}[-/:.]|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:"
    r"|\d{10}(?:\.\d{1,9})?[: ]|[IWEF]\d{4} \d\d:)|\{\""
)
_LIKE_AN_ERROR = re.compile(
    r"error|fail|refus|reject|invalid|unable|cannot|can't|denied|untrusted|exception|fatal|aborted"
    r"|mismatch|expired|unsupported"
)
# A program with its version, as programs print themselves, and Python in the paths of a traceback.
_VERSION = re.compile(
    r"\b(openssl|libressl|gnutls|curl|nginx|apache)/(\d{1,3}(?:\.\d{1,3}){1,2}[a-z]?)\b"
    r"|/(python)(\d\.\d{1,2})/"
)
_BESIDE = 3
_ABOVE, _BELOW = 40, 8
_FEW_LINES = 3
_LONGEST_CONTEXT = 600


class Said(NamedTuple):
    """An error that a line names: where, by which row, and who speaks in which place."""

    line: int
    text: str
    row: KnownText
    speakers: frozenset[str]
    role: SpeakerRole
    phase: ErrorPhase
    versions: tuple[tuple[str, str], ...] = ()


def cleaned(text: str) -> str:
    r"""Return a text without terminal styles and entities, and ``\n`` of JSON as a space."""
    if "\x1b" in text:
        text = _STYLE.sub("", text)
    if "\\" in text:
        text = _ESCAPED_SPACE.sub(" ", text)
    if "&" in text:
        for entity, sign in _ENTITIES:
            text = text.replace(entity, sign)
    return text.replace("\r\n", "\n").replace("\r", " ").replace("\0", " ")


class Page:
    """Some lines of a text, that fit into memory; ``whole`` tells that they are all of it."""

    def __init__(self, text: str, *, whole: bool) -> None:
        self.lines = text.split("\n")
        self._lower = "\n".join(line.lower() for line in self.lines)
        self._starts = [0]
        for line in self._lower.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        filled = sum(1 for line in self.lines if line.strip())
        self._short = whole and filled <= _FEW_LINES
        self._entries = [at for at, line in enumerate(self.lines) if _ENTRY.match(line)]
        self._marks: dict[int, dict[_Mark, KnownText]] = {}
        self._programs = [
            (self._line(found.start()), found[1] or found[3], found[2] or found[4])
            for found in _VERSION.finditer(self._lower)
        ]
        self._roles: dict[str, set[SpeakerRole]] = {}
        self._errors: list[tuple[int, int, KnownText]] = []
        self._read()

    def _read(self) -> None:
        consumed, told, captured = 0, 0, ""
        seen: set[tuple[int, str, str]] = set()  # what a line repeats says nothing new
        for hit in phrase_index().find(self._lower):
            line = self._line(hit.start)
            what = (line, hit.rows[0].phrase, hit.captured)
            if what in seen:
                consumed = max(consumed, hit.end)
                continue
            seen.add(what)
            marks = [row for row in hit.rows if row.mark]
            self._marks.setdefault(line, {}).update((_mark(row), row) for row in marks)
            for mark in marks:
                if mark.role is not SpeakerRole.UNKNOWN:
                    self._roles.setdefault(mark.speaker, set()).add(mark.role)
            rows = [row for row in hit.rows if not row.mark]
            row = self._chosen(rows, hit.start, hit.end) if rows else None
            meant = _meant(row, hit.captured) if row is not None else None
            if meant is None:
                continue
            # Words within a longer text are not their own speaker's, but they may tell its version.
            is_own = hit.start >= consumed or (meant.speaker and SPEAKERS[meant.speaker].family)
            if is_own and meant.speaker and not meant.in_context:
                mark = _mark_of(meant)
                self._marks[line][_mark(mark)] = mark
            # The same number again, by a shorter form within the longer one, is no other error.
            is_told = bool(hit.captured) and hit.captured == captured and hit.end <= told
            if hit.start >= consumed and not is_told:
                self._errors.append((line, hit.start, meant))
                consumed = consumed if meant.general else hit.end
                told, captured = hit.end, hit.captured

    def _line(self, at: int) -> int:
        return bisect_right(self._starts, at) - 1

    def _chosen(self, rows: Sequence[KnownText], start: int, end: int) -> KnownText | None:
        """Return the row whose conditions its line meets, a row with more of them first."""
        first = max(self._lower.rfind("\n", 0, start) + 1, start - _LONGEST_CONTEXT)
        last = self._lower.find("\n", end)
        last = min(len(self._lower) if last < 0 else last, end + _LONGEST_CONTEXT)
        context = self._lower[first:last]
        around = f"{self._lower[first:start]} {self._lower[end:last]}"
        for row in sorted(rows, key=lambda row: not row.needs):
            if row.needs and row.needs not in context:
                continue
            if row.alone and not self._short:
                continue
            if row.in_context and not (self._short or _ABOUT_TLS.search(around)):
                continue
            return row
        return None

    def said(self) -> Iterator[Said]:
        """Yield the errors, in their order, without the general ones beside more exact ones."""
        kept = [error for error in self._errors if not self._is_outdone(error)]
        for line, start, row in kept:
            outdone = [
                other
                for _, _, other in self._near(line, 0)
                if other.general and other.alert is not None
            ]
            if outdone and row.alert is None:
                row = row._replace(alert=outdone[0].alert, direction=outdone[0].direction)
            yield self._said(line, start, row)

    def _is_outdone(self, error: tuple[int, int, KnownText]) -> bool:
        line, start, row = error
        if not row.general:
            return False
        is_library = bool(row.speaker) and SPEAKERS[row.speaker].layer == 0
        for at, begin, other in self._near(line, _ABOVE if is_library else _BESIDE):
            if abs(at - line) > _BESIDE:  # a library's own reason may come on another stream
                if other.speaker == row.speaker and not other.general and self._is_one(line, at):
                    return True
                continue
            if not other.general and (row.announces or self._is_one(line, at)):
                return True
            if other.verify is not None and row.direction is AlertDirection.SENT:
                return True  # what does not verify, beside that something does not
            behind = at > line or (at == line and begin > start)
            is_same = (other.causes, other.says) == (row.causes, row.says)
            if behind and not is_same and self._is_one(line, at):
                return True  # the reason stands behind what failed
        return False

    def _is_one(self, first: int, last: int) -> bool:
        """Return whether two lines are in the same entry of a log."""
        return bisect_right(self._entries, first) == bisect_right(self._entries, last)

    def _near(self, line: int, distance: int) -> Iterator[tuple[int, int, KnownText]]:
        first = bisect_right(self._errors, line - distance - 1, key=_line_of)
        for at in range(first, len(self._errors)):
            if self._errors[at][0] > line + distance:
                return
            yield self._errors[at]

    def _said(self, line: int, start: int, row: KnownText) -> Said:
        marks = self._marks_of(line)
        speakers = {name for name in (row.speaker, *(mark.speaker for mark in marks)) if name}
        roles = {mark.role for mark in marks} - {SpeakerRole.UNKNOWN}
        roles |= {SPEAKERS[row.speaker].role} - {SpeakerRole.UNKNOWN} if row.speaker else set()
        if not roles:  # as a program tells elsewhere on the page
            roles = {role for name in speakers for role in self._roles.get(name, ())}
        phases = {mark.phase for mark in marks} - {ErrorPhase.UNKNOWN}
        role, phase = row.role, row.phase
        if role is SpeakerRole.UNKNOWN and len(roles) == 1:
            (role,) = roles
        if phase is ErrorPhase.UNKNOWN and len(phases) == 1:
            (phase,) = phases
        shown = self._shown(line, start)
        return Said(line, shown, row, frozenset(speakers), role, phase, self._versions(line))

    def _versions(self, line: int) -> tuple[tuple[str, str], ...]:
        """Return the versions of programs in a line, and in those above it of the same entry."""
        first = max(self._entry(line)[0], line - _ABOVE)
        start = bisect_left(self._programs, (first, "", ""))
        end = bisect_left(self._programs, (line + 1, "", ""))
        return tuple((name, version) for _, name, version in self._programs[start:end][-_ABOVE:])

    def _marks_of(self, line: int) -> Sequence[KnownText]:
        """Return the marks of the line; where these name no program, also of the nearest one."""
        marks = list(self._marks.get(line, {}).values())
        programs = {
            mark.speaker for mark in marks if mark.speaker and SPEAKERS[mark.speaker].layer > 1
        }
        if programs and any(mark.role is not SpeakerRole.UNKNOWN for mark in marks):
            return marks
        first, end = self._entry(line)
        near = [*range(line - 1, max(first, line - _ABOVE) - 1, -1)]
        near += [*range(line + 1, min(end, line + _BELOW + 1))]
        for at in near:
            if programs:  # only to learn at which end it is
                there = self._marks.get(at, {}).values()
                marks += [mark for mark in there if mark.speaker in programs]
            elif any(mark.speaker for mark in self._marks.get(at, {}).values()):
                own = {mark.speaker for mark in marks if mark.speaker}
                near_by = self._marks[at].values()
                is_other = any(not _is_shared(mark, own) for mark in near_by)
                return marks if is_other else [*marks, *near_by]
        return marks

    def _entry(self, line: int) -> tuple[int, int]:
        """Return the first line of the log's entry that a line is in, and the line behind it."""
        number = bisect_right(self._entries, line)
        first = self._entries[number - 1] if number else 0
        end = self._entries[number] if number < len(self._entries) else len(self.lines)
        return first, end

    def _shown(self, line: int, start: int) -> str:
        """Return the line, and what stands around the phrase if it is long."""
        text = self.lines[line].strip()
        if len(text) <= 300:
            return text
        at = start - self._starts[line]
        return text[max(0, at - 100) : at + 200].strip()

    def marks_in(self, line: int) -> frozenset[str]:
        """Return who seems to speak in a line."""
        marks = self._marks.get(line, {}).values()
        return frozenset(mark.speaker for mark in marks if mark.speaker)

    def unknown_lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines that look like errors of TLS, where nothing near them was found."""
        for line, text in enumerate(self.lines):
            start = text[:_LONGEST_CONTEXT].lower()
            looks_so = _ABOUT_TLS.search(start) and _LIKE_AN_ERROR.search(start)
            if text.strip() and (looks_so or self._short) and not self._is_explained(line):
                yield line, text.strip()

    def _is_explained(self, line: int) -> bool:
        """Return whether an error was found in the same entry of a log, or close by."""
        first, end = self._entry(line)
        first, end = max(first, line - _ABOVE), min(end, line + _ABOVE + 1)
        at = bisect_right(self._errors, first - 1, key=_line_of)
        return at < len(self._errors) and self._errors[at][0] < end


_Mark = tuple[str, SpeakerRole, ErrorPhase]


def _mark(row: KnownText) -> _Mark:
    """Return all that a mark tells."""
    return row.speaker, row.role, row.phase


def _mark_of(row: KnownText) -> KnownText:
    """Return an error's row as a mark of who speaks; only a program is at one end for sure."""
    if SPEAKERS[row.speaker].layer > 1:
        return KnownText("", row.speaker, role=SPEAKERS[row.speaker].role)
    return KnownText("", row.speaker)


def _is_shared(mark: KnownText, speakers: Collection[str]) -> bool:
    """Return whether a mark of one line may tell who speaks in the next one."""
    if mark.speaker == "go-http-server":  # it prints the reason in the same line
        return False
    return not mark.speaker or can_stand_on(mark.speaker, speakers)


def _line_of(error: tuple[int, int, KnownText]) -> int:
    return error[0]


def _meant(row: KnownText, captured: str) -> KnownText | None:
    """Return the row with what its number means; None where that is nothing that is known."""
    if not row.captured:
        return row
    known = known_number(row.captured, captured) if captured else None
    if known is None:
        return None
    changes = {
        name: value
        for name in ("speaker", "direction", "phase", "role", "general")
        if (value := getattr(row, name)) != getattr(_NOTHING, name)
    }
    if known.speaker and row.speaker == "openssl":
        changes["speaker"] = known.speaker
    return known._replace(phrase=row.phrase, **changes)


_NOTHING = KnownText("")
