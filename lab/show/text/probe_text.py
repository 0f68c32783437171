"""The text of a probe: the table, what is wrong, what the server does, and how it ends; and of
scenarios: their list, and one explained with the pictures of real runs.

Rules: the table is for the eye, one row for each scenario and version, within the paper ("call" is
the client's handshake call); whatever is not as it should be is said again below it, with what to
do.

This module must not know how a verdict is come to, nor where the runs come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from lab.probing.results import (
    Finding,
    Norm,
    Report,
    ScenarioDescription,
    ScenarioFamily,
    Verdict,
)
from lab.show.text.comparison import print_comparisons
from lab.show.text.paper import LABEL, Paper, print_drawing, print_table
from lab.show.text.trace_text import print_trace
from lab.tls.escape import escaped
from lab.tracing.results import Trace

_LIST_HEADERS = ("scenario", "should be", "tried against", "what it is")
_NORMS = {"accept": "accepted", "refuse": "refused", "either": "either"}
_NORM_SENTENCES = {
    "accept": "should accept it",
    "refuse": "should refuse it",
    "either": "should either accept or refuse it: both are in order",
}
ADMITTED = {True: "accepted", False: "refused", None: "-"}
"""What became of a client."""
CALLS = {True: "returned", False: "failed", None: "-"}
"""What its handshake call did."""
_LEAST_VERDICT = 16
"""The least width of the column of verdicts, which are folded."""
_INTRODUCTIONS = {
    Verdict.LET_IN: "Let in, and should have been refused",
    Verdict.SHUT_OUT: "Refused, and should have been accepted",
    Verdict.NOT_TRIED: "Could not be tried",
    Verdict.UNTOLD: "No verdict",
    Verdict.UNEXPECTED: "Not as measured",
}
FILES = (
    "ca.crt is the CA that is trusted, client.pem the client's certificates and key, crl.pem the "
    "revocation lists"
)
"""What the files of a scenario's command are."""


def print_report(report: Report, file: TextIO) -> None:
    """Write the whole report to ``file``."""
    print_drawing(lambda paper: (*_table(report.findings, paper), *_below(report, paper)), file)


def print_list(scenarios: Sequence[ScenarioDescription], file: TextIO) -> None:
    """Write what scenarios there are to ``file``."""
    places = {True: "any server", False: "its own server"}
    rows = [
        (scenario.name, _NORMS[scenario.norm.value], places[scenario.anywhere], scenario.sentence)
        for scenario in scenarios
    ]
    print_table(_LIST_HEADERS, rows, file)


def print_explanation(scenario: ScenarioDescription, traces: Sequence[Trace], file: TextIO) -> None:
    """Write a scenario, ``traces`` of its runs, its cause and its fix to ``file``."""
    print_drawing(lambda paper: _opening(scenario, paper), file)
    for trace in traces:
        print_trace(trace, file)
    print_comparisons(traces, file)
    print_drawing(lambda paper: _conclusion(scenario, paper), file)


def _opening(scenario: ScenarioDescription, paper: Paper) -> Iterator[Text]:
    yield paper.rule(scenario.name)
    yield from paper.paragraph(f"{scenario.sentence}.", "bold")
    yield from paper.entry("made", scenario.made)
    yield Text()


def _conclusion(scenario: ScenarioDescription, paper: Paper) -> Iterator[Text]:
    yield paper.rule("Cause and fix")
    yield from paper.entry(*norm_words(scenario))
    if scenario.needs:
        yield from paper.entry("if it has", scenario.needs)
    yield from paper.entry("cause", scenario.cause)
    yield from paper.entry("fix", scenario.fix, style="green")
    if scenario.command:
        # Never folded: it is there to be copied.
        yield Text.assemble(("command".ljust(LABEL), "dim"), paper.writable(scenario.command))
        yield from paper.entry("", FILES, style="dim")


def norm_words(scenario: ScenarioDescription) -> tuple[str, str]:
    """Return whom the norm of a scenario binds, and what that end should do."""
    end = "a client" if scenario.family is ScenarioFamily.SERVER else "a server"
    if scenario.family is ScenarioFamily.SESSION and scenario.norm is Norm.REFUSE:
        return end, "should refuse it, where it refuses the same client without a session"
    return end, _NORM_SENTENCES[scenario.norm.value]


