"""One trace as text: the sequence diagram, then the outcome, and the causes that fit.

Rules: in the diagram the client stands left, the server right; one arrow for each wire event, in
order; its line shows whether it was encrypted, the number beside it the size of its records on the
wire, each record counted where it is first seen. The event that decided the connection has a frame,
and a mark in the margin. Long runs of equal events are drawn once and counted.

This module must not know why a connection ended: outcome and diagnosis are the core's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.text import Text

from lab.diagnosis.results import Cause, Outcome, Result, Signal
from lab.show.later_client_words import HEADING, later_client_words
from lab.show.sequence import Arrow, GapRow, Line, LocalRow, Row, rows
from lab.show.text.canvas import CLEAR, SEALED, TCP, Canvas
from lab.show.text.captures.flow_text import about_flow, flow_name
from lab.show.text.event_text import headline
from lab.show.text.outcome_text import (
    STYLES,
    ground_words,
    or_others,
    result_words,
    signal_words,
)
from lab.show.text.paper import Paper, print_drawing
from lab.show.text.peer_text import bounded, shortened, subject
from lab.show.text.resumption_text import resumption_pairs
from lab.tls.events import Endpoint
from lab.tracing.results import Trace

_MARKS = {Result.ACCEPTED: "✓", Result.REJECTED: "✗", Result.FAILED: "✗"}
_STROKES = {Line.CLEAR: CLEAR, Line.ENCRYPTED: SEALED, Line.TCP: TCP}
_FACT_STYLES = {None: "dim", True: "bold cyan", False: "bold red"}
_RETURNED = {
    None: "not observed",
    True: "its handshake call had returned",
    False: "its handshake call never returned",
}


def print_trace(trace: Trace, file: TextIO) -> None:
    """Draw ``trace`` on ``file``: the sequence, the outcome, and the diagnosis."""
    print_drawing(lambda paper: drawing(trace, paper), file)


def print_brief(traces: Sequence[Trace], file: TextIO) -> None:
    """Write three lines for each trace to ``file``: the outcome, the first cause, and its fix.

    No line is folded: they are there to be read by programs, too.
    """
    paper = Paper(encoding=file.encoding or "utf-8")
    for trace in traces:
        outcome, cause = trace.outcome, trace.causes[0]
        signal = f", {signal_words(outcome)}" if outcome.signal else ""
        ground = f"; {ground_words(outcome)}" if outcome.ground else ""
        name = version_words(trace) if trace.flow is None else flow_name(trace.flow)
        for line in (
            f"{name}: {result_words(outcome)}{signal}{ground}",
            f"cause: {shortened(cause.summary)} [{cause.code}]{or_others(trace.causes)}",
            f"fix: {cause.fix or 'nothing to fix'}",
        ):
            print(paper.writable(line), file=file)
        if trace.resumption is not None:
            said = "; ".join(
                f"{label}: {words}" for label, words in resumption_pairs(trace.resumption)
            )
            print(paper.writable(said), file=file)


def drawing(trace: Trace, paper: Paper) -> Iterator[Text]:
    """Yield the lines of the whole drawing of ``trace``, none wider than the paper."""
    if trace.flow is None:
        yield paper.rule(f"{bounded(trace.target)}: {setting(trace)}")
        for label, value in route_pairs(trace):
            yield from paper.entry(label, value, indent=2)
    else:
        yield paper.rule(flow_name(trace.flow))
        for label, value in about_flow(trace, trace.flow):
            yield from paper.entry(label, value, indent=2)
    yield Text()
    yield from sequence(trace, paper)
    yield Text()
    yield paper.rule("Outcome")
    result, style = trace.outcome.result, STYLES[trace.outcome.result]
    mark = "?" if result is Result.UNKNOWN else paper.glyphs(_MARKS[result])
    yield from paper.entry(
        mark, result_words(trace.outcome), column=2, style=style, label_style=style
    )
    for label, value in outcome_pairs(trace):
        yield from paper.entry(label, value, indent=2)
    yield Text()
    yield paper.rule("Diagnosis")
    for number, cause in enumerate(trace.causes, start=1):
        if number > 1:
            yield Text()
        shown = f"{number}." if len(trace.causes) > 1 else ""
        yield from paper.item(shown, shortened(cause.summary), _notes(cause))
    yield Text()


def route_pairs(trace: Trace) -> list[tuple[str, str]]:
    """Return what a client of ours did before TLS, as a label and a value; nothing, as a rule."""
    return [("before TLS", bounded(", ".join(trace.route)))] if trace.route else []


def setting(trace: Trace) -> str:
    """What the client came with: "TLS 1.3, no client certificate"."""
    version = version_words(trace)
    if trace.client_certificate is None:
        return f"{version}, no client certificate"
    return f"{version}, client certificate {subject(trace.client_certificate)}"


def version_words(trace: Trace) -> str:
    """What version the client offered: "TLS 1.3", or "any version"; and whether a session too."""
    version = str(trace.requested_version or "any version")
    return f"{version} (with a session)" if trace.offers_session else version


def sequence(trace: Trace, paper: Paper) -> Iterator[Text]:
    """Yield the lines of the sequence alone."""
    canvas = Canvas(paper)
    for row in rows(trace):
        if row.starts_flight:
            canvas.blank()
        _draw(row, canvas)
    canvas.blank()
    return canvas.lines()


def _draw(row: Row, canvas: Canvas) -> None:
    if isinstance(row, LocalRow):
        canvas.fact(
            row.endpoint,
            row.label,
            row.reason,
            at=row.at,
            marked=row.decisive,
            style=_FACT_STYLES[row.good],
        )
    elif isinstance(row, GapRow):
        canvas.missing(row.sender, row.words, at=row.at, marked=row.decisive)
    elif isinstance(row, Arrow):
        style = "bold red" if row.fatal or row.decisive else "bold"
        canvas.arrow(
            row.sender,
            row.label,
            at=row.at,
            stroke=_STROKES[row.line],
            size=row.octets,
            shared=row.shared,
            framed=row.decisive,
            style=style if row.count == 1 else "",
        )
        for detail in row.details:
            canvas.detail(row.sender, detail)


def outcome_pairs(trace: Trace) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of how a trace ended, as labels and values."""
    yield from _ending(trace)
    if trace.resumption is not None:
        yield from resumption_pairs(trace.resumption)


