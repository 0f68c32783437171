"""The comparison that ends several traces: side by side, then the difference in a sentence.

Rules: all of it is derived from the outcomes and the local facts, so that traces which do not
differ are said not to.

This module must not know how a single trace is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TextIO

from rich.text import Text

from lab.diagnosis.results import Outcome, Result, Signal
from lab.show.text.event_text import headline
from lab.show.text.outcome_text import (
    STYLES,
    ground_words,
    result_words,
    signal_words,
)
from lab.show.text.paper import Paper, print_drawing
from lab.show.text.peer_text import bounded
from lab.show.text.trace_text import setting, version_words
from lab.tls.events import Endpoint, Fact, LocalFact
from lab.tracing.results import Trace

_NO_NEWS = frozenset({Fact.CONNECTED, Fact.CLOSED})


def print_comparison(traces: Sequence[Trace], file: TextIO) -> None:
    """Write what two traces have in common, and in what they differ, to ``file``."""
    print_drawing(lambda paper: comparison(traces, paper), file)


def print_comparisons(traces: Sequence[Trace], file: TextIO) -> None:
    """Compare traces of one connection; where a session was offered, each such with the one before.

    Nothing is written where there is nothing to compare.
    """
    offers: list[Sequence[Trace]] = [pair for pair in pairwise(traces) if pair[1].offers_session]
    for compared in offers or ([traces] if len(traces) > 1 else []):
        print_comparison(compared, file)


def comparison(traces: Sequence[Trace], paper: Paper) -> Iterator[Text]:
    """The lines of the comparison, none wider than the paper."""
    outcomes = [trace.outcome for trace in traces]
    rows = {
        "": [[name] for name in trace_names(traces)],
        "result": [[result_words(outcome)] for outcome in outcomes],
        "version": [[str(trace.negotiated_version or "no version")] for trace in traces],
        "signal": [[signal_words(outcome)] for outcome in outcomes],
        "after": [[bounded(outcome.after_whose) or "-"] for outcome in outcomes],
        **_grounds(outcomes),
        "client": [_knowledge(trace, Endpoint.CLIENT) for trace in traces],
        "server": [_knowledge(trace, Endpoint.SERVER) for trace in traces],
    }
    styles = {
        "": ["bold"] * len(traces),
        "result": [STYLES[outcome.result] for outcome in outcomes],
    }
    yield paper.rule("Comparison")
    for label, cells in rows.items():
        yield from paper.columns(label, cells, styles.get(label, ()))
    yield Text()
    yield from paper.paragraph(difference(traces), "bold")
    yield Text()


def difference(traces: Sequence[Trace]) -> str:
    """In what the endings of the traces differ, in one sentence; that they do not, if so."""
    outcomes = [trace.outcome for trace in traces]
    aspects = [
        [result_words(outcome) for outcome in outcomes],
        [_means(outcome) for outcome in outcomes],
        [_moment(outcome) for outcome in outcomes],
    ]
    common = " ".join(aspect[0] for aspect in aspects if aspect[0] and len(set(aspect)) == 1)
    differing = [aspect for aspect in aspects if len(set(aspect)) > 1]
    if not differing:
        return f"No difference: {common} each time."
    clauses = [
        f"with {name}, {' '.join(filter(None, words)) or 'none was seen'}"
        for name, words in zip(trace_names(traces), zip(*differing, strict=True), strict=True)
    ]
    sentence = "; ".join([f"{common} each time"] * bool(common) + clauses)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _means(outcome: Outcome) -> str:
    """The signal, where the result does not tell it already."""
    if outcome.result is not Result.REJECTED or outcome.signal is None:
        return ""
    return f"by {signal_words(outcome)}".replace(", no alert", " with no alert")


def _moment(outcome: Outcome) -> str:
    """When it came, for the end that was refused."""
    if outcome.by is None or outcome.signal in (Signal.HTTP_STATUS, Signal.APPLICATION):
        return ""
    refused = outcome.by.other
    returned = {
        Endpoint.CLIENT: outcome.client_handshake_returned,
        Endpoint.SERVER: outcome.server_handshake_returned,
    }[refused]
    if returned is None:
        return ""
    call = f"the {refused.value}'s handshake call"
    return f"after {call} had returned" if returned else f"inside {call}"


def trace_names(traces: Sequence[Trace]) -> list[str]:
    """What tells the traces apart: the version alone if that will do."""
    versions = [version_words(trace) for trace in traces]
    return versions if len(set(versions)) > 1 else [setting(trace) for trace in traces]


def _grounds(outcomes: Sequence[Outcome]) -> dict[str, list[list[str]]]:
    """On what results rest that were not seen, a row; none where all were."""
    if not any(outcome.ground for outcome in outcomes):
        return {}
    return {"ground": [[bounded(ground_words(outcome)) or "-"] for outcome in outcomes]}


def _knowledge(trace: Trace, endpoint: Endpoint) -> list[str]:
    """What the endpoint itself knew, and when."""
    facts = [
        event
        for event in trace.events
        if isinstance(event, LocalFact) and event.endpoint is endpoint
    ]
    news = [
        f"{(event.time - trace.start) * 1000:.2f} ms: {headline(event)}"
        for event in facts
        if event.fact not in _NO_NEWS
    ]
    return news or ["nothing" if facts else "not observed"]