def _table(findings: Sequence[Finding], paper: Paper) -> Iterator[Text]:
    """Yield the names of the scenarios and, below each, a row for each version."""
    endings = [escaped(finding.ending) for finding in findings]
    most = paper.width - cell_len(_row("", "", "", "")) - _LEAST_VERDICT
    width = min(max(map(cell_len, ("by", *endings))), most)
    header = _row("TLS", "client", "by".ljust(width), "call")
    yield from paper.entry(
        header, "verdict", column=cell_len(header), style="bold", label_style="bold"
    )
    before = ""
    for finding, ending in zip(findings, endings, strict=True):
        if finding.scenario.name != before:
            before = finding.scenario.name
            yield Text(paper.clipped(before, paper.width))
        version = str(finding.version).removeprefix("TLS ")
        by = set_cell_size(paper.clipped(ending, width), width)
        row = _row(version, ADMITTED[finding.admitted], by, CALLS[finding.handshake_returned])
        some = f" ({finding.like_this} of {finding.tries})" if finding.tries > 1 else ""
        style = "" if finding.fine else "red"
        verdict = f"{finding.verdict.value}{some}"
        yield from paper.entry(row, verdict, column=cell_len(row), style=style, label_style="")


def _row(version: str, client: str, by: str, call: str) -> str:
    """Return a row of the table without its verdict, ``by`` being as wide as its column."""
    return f"  {version:<3}  {client:<8}  {by}  {call:<8}  "


def _below(report: Report, paper: Paper) -> Iterator[Text]:
    yield Text()
    noted = [finding for finding in report.findings if not finding.fine or finding.notes]
    if noted:
        yield paper.rule("To look at")
        for (verdict, notes), findings in grouped(noted).items():
            calm = all(finding.fine for finding in findings)
            yield Text(verdict.value, "bold" if calm else "bold red")
            for note in notes:
                yield from paper.entry("", note, column=2)
            for words in scenarios_of(findings):
                yield from paper.entry("- ", words, indent=2, column=2, label_style="")
        yield Text()
    points = [f"{subject}: {answer}" for subject, answer, _ in behaviour(report)]
    if points:
        yield paper.rule("What this server does")
        for point in points:
            yield from paper.entry("- ", point, column=2, label_style="")
        yield Text()
    style = ("bold green" if report.bad_refused else "bold") if report.passed else "bold red"
    yield from paper.paragraph(conclusion(report), style)


def behaviour(report: Report) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield what the server does: what it is about, the answer, and what that rests on."""
    for insight in report.insights:
        yield insight.subject, insight.answer, insight.evidence
    for version in report.skipped:
        yield "versions", f"{version}: ClientHello refused; not tried", ()
    for silent in report.silent:
        answer = f"{silent.version}: no answer to the ClientHello ({silent.ending}); not tried"
        yield "versions", answer, ()


def grouped(
    findings: Sequence[Finding],
) -> dict[tuple[Verdict, tuple[str, ...]], list[Finding]]:
    """Return those of which the same is to be said, by that; the worst first."""
    groups: dict[tuple[Verdict, tuple[str, ...]], list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: -finding.verdict.weight):
        groups.setdefault((finding.verdict, finding.notes), []).append(finding)
    return groups


def scenarios_of(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield each scenario once, with its versions and, where something is wrong, what it is."""
    sentences = {
        finding.scenario.name: f": {finding.scenario.sentence}"
        for finding in findings
        if not finding.fine
    }
    for name, words in named(findings).items():
        yield f"{words}{sentences.get(name, '')}"


def named(findings: Sequence[Finding]) -> dict[str, str]:
    """Return the scenarios of these findings by name, each with its versions."""
    versions: dict[str, list[str]] = {}
    for finding in findings:
        versions.setdefault(finding.scenario.name, []).append(str(finding.version))
    return {name: f"{name} ({' and '.join(spoken)})" for name, spoken in versions.items()}


def conclusion(report: Report) -> str:
    """The report in a sentence or two."""
    names = {finding.scenario.name for finding in report.findings}
    extent = (
        f"{len(names)} {'scenario' if len(names) == 1 else 'scenarios'}, {report.connections} "
        f"connections in {report.seconds:.1f} s"
    )
    if report.passed:
        reserves = _reserves(report.findings)
        if report.bad_refused:
            return f"{extent}: all is as it should be{reserves}."
        return (
            f"{extent}: nothing is wrong with what was tried{reserves}; no bad certificate was "
            "presented and refused, so this run does not show that the server verifies."
        )
    parts = [f"{extent}."]
    if not report.faulty:
        parts.append("Inconclusive: no fault was found, but not all could be tried or told.")
    for verdict in reversed(Verdict):
        open_ones = [
            finding
            for finding in report.findings
            if finding.verdict is verdict and not finding.fine
        ]
        if open_ones:
            parts.append(f"{_INTRODUCTIONS[verdict]}: {', '.join(named(open_ones).values())}.")
    for silent in report.silent:
        parts.append(f"{silent.version} was not answered ({silent.ending}).")
    return " ".join(parts)


def _reserves(findings: Sequence[Finding]) -> str:
    """How many of the findings are fine in a way of their own."""
    verdicts = [finding.verdict for finding in findings]
    parts = [
        f"{verdicts.count(verdict)} {verdict.value}"
        for verdict in Verdict
        if verdict is not Verdict.RIGHT and verdict in verdicts
    ]
    return f" ({'; '.join(parts)})" if parts else ""
