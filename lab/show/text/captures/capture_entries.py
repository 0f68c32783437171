"""A connection of a capture on a terminal: a few lines that fit its width, the outcome in colour.

This module must not know which connections there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from lab.show.text.captures.flow_text import (
    MOST_OF_NAME,
    outcome_words,
    server_name,
    short_certificate_words,
    utc,
    version_seen,
)
from lab.show.text.outcome_text import STYLES, ground_words, or_others
from lab.show.text.paper import NARROWEST, Paper
from lab.show.text.peer_text import bounded, shortened
from lab.tracing.results import Trace

_INDENT = 7
_WIDEST = 140


def print_entry(trace: Trace, file: TextIO) -> None:
    """Write one connection to ``file``, a terminal."""
    console = Console(file=file, highlight=False)
    width = min(max(console.width, NARROWEST), _WIDEST)
    paper = Paper(width=width, encoding=file.encoding or "utf-8")
    for line in entry(trace, paper):
        console.print(line, soft_wrap=True)


def entry(trace: Trace, paper: Paper) -> Iterator[Text]:
    """Yield the lines of one connection, none wider than the paper."""
    flow, outcome = trace.flow, trace.outcome
    assert flow is not None
    name = server_name(trace.events)
    parts = [
        f"{utc(flow.first)} UTC",
        f"{flow.client.authority} to {flow.server.authority}",
        version_seen(trace),
        *([f"SNI {bounded(name, MOST_OF_NAME)}"] if name else []),
        *([f"before TLS: {bounded(flow.prelude)}"] if flow.prelude else []),
        f"client certificate: {short_certificate_words(trace)}",
    ]
    label = f"{flow.number:>{_INDENT - 2}}"
    for line in _packed(parts, paper, paper.width - _INDENT):
        yield Text.assemble((label.ljust(_INDENT), "bold"), line)
        label = ""
    ground = f"; {ground_words(outcome)}" if outcome.ground else ""
    verdict = f"{outcome_words(outcome).removesuffix(' (inferred)')}{ground}"
    yield from _indented(verdict, paper, STYLES[outcome.result])
    cause = trace.causes[0]
    summary = f"{shortened(cause.summary)} [{cause.code}]{or_others(trace.causes)}"
    yield from _indented(f"cause: {summary}", paper, "")


def _packed(parts: Sequence[str], paper: Paper, width: int) -> Iterator[str]:
    """Yield lines of whole parts, as many as fit; a part that is wider than a line is folded."""
    current = ""
    for part in parts:
        longer = f"{current}  {part}" if current else part
        if cell_len(paper.writable(longer)) <= width:
            current = longer
            continue
        if current:
            yield paper.writable(current)
        *whole, current = paper.wrapped(part, width)
        yield from whole
    if current:
        yield paper.writable(current)


def _indented(text: str, paper: Paper, style: str) -> Iterator[Text]:
    for line in paper.wrapped(text, paper.width - _INDENT):
        yield Text.assemble(" " * _INDENT, (line, style))
