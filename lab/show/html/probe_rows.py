"""The results of a probe, scenario by scenario: rows of a table, and what opens behind them.

Rules: a sequence in short has a line for each row, without bytes. Text of the server's is bounded.

This module must not know how much fits into the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.probing.results import Finding, Report, ScenarioDescription
from lab.show.html.probe_summary import kind_of, mark_of
from lab.show.sequence import Arrow, GapRow, Line, LocalRow, Row, rows
from lab.show.text.outcome_text import result_words, signal_words
from lab.show.text.peer_text import bounded, cleaned, shortened
from lab.show.text.probe_text import ADMITTED, CALLS, norm_words
from lab.tls.escape import printable
from lab.tls.events import Endpoint
from lab.tracing.results import Trace

_MOST_ROWS = 40
_MOST_LABEL = 120
_MOST_NOTES = 4
_MOST_NOTE = 300
_MOST_ENDING = 80
_LINES = {Line.CLEAR: "in the clear", Line.ENCRYPTED: "encrypted"}
_CLASSES = {Line.CLEAR: "", Line.ENCRYPTED: " e", Line.TCP: " t"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """A row of the table: one scenario in one version."""

    version: str
    kind: str
    mark: str
    verdict: str
    tries: str
    client: str
    by: str
    call: str
    fine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefSequence:
    """A handshake in short: ``lines`` are classes for the style sheet, what it is, and how."""

    title: str
    outcome: str
    cause: str
    lines: tuple[tuple[str, str, str], ...]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioPanel:
    """What opens behind the rows of a scenario.

    ``explain`` tries it again and explains it, ``command`` is it in a shell, "" where there is
    none; ``notes`` are sentences, each with the versions that it is about, "" for all.
    """

    rows: tuple[ResultRow, ...]
    norm: tuple[str, str]
    needs: str
    notes: tuple[tuple[str, str], ...]
    made: str
    cause: str
    fix: str
    explain: str
    command: str
    sequences: tuple[BriefSequence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRows:
    """The rows of one scenario, a version each, worst verdict ``weight``."""

    scenario: ScenarioDescription
    findings: tuple[Finding, ...]
    rows: tuple[ResultRow, ...]

    @property
    def weight(self) -> int:
        """How bad the worst of its verdicts is."""
        return max(finding.verdict.weight for finding in self.findings)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The traces of its connections."""
        return tuple(finding.trace for finding in self.findings if finding.trace is not None)


def scenario_rows(report: Report) -> tuple[ScenarioRows, ...]:
    """Return the rows of all scenarios, in the report's order."""
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        found.setdefault(finding.scenario.name, []).append(finding)
    return tuple(
        ScenarioRows(
            scenario=findings[0].scenario,
            findings=tuple(findings),
            rows=tuple(_row(finding) for finding in findings),
        )
        for findings in found.values()
    )


def panel(found: ScenarioRows, address: str, command: str) -> ScenarioPanel:
    """Return what opens behind a scenario; ``command`` repeats the probe, ``address`` is its."""
    scenario = found.scenario
    route = found.traces[0].route if found.traces else ()
    return ScenarioPanel(
        rows=found.rows,
        norm=norm_words(scenario),
        needs=scenario.needs,
        notes=tuple(_notes(found.findings)),
        made=scenario.made,
        cause=scenario.cause,
        fix=scenario.fix,
        explain=printable(f"{command} --explain {scenario.name}"),
        command=printable(scenario.shell_command(address, route)),
        sequences=tuple(map(_brief, found.traces)),
    )


def _row(finding: Finding) -> ResultRow:
    return ResultRow(
        version=str(finding.version),
        kind=kind_of(finding),
        mark=mark_of(finding),
        verdict=finding.verdict.value,
        tries=f"{finding.like_this} of {finding.tries}" if finding.tries > 1 else "",
        client=ADMITTED[finding.admitted],
        by=bounded(finding.ending, _MOST_ENDING),
        call=CALLS[finding.handshake_returned],
        fine=finding.fine,
    )


def _notes(findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """Yield each note with the versions that it is about, "" for all."""
    about: dict[str, list[str]] = {}
    for finding in findings:
        for note in finding.notes[:_MOST_NOTES]:
            about.setdefault(cleaned(note, _MOST_NOTE), []).append(str(finding.version))
    for note, versions in about.items():
        yield ("" if len(versions) == len(findings) > 1 else ", ".join(versions)), note


def _brief(trace: Trace) -> BriefSequence:
    found = rows(trace)
    outcome = trace.outcome
    words = result_words(outcome)
    if outcome.signal is not None:
        words += f", {signal_words(outcome)}"
    cause = trace.causes[0].summary if trace.causes else ""
    return BriefSequence(
        title=str(trace.requested_version or "any version"),
        outcome=cleaned(words),
        cause=cleaned(cause),
        lines=tuple(map(_line, found[:_MOST_ROWS])),
        left_out=max(0, len(found) - _MOST_ROWS),
    )


def _line(row: Row) -> tuple[str, str, str]:
    end = " d" if row.decisive else ""
    if isinstance(row, Arrow):
        from_client = row.sender is Endpoint.CLIENT
        label = f"{'→' if from_client else '←'} {shortened(row.label, _MOST_LABEL)}"
        side = "c" if from_client else "s"
        return f"{side}{_CLASSES[row.line]}{end}", label, _how(row)
    if isinstance(row, LocalRow):
        return f"f{end}", shortened(row.label, _MOST_LABEL), shortened(row.reason, _MOST_LABEL)
    assert isinstance(row, GapRow)
    return f"g{end}", shortened(row.words, _MOST_LABEL), f"of what the {row.sender.value} sent"


def _how(row: Arrow) -> str:
    if row.line is Line.TCP:
        return ""
    if row.octets:
        return f"{_LINES[row.line]}, {row.octets:,} bytes"
    return f"{_LINES[row.line]}, same record" if row.shares_record else _LINES[row.line]
