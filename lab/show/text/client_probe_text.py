"""The text of a probe of a client: the table, its mistakes, and how it ends; and of the servers.

Rules: the table is for the eye, one row for each server (✓ as it should be, ✗ not, ? cannot be
told); whatever is not as it should be is said again below it, with what to do.

This module must not know how a verdict is come to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TextIO

from rich.cells import set_cell_size
from rich.text import Text

from lab.probing.clients.results import (
    GOOD,
    ClientConduct,
    ClientFinding,
    ClientMistake,
    ClientReport,
    ClientVerdict,
    ServerDescription,
)
from lab.probing.results import Norm
from lab.show.text.captures.flow_text import about_flow, flow_name
from lab.show.text.paper import LABEL, Paper, print_drawing, print_table
from lab.show.text.trace_text import sequence
from lab.tls.escape import escaped

_HEADERS = ("server", "should be", "what it is")
_NORMS = {Norm.ACCEPT: "accepted", Norm.REFUSE: "refused", Norm.EITHER: "either"}
_DUTIES = {
    Norm.ACCEPT: "should accept it",
    Norm.REFUSE: "should refuse it",
    Norm.EITHER: "may accept or refuse it: both are in order",
}
_CONDUCTS = {
    ClientConduct.ACCEPTED: "accepted",
    ClientConduct.REFUSED: "refused",
    ClientConduct.UNTOLD: "-",
}
_INTRODUCTIONS = {
    ClientVerdict.LET_IN: "Accepted, and should have been refused",
    ClientVerdict.SHUT_OUT: "Refused, and should have been accepted",
    ClientVerdict.CONCEALED: "Refused, but with exit code 0",
    ClientVerdict.UNTOLD: "Cannot be told",
}
_LINES = 4  # of a command's output, the last ones
_NAME, _VERSION, _CONDUCT, _EXIT = 27, 4, 9, 5


def print_client_report(report: ClientReport, file: TextIO) -> None:
    """Write the whole report to ``file``."""
    print_drawing(lambda paper: (*_table(report, paper), *_below(report, paper)), file)


def print_servers(servers: Sequence[ServerDescription], file: TextIO) -> None:
    """Write what servers there are to ``file``."""
    rows = [(server.name, _NORMS[server.norm], server.sentence) for server in servers]
    print_table(_HEADERS, rows, file)


def print_server(
    server: ServerDescription, findings: Sequence[ClientFinding], file: TextIO
) -> None:
    """Write what a server is, and what a client made of it where it was tried, to ``file``."""
    print_drawing(lambda paper: _description(server, paper), file)
    for finding in findings:
        print_drawing(partial(_finding, finding), file)


def _description(server: ServerDescription, paper: Paper) -> Iterator[Text]:
    yield paper.rule(server.name)
    yield from paper.paragraph(f"{server.sentence}.", "bold")
    yield from paper.entry("made", server.made)
    yield from paper.entry("a client", _DUTIES[server.norm])
    yield from paper.entry("since", server.reason)
    if server.risk:
        yield from paper.entry("else", server.risk)
    if server.fix:
        yield from paper.entry("fix", server.fix, style="green")
    yield Text()


def _finding(finding: ClientFinding, paper: Paper) -> Iterator[Text]:
    if finding.trace is not None and finding.trace.flow is not None:
        yield paper.rule(flow_name(finding.trace.flow))
        for label, value in about_flow(finding.trace, finding.trace.flow):
            yield from paper.entry(label, value, indent=2)
        yield Text()
        # Without a diagnosis: what is wrong here is known, and need not be guessed from an alert.
        yield from sequence(finding.trace, paper)
        yield Text()
    yield paper.rule("The client")
    style = "" if finding.fine else "red"
    yield from paper.entry("verdict", finding.verdict.value, style=style)
    yield from paper.entry("client", f"{finding.conduct.value}: {escaped(finding.by)}")
    yield from paper.entry("exit code", _exit(finding))
    for note in finding.notes:
        yield from paper.entry("note", note)
    yield from _output(finding, paper, indent=0)
    yield Text()


def _table(report: ClientReport, paper: Paper) -> Iterator[Text]:
    yield Text(_row("", "server", "TLS", "client", "exit", "by"), "bold")
    for finding in report.findings:
        mark, style = _mark(finding, paper)
        version = str(finding.version or "-").removeprefix("TLS ")
        conduct = _CONDUCTS[finding.conduct]
        row = _row(mark, finding.server.name, version, conduct, _exit(finding), finding.by)
        yield Text(paper.clipped(row, paper.width), style)


def _row(mark: str, name: str, version: str, conduct: str, code: str, by: str) -> str:
    cells = [
        set_cell_size(text, width)
        for text, width in (
            (mark, 2),
            (name, _NAME),
            (version, _VERSION),
            (conduct, _CONDUCT),
            (code, _EXIT),
        )
    ]
    return f"{''.join(cells)}{by}".rstrip()


def _mark(finding: ClientFinding, paper: Paper) -> tuple[str, str]:
    if finding.verdict is ClientVerdict.UNTOLD:
        return "?", "" if finding.fine else "yellow"
    return paper.glyphs("✗" if finding.verdict.faulty else "✓"), "red" if not finding.fine else ""


def _exit(finding: ClientFinding) -> str:
    return "-" if finding.exit_code is None else str(finding.exit_code)


def _below(report: ClientReport, paper: Paper) -> Iterator[Text]:
    yield Text()
    if report.mistakes:
        yield paper.rule("Mistakes")
        for number, mistake in enumerate(report.mistakes, start=1):
            yield from paper.item(f"{number}.", mistake.summary, _notes(mistake))
        yield Text()
    noted = [each for each in report.findings if not each.fine]
    if noted:
        yield paper.rule("To look at")
        for finding in noted:
            yield from _look_at(finding, paper)
        yield Text()
    good = next((each for each in report.findings if each.server.name == GOOD), None)
    if good is not None and good.verdict is ClientVerdict.RIGHT:
        yield paper.rule("What this client does")
        for words in (*_habits(good, report.findings), *_not_tried(report.findings)):
            yield from paper.entry("- ", words, column=2, label_style="")
        yield Text()
    style = "bold green" if report.passed else "bold red"
    yield from paper.paragraph(client_conclusion(report), style)


def _notes(mistake: ClientMistake) -> Iterator[tuple[str, str, str]]:
    for evidence in mistake.evidence:
        yield "seen", evidence, ""
    yield "fix", mistake.fix, "green"


def _look_at(finding: ClientFinding, paper: Paper) -> Iterator[Text]:
    server = finding.server
    offered = f" ({finding.offered})" if finding.offered else ""
    style = "bold" if finding.fine else "bold red"
    yield Text(
        paper.clipped(f"{server.name}{offered}: {finding.verdict.value}", paper.width), style
    )
    yield from paper.entry("", f"{server.sentence}; {server.made}", indent=2, column=0)
    for note in finding.notes:
        yield from paper.entry("note", note, indent=2, column=LABEL - 2)
    if finding.verdict.faulty:
        yield from paper.entry("since", server.reason, indent=2, column=LABEL - 2)
    if finding.verdict is ClientVerdict.LET_IN and server.risk:
        yield from paper.entry("risk", server.risk, indent=2, column=LABEL - 2)
    if finding.verdict in (ClientVerdict.LET_IN, ClientVerdict.SHUT_OUT) and server.fix:
        yield from paper.entry("fix", server.fix, indent=2, column=LABEL - 2, style="green")
    if finding.verdict in (ClientVerdict.UNTOLD, ClientVerdict.SHUT_OUT):
        yield from _output(finding, paper, indent=2)


def _output(finding: ClientFinding, paper: Paper, *, indent: int) -> Iterator[Text]:
    lines = [line.strip() for line in finding.output.splitlines() if line.strip()][-_LINES:]
    label = "it said"
    for line in lines:
        text = paper.clipped(escaped(line), paper.width - indent - LABEL)
        yield Text.assemble(" " * indent, (label.ljust(LABEL), "dim"), text)
        label = ""


def _habits(good: ClientFinding, findings: Sequence[ClientFinding]) -> Iterator[str]:
    """What the client does with the good server, which is neither right nor wrong."""
    if good.presented is not None:
        shown = "a certificate" if good.presented else "an empty Certificate"
        yield f"it sends {shown} when it is asked for one"
    for finding in findings:
        told = finding.verdict is ClientVerdict.RIGHT
        if told and finding.server.norm is Norm.EITHER and finding.notes:
            yield (
                f"{finding.server.sentence[0].lower()}{finding.server.sentence[1:]}: "
                + "; ".join(finding.notes)
            )


def _not_tried(findings: Sequence[ClientFinding]) -> Iterator[str]:
    """Say of which servers nothing can be told, where nothing depends on it, and why."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        if finding.verdict is ClientVerdict.UNTOLD and finding.fine:
            why = "; ".join(finding.notes) or finding.by
            groups.setdefault(why, []).append(finding.server.name)
    for why, names in groups.items():
        yield f"cannot be told: {', '.join(dict.fromkeys(names))}: {why}"


