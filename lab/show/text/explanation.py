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


def print_explanation(scenario: ScenarioDescription, traces: Sequence[Trace], file: TextIO) -> None:
    """Write all of it to ``file``; ``traces`` are those of its runs."""
    print_drawing(lambda paper: _opening(scenario, paper), file)
    for trace in traces:
        print_trace(trace, file)
    if len(traces) > 1:
        print_comparison(traces, file)
    print_drawing(lambda paper: _conclusion(scenario, paper), file)


def _opening(scenario: ScenarioDescription, paper: Paper) -> Iterator[Text]:
    yield paper.rule(scenario.name)
    for line in paper.wrapped(f"{scenario.sentence}.", paper.width):
        yield Text(line, "bold")
    yield from paper.entry("made", scenario.made, indent=0)
    yield Text()


def _conclusion(scenario: ScenarioDescription, paper: Paper) -> Iterator[Text]:
    yield paper.rule("Cause and fix")
    yield from paper.entry("a server", f"should {_NORMS[scenario.norm.value]}", indent=0)
    if scenario.needs:
        yield from paper.entry("if it has", scenario.needs, indent=0)
    yield from paper.entry("cause", scenario.cause, indent=0)
    yield from paper.entry("fix", scenario.fix, indent=0, style="green")
    if scenario.command:
        # Never folded: it is there to be copied.
        yield Text.assemble(("command".ljust(LABEL), "dim"), paper.writable(scenario.command))
        yield from paper.entry("", _FILES, indent=0, style="dim")


_FILES = (
    "ca.crt is the CA that is trusted, client.pem the client's certificates and key, crl.pem the "
    "revocation lists"
)
