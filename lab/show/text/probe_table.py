"""The text of a probe: the table, what is wrong, what the server does, and how it ends.

Rules: the table is for the eye, one line for each scenario and version; whatever is not as it
should be is said again below it, with what to do. A sentence is folded, a row is not.

This module must not know how a verdict is come to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.text import Text

from lab.probing.results import (
    Finding,
    Report,
    ScenarioDescription,
    Verdict,
)
from lab.show.text.paper import Paper, print_drawing
from lab.show.text.table import print_table

_HEADERS = ("scenario", "TLS", "client", "by", "handshake call", "verdict")
_LIST_HEADERS = ("scenario", "should be", "tried against", "what it is")
_NORMS = {"accept": "accepted", "refuse": "refused", "either": "either"}
_ADMITTED = {True: "accepted", False: "refused", None: "-"}
_CALLS = {True: "returned", False: "did not return", None: "-"}


def print_report(report: Report, file: TextIO) -> None:
    """Write the whole report to ``file``."""
    print_table(_HEADERS, list(_rows(report.findings)), file)
    print_drawing(lambda paper: _below(report, paper), file)


def print_list(scenarios: Sequence[ScenarioDescription], file: TextIO) -> None:
    """Write what scenarios there are to ``file``."""
    rows = [
        (
            scenario.name,
            _NORMS[scenario.norm.value],
            "any server" if scenario.anywhere else "its own server",
            scenario.sentence,
        )
        for scenario in scenarios
    ]
    print_table(_LIST_HEADERS, rows, file)


def _rows(findings: Sequence[Finding]) -> Iterator[tuple[str, ...]]:
    before = ""
    for finding in findings:
        name = finding.scenario.name
        yield (
            "" if name == before else name,
            str(finding.version).removeprefix("TLS "),
            _ADMITTED[finding.admitted],
            finding.ending,
            _CALLS[finding.handshake_returned],
            _verdict(finding),
        )
        before = name


def _verdict(finding: Finding) -> str:
    some = f" ({finding.like_this} of {finding.tries})" if finding.tries > 1 else ""
    return f"{finding.verdict.value}{some}"


def _below(report: Report, paper: Paper) -> Iterator[Text]:
    yield Text()
    noted = [each for each in report.findings if not each.fine or each.notes]
    if noted:
        yield paper.rule("To look at")
        for (verdict, notes), findings in _grouped(noted).items():
            calm = all(each.fine for each in findings)
            yield Text(verdict.value, "bold" if calm else "bold red")
            for note in notes:
                for line in paper.wrapped(note, paper.width - 2):
                    yield Text(f"  {line}")
            for words in _scenarios(findings):
                yield from _point(words, paper, indent=2)
        yield Text()
    yield from _insights(report, paper)
    style = ("bold green" if report.bad_refused else "bold") if report.passed else "bold red"
    for line in paper.wrapped(conclusion(report), paper.width):
        yield Text(line, style)


def _insights(report: Report, paper: Paper) -> Iterator[Text]:
    if report.insights or report.skipped or report.silent:
        yield paper.rule("What this server does")
        for insight in report.insights:
            yield from _point(f"{insight.subject}: {insight.answer}", paper)
        for version in report.skipped:
            yield from _point(f"versions: {version}: ClientHello refused; not tried", paper)
        for each in report.silent:
            words = f"no answer to the ClientHello ({each.ending}); not tried"
            yield from _point(f"versions: {each.version}: {words}", paper)
        yield Text()


def _grouped(
    findings: Sequence[Finding],
) -> dict[tuple[Verdict, tuple[str, ...]], list[Finding]]:
    """Those of which the same is to be said; the worst first."""
    groups: dict[tuple[Verdict, tuple[str, ...]], list[Finding]] = {}
    for finding in sorted(findings, key=lambda each: -each.verdict.weight):
        groups.setdefault((finding.verdict, finding.notes), []).append(finding)
    return groups


def _scenarios(findings: Sequence[Finding]) -> Iterator[str]:
    """Each scenario once, with its versions and, where it is at fault, what it is."""
    faults = {
        finding.scenario.name: f": {finding.scenario.sentence}"
        for finding in findings
        if not finding.fine
    }
    for name, versions in _versions(findings).items():
        yield f"{name} ({' and '.join(versions)}){faults.get(name, '')}"


def _versions(findings: Sequence[Finding]) -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for finding in findings:
        versions.setdefault(finding.scenario.name, []).append(str(finding.version))
    return versions


def _point(words: str, paper: Paper, *, indent: int = 0) -> Iterator[Text]:
    for number, line in enumerate(paper.wrapped(words, paper.width - 2 - indent)):
        yield Text(f"{' ' * indent}{'  ' if number else '- '}{line}")


def conclusion(report: Report) -> str:
    """The report in a sentence or two."""
    names = {finding.scenario.name for finding in report.findings}
    told = (
        f"{len(names)} {'scenario' if len(names) == 1 else 'scenarios'}, {report.connections} "
        f"connections in {report.seconds:.1f} s"
    )
    if report.passed:
        reserves = _reserves(report.findings)
        if report.bad_refused:
            return f"{told}: all is as it should be{reserves}."
        return (
            f"{told}: nothing is wrong with what was tried{reserves}; no bad certificate was "
            "presented and refused, so this run does not show that the server verifies."
        )
    parts = [f"{told}."]
    if not report.faulty:
        parts.append("Inconclusive: no fault was found, but not all could be tried or told.")
    for verdict in sorted(Verdict, key=lambda each: -each.weight):
        open_ones = [each for each in report.findings if each.verdict is verdict and not each.fine]
        if open_ones:
            parts.append(f"{_INTRODUCTIONS[verdict]}: {', '.join(_named(open_ones))}.")
    for silent in report.silent:
        parts.append(f"{silent.version} was not answered ({silent.ending}).")
    return " ".join(parts)


def _reserves(findings: Sequence[Finding]) -> str:
    """How many of the findings are fine in a way of their own."""
    parts = []
    for verdict in Verdict:
        if verdict is Verdict.RIGHT:
            continue
        count = sum(finding.verdict is verdict for finding in findings)
        if count:
            parts.append(f"{count} {verdict.value}")
    return f" ({'; '.join(parts)})" if parts else ""


_INTRODUCTIONS = {
    Verdict.LET_IN: "Let in, and should have been refused",
    Verdict.SHUT_OUT: "Refused, and should have been accepted",
    Verdict.NOT_TRIED: "Could not be tried",
    Verdict.UNTOLD: "No verdict",
    Verdict.UNEXPECTED: "Not as measured",
}


def _named(findings: Sequence[Finding]) -> list[str]:
    """The scenarios of these findings, each with its versions."""
    return [f"{name} ({' and '.join(each)})" for name, each in _versions(findings).items()]
