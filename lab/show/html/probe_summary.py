"""The summary of a probe for its page: passed or not, the figures, what they mean, what to do.

Rules: it claims no more than the report does. A result is one scenario in one version.

This module must not know how a single result is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.probing.results import OWN_SERVER, Finding, Report, Verdict
from lab.show.text.peer_text import cleaned
from lab.show.text.probe_text import grouped
from lab.tls.code_points import ProtocolVersion

_NAMES_SHOWN = 4
_WIDTH = 1000
"""The width of the bar of verdicts, in units of its own."""
_INCONCLUSIVE = (Verdict.UNTOLD, Verdict.UNPREPARED)
_EXCEPTED = {
    Verdict.OUTLIVED: "sessions that outlive a certificate",
    Verdict.UNPREPARED: "what is revoked",
}
_RESERVES = tuple(_EXCEPTED)
_MEANINGS = {
    Verdict.LET_IN: "a client got in that must not: the check that would have stopped it is "
    "missing, or does not cover this",
    Verdict.SHUT_OUT: "a client with a good certificate did not get in, so such clients cannot use "
    "the server",
    Verdict.UNEXPECTED: "the lab's own server did something else than was measured of it",
    Verdict.NOT_TRIED: "the attempt did not come about as it should, so it says nothing of the "
    "server",
    Verdict.UNTOLD: "neither that the client was taken nor that it was refused could be told: this "
    "is no pass",
    Verdict.UNPREPARED: "a revoked certificate got in; no probe can see whether a server has "
    "loaded a CRL, and --crl settles it",
    Verdict.OUTLIVED: "a client whose certificate has expired was let in by the session that it "
    "began before, as most servers do; one that issues no sessions does not",
    Verdict.SILENT: "refused by the end of the TCP connection, with no alert: in order, and hard "
    "to debug for the client",
    Verdict.BY_HTTP: "the handshake was completed, and HTTP refused the client",
    Verdict.BY_APPLICATION: "the handshake was completed, and the application refused the client",
    Verdict.RIGHT: "who should get in does, and who should not does not",
}
_STEPS = {
    Verdict.LET_IN: "let the server refuse these clients",
    Verdict.SHUT_OUT: "find out why the server refuses these clients",
    Verdict.UNEXPECTED: "compare what the server did with what was expected",
    Verdict.NOT_TRIED: "find out why these could not be tried",
    Verdict.UNTOLD: "find out why these got no verdict",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number of the summary, in large; ``more`` is a remark on it. ``kind`` is for the style."""

    number: int
    words: str
    kind: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictFigures:
    """How often a verdict was come to, in each version and in all, and its part of the bar."""

    verdict: str
    kind: str
    mark: str
    meaning: str
    counts: tuple[int, ...]
    total: int
    left: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSummary:
    """``sentence`` tells whether it passed, ``first`` what to do first, ``concerns`` for what."""

    sentence: str
    kind: str
    extent: str
    meaning: str
    first: str
    concerns: str
    figures: tuple[Figure, ...]
    versions: tuple[str, ...]
    verdicts: tuple[VerdictFigures, ...]


def summary(report: Report) -> ProbeSummary:
    """Return the summary of a whole probe."""
    first, concerns = _first_step(report)
    versions = tuple(sorted({finding.version for finding in report.findings}))
    return ProbeSummary(
        sentence=_sentence(report),
        kind="bad"
        if report.faulty
        else "good"
        if report.passed and report.bad_refused
        else "doubt",
        extent=_extent(report, versions),
        meaning=_meaning(report),
        first=first,
        concerns=concerns,
        figures=tuple(_figures(report)),
        versions=tuple(map(str, versions)),
        verdicts=tuple(_verdicts(report.findings, versions)),
    )


def _extent(report: Report, versions: Sequence[ProtocolVersion]) -> str:
    names = {finding.scenario.name for finding in report.findings}
    parts = (
        f"{_plural(len(names), 'scenario')} in {' and '.join(map(str, versions)) or 'no version'}",
        _plural(len(report.findings), "result"),
        f"{_plural(report.connections, 'connection')} in {report.seconds:.1f} s",
    )
    return ", ".join(parts)


def kind_of(finding: Finding) -> str:
    """Return "bad", "doubt" or "good": something is wrong, or open, or neither."""
    return _kind(finding.verdict)


def mark_of(finding: Finding) -> str:
    """Return the mark of a verdict; its words say the same."""
    return _MARKS[_kind(finding.verdict)]


_MARKS = {"bad": "✗", "doubt": "?", "good": "✓"}


def _kind(verdict: Verdict) -> str:
    if verdict.faulty:
        return "bad"
    return "good" if verdict.fine and verdict not in _RESERVES else "doubt"


