"""A scenario explained: what it is, the pictures of real runs, the cause, the fix, the command.

This module must not know where the runs come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.text import Text

from lab.probing.results import ScenarioDescription
from lab.show.text.comparison import print_comparison
from lab.show.text.paper import LABEL, Paper, print_drawing
from lab.show.text.sequence import print_trace
from lab.tracing.results import Trace

_NORMS = {
    "accept": "accept it",
    "refuse": "refuse it",
    "either": "either accept or refuse it: both are in order",
}


def print_explanation(lesson: ScenarioDescription, traces: Sequence[Trace], file: TextIO) -> None:
    """Write the whole lesson to ``file``; ``traces`` are those of its runs."""
    print_drawing(lambda paper: _opening(lesson, paper), file)
    for trace in traces:
        print_trace(trace, file)
    if len(traces) > 1:
        print_comparison(traces, file)
    print_drawing(lambda paper: _conclusion(lesson, paper), file)


def _opening(lesson: ScenarioDescription, paper: Paper) -> Iterator[Text]:
    yield paper.rule(lesson.name)
    for line in paper.wrapped(f"{lesson.sentence}.", paper.width):
        yield Text(line, "bold")
    yield from paper.entry("made", lesson.made, indent=0)
    yield Text()


def _conclusion(lesson: ScenarioDescription, paper: Paper) -> Iterator[Text]:
    yield paper.rule("Cause and fix")
    yield from paper.entry("a server", f"should {_NORMS[lesson.norm]}", indent=0)
    if lesson.needs:
        yield from paper.entry("if it has", lesson.needs, indent=0)
    yield from paper.entry("cause", lesson.cause, indent=0)
    yield from paper.entry("fix", lesson.fix, indent=0, style="green")
    if lesson.command:
        # Never folded: it is there to be copied.
        yield Text.assemble(("command".ljust(LABEL), "dim"), paper.writable(lesson.command))
        yield from paper.entry("", _FILES, indent=0, style="dim")


_FILES = (
    "ca.crt is the CA that is trusted, client.pem the client's certificates and key, crl.pem the "
    "revocation lists"
)