def client_conclusion(report: ClientReport) -> str:
    """The report in a sentence or two."""
    number = len(report.findings)
    extent = f"{number} {'run' if number == 1 else 'runs'} in {report.seconds:.1f} s"
    if not report.good_accepted:
        return f"{extent}: {_without_good(report)}"
    refused = sum(
        finding.verdict is ClientVerdict.RIGHT and finding.server.norm is Norm.REFUSE
        for finding in report.findings
    )
    if report.passed:
        if not refused:
            return (
                f"{extent}: nothing is wrong with what was tried; no bad server was refused, so "
                "this run does not show that the client verifies."
            )
        untold = sum(each.verdict is ClientVerdict.UNTOLD for each in report.findings)
        reserve = f" ({untold} cannot be told)" if untold else ""
        bad = "1 bad server was" if refused == 1 else f"{refused} bad servers were"
        return f"{extent}: all is as it should be{reserve}; {bad} refused."
    parts = [f"{extent}."]
    if not report.faulty:
        parts.append("Inconclusive: no fault was found, but not all could be told.")
    for verdict in reversed(ClientVerdict):
        names = [
            finding.server.name
            for finding in report.findings
            if finding.verdict is verdict and not finding.fine
        ]
        if names:
            parts.append(f"{_INTRODUCTIONS[verdict]}: {', '.join(dict.fromkeys(names))}.")
    return " ".join(parts)


def _without_good(report: ClientReport) -> str:
    good = [each for each in report.findings if each.verdict is not ClientVerdict.RIGHT]
    if any(each.conduct is ClientConduct.REFUSED for each in good):
        return (
            "the client refused the good server, so its refusal of others would prove nothing, and "
            "no other was tried. Let it trust {ca} (LAB_CA), and connect to {url} (LAB_URL)."
        )
    return (
        "inconclusive: it cannot be told that the client accepts the good server, so no other "
        "was tried."
    )