def _sentence(report: Report) -> str:
    if report.passed and report.bad_refused:
        reserves = "; ".join(
            f"{len(found)} {verdict.value}"
            for verdict in (*_RESERVES, Verdict.UNTOLD, Verdict.NOT_TRIED)
            if (found := _of(report, verdict))
        )
        return f"Passed: all is as it should be{reserves and f' ({reserves})'}."
    if report.passed:
        return (
            "Nothing is wrong with what was tried, but no bad certificate was presented and "
            "refused: this run does not show that the server verifies."
        )
    if not report.faulty:
        return "Inconclusive: no fault was found, but not all could be tried or told."
    parts = [
        f"{words} ({_plural(number, 'scenario')})"
        for verdict, words in (
            (Verdict.LET_IN, "let clients in that it should have refused"),
            (Verdict.SHUT_OUT, "refused clients that it should have accepted"),
            (Verdict.UNEXPECTED, "did otherwise than was measured of it"),
        )
        if (number := len({found.scenario.name for found in _of(report, verdict)}))
    ]
    return f"Not passed: the server {', and '.join(parts)}."


def _of(report: Report, *verdicts: Verdict) -> list[Finding]:
    return [finding for finding in report.findings if finding.verdict in verdicts]


def _figures(report: Report) -> Iterator[Figure]:
    presented = [finding for finding in report.findings if finding.presented]
    kinds = len({finding.scenario.name for finding in presented})
    yield Figure(
        number=len(presented),
        words="client certificates tried",
        more=f"{_plural(kinds, 'kind')}, each seen to be presented",
    )
    for words, kind, verdicts in (
        ("wrongly let in", "bad", (Verdict.LET_IN,)),
        ("wrongly refused", "bad", (Verdict.SHUT_OUT,)),
        ("inconclusive", "doubt", _INCONCLUSIVE),
        ("could not be tried", "doubt", (Verdict.NOT_TRIED,)),
    ):
        found = _of(report, *verdicts)
        with_one = sum(finding.presented is True for finding in found)
        yield Figure(
            number=len(found),
            words=words,
            kind=kind if found else "",
            more=f"{with_one} presented a certificate" if found and with_one else "",
        )
    if report.target == OWN_SERVER:
        found = _of(report, Verdict.UNEXPECTED)
        yield Figure(number=len(found), words="not as measured", kind="bad" if found else "")


def _meaning(report: Report) -> str:
    """Return what the worst of the verdicts mean, one sentence each."""
    if report.passed and report.bad_refused:
        noted = [verdict for verdict in _RESERVES if _of(report, verdict)]
        excepted = " and ".join(_EXCEPTED[verdict] for verdict in noted)
        extent = f"apart from {excepted}" if noted else "in all that was tried"
        sentences = [f"{extent}, who should get in does, and who should not does not"]
    else:
        noted = [
            verdict
            for verdict in reversed(Verdict)
            if any(not finding.fine for finding in _of(report, verdict))
        ]
        sentences = []
        if report.passed:
            sentences = ["without a refusal, it is not known whether certificates are verified"]
    sentences += [f"“{verdict.value}”: {_MEANINGS[verdict]}" for verdict in noted]
    sentences += [f"{silent.version} was not answered, and not tried" for silent in report.silent]
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences)


def _first_step(report: Report) -> tuple[str, str]:
    """Return what to do first, and which scenarios that concerns."""
    open_ones = [finding for finding in report.findings if not finding.fine]
    if not open_ones:
        return _step_without_errors(report)
    worst = max(finding.verdict.weight for finding in open_ones)
    groups = grouped([finding for finding in open_ones if finding.verdict.weight == worst])
    (verdict, notes), findings = max(groups.items(), key=lambda group: len(group[1]))
    steps = [_STEPS[verdict], *notes]
    trace = findings[0].trace
    if verdict is Verdict.SHUT_OUT and trace is not None and trace.causes and trace.causes[0].fix:
        steps.append(trace.causes[0].fix)
    steps[1:] = [f"{step[:1].upper()}{step[1:]}" for step in steps[1:]]
    return cleaned(". ".join(steps)), _concerns(findings)


def _step_without_errors(report: Report) -> tuple[str, str]:
    for silent in report.silent:
        return (
            f"find out why {silent.version} got no answer ({cleaned(silent.ending, 80)}), or probe "
            "the other version alone"
        ), ""
    if not report.bad_refused:
        return (
            "try bad certificates too (no --only, no --skip), and see why those that were tried "
            "were not presented"
        ), ""
    if unprepared := _of(report, Verdict.UNPREPARED):
        notes = unprepared[0].notes
        return cleaned("; ".join(notes)), _concerns(unprepared)
    return "nothing", ""


def _concerns(findings: Sequence[Finding]) -> str:
    names = list(dict.fromkeys(finding.scenario.name for finding in findings))
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def _verdicts(
    findings: Sequence[Finding], versions: Sequence[ProtocolVersion]
) -> Iterator[VerdictFigures]:
    left = seen = 0
    for verdict in reversed(Verdict):
        found = [finding for finding in findings if finding.verdict is verdict]
        if not found:
            continue
        seen += len(found)
        right = seen * _WIDTH // len(findings)
        kind = _kind(verdict)
        yield VerdictFigures(
            verdict=verdict.value,
            kind=kind,
            mark=_MARKS[kind],
            meaning=_MEANINGS[verdict],
            counts=tuple(sum(f.version is version for f in found) for version in versions),
            total=len(found),
            left=left,
            width=right - left,
        )
        left = right


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
