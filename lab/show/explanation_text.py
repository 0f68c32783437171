"""An explained error text as text: each error, what it can be, and what was not understood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from rich.text import Text

from lab.diagnosis.error_texts.results import (
    AlertDirection,
    ErrorExplanation,
    ErrorFinding,
    ErrorPhase,
    PossibleCause,
    SpeakerRole,
    UnknownText,
)
from lab.show.text.paper import Paper, print_drawing
from lab.tls.escape import escaped

_INDENT = 3
_PHASES = {
    ErrorPhase.HANDSHAKE: "in the handshake",
    ErrorPhase.AFTER_HANDSHAKE: "after {}'s handshake call had returned",
}
_WHOSE = {
    SpeakerRole.CLIENT: "the client",
    SpeakerRole.SERVER: "the server",
    SpeakerRole.UNKNOWN: "this end",
}
_ENDS = {
    SpeakerRole.CLIENT: "at the client's end",
    SpeakerRole.SERVER: "at the server's end",
    SpeakerRole.UNKNOWN: "at which end cannot be told",
}
_DIRECTIONS = {
    AlertDirection.RECEIVED: "received: the other end refused",
    AlertDirection.SENT: "made here: this end refused",
    AlertDirection.UNKNOWN: "cannot be told",
}
NOTHING_FOUND = "No error of TLS that is known here was found."
_NOT_UNDERSTOOD = "Not understood"


def print_explanation(explanation: ErrorExplanation, file: TextIO) -> None:
    """Write the explanation to ``file``, with styles if that is a terminal."""
    print_drawing(lambda paper: draw_explanation(explanation, paper), file)


def draw_explanation(explanation: ErrorExplanation, paper: Paper) -> Iterator[Text]:
    """Yield the lines: the errors that were found, then what was not understood."""
    for number, finding in enumerate(explanation.found, start=1):
        if number > 1:
            yield Text()
        yield from _finding(f"{number}", finding, paper)
    if not explanation.found:
        yield from paper.paragraph(NOTHING_FOUND, "yellow")
    if explanation.unknown:
        yield Text()
        yield paper.rule(_NOT_UNDERSTOOD)
    for unknown in explanation.unknown:
        yield from _unknown(unknown, paper)
    if explanation.left_out:
        yield from paper.entry("", f"and {explanation.left_out} more lines", indent=_INDENT)


def _finding(number: str, finding: ErrorFinding, paper: Paper) -> Iterator[Text]:
    facts = [(label, value, "") for label, value in finding_pairs(finding)]
    yield from paper.item(number, finding.says, facts)
    if not finding.causes:
        return
    single = len(finding.causes) == 1
    heading = "What it can be:" if single else "What it can be, best first:"
    yield from paper.entry("", heading, indent=_INDENT, column=0, style="bold")
    for at, cause in enumerate(finding.causes):
        yield from _cause(chr(ord("a") + at % 26), cause, paper)
    if finding.scenarios:
        names = ", ".join(finding.scenarios)
        yield from paper.entry("scenarios", names, indent=_INDENT)
        explain = f"python -m lab.probe --explain {finding.scenarios[0]}"
        yield from paper.entry("shown by", explain, indent=_INDENT)


def finding_pairs(finding: ErrorFinding) -> Iterator[tuple[str, str]]:
    """Yield what is known of an error, as labels and values."""
    yield "text", escaped(finding.text)
    if finding.count > 1:
        yield "line", f"{finding.line}; found in {finding.count} lines"
    elif finding.line > 1:
        yield "line", f"{finding.line}"
    speaker = escaped(finding.speaker) or "cannot be told"
    yield "speaker", f"{speaker}; {_ENDS[finding.role]}"
    yield "direction", _DIRECTIONS[finding.direction]
    if finding.phase in _PHASES:
        yield "when", _PHASES[finding.phase].format(_WHOSE[finding.role])


def _cause(letter: str, cause: PossibleCause, paper: Paper) -> Iterator[Text]:
    yield from paper.entry(letter, cause.summary, indent=_INDENT, column=3)
    yield from paper.entry("to tell", cause.how_to_tell, indent=2 * _INDENT, column=9)
    yield from paper.entry("fix", cause.fix, indent=2 * _INDENT, column=9, style="green")


def _unknown(unknown: UnknownText, paper: Paper) -> Iterator[Text]:
    yield from paper.entry(f"line {unknown.line}", escaped(unknown.text), indent=_INDENT)
    if unknown.recognised:
        yield from paper.entry("seems of", ", ".join(unknown.recognised), indent=_INDENT)
    for text in unknown.nearest:
        yield from paper.entry("compare", escaped(text), indent=_INDENT)