def _ending(trace: Trace) -> Iterator[tuple[str, str]]:
    outcome = trace.outcome
    if trace.flow is None:  # else it stands above the picture
        yield "version", str(trace.negotiated_version or "not negotiated")
    if outcome.alert is not None:
        manner = "encrypted" if outcome.alert.encrypted else "in the clear"
        yield "signal", f"{signal_words(outcome)}, {outcome.alert.level}, {manner}"
    elif outcome.signal is not None:
        yield "signal", signal_words(outcome)
    elif outcome.http_status is not None:
        yield "HTTP status", str(outcome.http_status)
    yield from _answers(outcome)
    if outcome.after_whose:
        yield "after", bounded(outcome.after_whose)
    yield from _knowledge(trace, outcome)
    if outcome.exception:
        yield "exception", bounded(outcome.exception)
    for echo in outcome.echoes:
        yield "echo", f"the {echo.endpoint.value}'s {headline(echo)}, after the end"
    for warning in outcome.warnings:
        yield "warning", f"the {warning.endpoint.value}'s {headline(warning)}, not fatal"


def _answers(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield what the application said: a body of HTTP, or what it was asked and its answer."""
    if outcome.http_text:
        yield "HTTP body", outcome.http_text
    answer, meaning = outcome.answer, outcome.answer_meaning
    if answer is not None and meaning is not None:
        if answer.asked:
            yield "asked", answer.asked
        if outcome.signal is not Signal.APPLICATION:  # else it stands as the signal
            yield "answer", f"{shortened(answer.sentence)} ({meaning.value})"


def _knowledge(trace: Trace, outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield on what the outcome rests, and what the ends knew where one of them is ours."""
    if outcome.ground:
        label = "why" if outcome.result is Result.UNKNOWN else "inferred"
        yield label, bounded(outcome.ground)
    if trace.flow is None:
        yield Endpoint.CLIENT.value, _RETURNED[outcome.client_handshake_returned]
        yield Endpoint.SERVER.value, _RETURNED[outcome.server_handshake_returned]


def _notes(cause: Cause) -> Iterator[tuple[str, str, str]]:
    for evidence in cause.evidence:
        yield "seen", shortened(evidence), ""
    yield "see", cause.reference, ""
    if cause.fix:
        yield "fix", cause.fix, "green"
    if cause.clients:
        yield "clients", HEADING, "dim"
    for client in cause.clients:
        yield "clients", later_client_words(client), ""
