"""One trace as text: the sequence diagram, then the outcome, and the causes that fit.

Rules: in the diagram the client stands left, the server right; one arrow for each wire event, in
order; its line shows whether it was encrypted, the number beside it the size of its records on the
wire, each record counted where it is first seen. The event that decided the connection has a frame,
and a mark in the margin. Long runs of equal events are drawn once and counted.

This module must not know why a connection ended: outcome and diagnosis are the core's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TextIO

from rich.text import Text

from lab.diagnosis.results import Cause, Outcome, Result, Signal
from lab.show.text.canvas import CLEAR, SEALED, TCP, Canvas
from lab.show.text.captures.flow_text import about_flow, flow_name
from lab.show.text.event_text import Detail, details, headline, on_one_line, reason
from lab.show.text.outcome_text import (
    STYLES,
    ground_words,
    or_others,
    result_words,
    signal_words,
)
from lab.show.text.paper import Paper, print_drawing
from lab.show.text.peer_text import bounded, shortened, subject
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    NotCaptured,
    StreamEnded,
    WireEvent,
    is_fatal,
)
from lab.tracing.results import Trace

_MARKS = {Result.ACCEPTED: "✓", Result.REJECTED: "✗", Result.FAILED: "✗"}
_LONG_RUN = 3
_SUCCESSES = frozenset({Fact.HANDSHAKE_RETURNED, Fact.CERTIFICATE_VERIFIED})
_NEUTRAL = frozenset({Fact.CONNECTED, Fact.CLOSED})
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


def drawing(trace: Trace, paper: Paper) -> Iterator[Text]:
    """Yield the lines of the whole drawing of ``trace``, none wider than the paper."""
    if trace.flow is None:
        yield paper.rule(f"{bounded(trace.target)}: {setting(trace)}")
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
    for label, value in _outcome(trace):
        yield from paper.entry(label, value, indent=2)
    yield Text()
    yield paper.rule("Diagnosis")
    for number, cause in enumerate(trace.causes, start=1):
        if number > 1:
            yield Text()
        shown = f"{number}." if len(trace.causes) > 1 else ""
        yield from paper.item(shown, shortened(cause.summary), _notes(cause))
    yield Text()


def setting(trace: Trace) -> str:
    """What the client came with: "TLS 1.3, no client certificate"."""
    version = version_words(trace)
    if trace.client_certificate is None:
        return f"{version}, no client certificate"
    return f"{version}, client certificate {subject(trace.client_certificate)}"


def version_words(trace: Trace) -> str:
    """What version the client offered: "TLS 1.3", or "any version"."""
    return str(trace.requested_version or "any version")


def sequence(trace: Trace, paper: Paper) -> Iterator[Text]:
    """Yield the lines of the sequence alone."""
    picture = _Picture(trace, paper)
    for run in _runs(trace.events):
        picture.draw(run)
    picture.canvas.blank()
    return picture.canvas.lines()


def _runs(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield the events in runs: many equal ones in sequence together, all others alone."""
    for _, group in groupby(
        events, key=lambda event: (type(event), event.endpoint, headline(event))
    ):
        run = list(group)
        if len(run) > _LONG_RUN and isinstance(run[0], WireEvent):
            yield run
        else:
            yield from ([event] for event in run)


def fact_label(event: LocalFact) -> str:
    """Return whom a local fact concerns, what it is, and the certificate that it is about."""
    words = f"{event.endpoint.value}: {headline(event)}"
    return words if event.certificate is None else f"{words} ({subject(event.certificate)})"


class _Picture:
    """Draws the events of one trace on a canvas, run by run."""

    def __init__(self, trace: Trace, paper: Paper) -> None:
        self.canvas = Canvas(paper)
        self._trace = trace
        refused_or_failed = trace.outcome.result is not Result.ACCEPTED
        self._decisive = trace.outcome.decided_by if refused_or_failed else None
        self._before: Event | None = None

    def draw(self, run: Sequence[Event]) -> None:
        """Draw the first event of ``run``, and count the others."""
        event = run[0]
        framed = event is self._decisive
        if self._before is not None and (framed or self._breaks(self._before, event)):
            self.canvas.blank()
        if isinstance(event, LocalFact):
            self._fact(event, marked=framed)
        elif isinstance(event, NotCaptured):
            self._missing(event, marked=framed)
        else:
            self._arrow(event, framed=framed)
        if len(run) > 1:
            self._rest(run[1:])
        self._before = event

    def _breaks(self, before: Event, event: Event) -> bool:
        """Return whether a gap belongs between two events: after a flight, at the decisive one."""
        if before is self._decisive:
            return True
        for kind in (LocalFact, StreamEnded, NotCaptured):
            if isinstance(before, kind) or isinstance(event, kind):
                return type(before) is not type(event)
        return before.endpoint is not event.endpoint

    def _arrow(self, event: Event, *, framed: bool) -> None:
        label = headline(event)
        if framed and isinstance(event, ApplicationDataSeen):
            label = f"HTTP {self._trace.outcome.http_status}"
        elif framed and isinstance(event, AlertSeen):
            label = label.replace("alert", "ALERT", 1)
        loud = isinstance(event, AlertSeen) and is_fatal(event)
        self.canvas.arrow(
            event.endpoint,
            label,
            at=self._at(event),
            stroke=_stroke(event),
            records=event.records if isinstance(event, WireEvent) else (),
            framed=framed,
            style="bold red" if loud or framed else "bold",
        )
        for detail in (*details(event), *self._remarks(event, framed)):
            self.canvas.detail(event.endpoint, detail)

    def _remarks(self, event: Event, framed: bool) -> Iterator[Detail]:
        outcome = self._trace.outcome
        if framed and outcome.signal in (Signal.FIN, Signal.RST):
            # Who has seen a part of a connection cannot know what else was sent.
            seen = "sent" if self._trace.flow is None else "seen"
            yield Detail("alert", f"none was {seen}", notable=True)
        if event in outcome.echoes:
            yield Detail("echo", "sent after the outcome was decided")
        if event in outcome.warnings:
            yield Detail("warning", "does not end the connection")

    def _missing(self, event: NotCaptured, *, marked: bool) -> None:
        words = on_one_line(event)
        self.canvas.missing(event.endpoint, words, at=self._at(event), marked=marked)

    def _rest(self, events: Sequence[Event]) -> None:
        last = events[-1]
        self.canvas.arrow(
            last.endpoint,
            f"{headline(last)}, {len(events)} more",
            at=self._at(last),
            stroke=_stroke(last),
            records=[
                span for event in events if isinstance(event, WireEvent) for span in event.records
            ],
        )

    def _fact(self, event: LocalFact, *, marked: bool) -> None:
        style = "bold cyan" if event.fact in _SUCCESSES else "bold red"
        self.canvas.fact(
            event.endpoint,
            fact_label(event),
            reason(event),
            at=self._at(event),
            marked=marked,
            style="dim" if event.fact in _NEUTRAL else style,
        )

    def _at(self, event: Event) -> float:
        return event.time - self._trace.start


def _stroke(event: Event) -> str:
    if isinstance(event, StreamEnded):
        return TCP
    return SEALED if isinstance(event, WireEvent) and event.encrypted else CLEAR


def _outcome(trace: Trace) -> Iterator[tuple[str, str]]:
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
    if outcome.http_text:
        yield "HTTP body", outcome.http_text
    if outcome.after_whose:
        yield "after", bounded(outcome.after_whose)
    yield from _knowledge(trace, outcome)
    if outcome.exception:
        yield "exception", bounded(outcome.exception)
    for echo in outcome.echoes:
        yield "echo", f"the {echo.endpoint.value}'s {headline(echo)}, after the end"
    for warning in outcome.warnings:
        yield "warning", f"the {warning.endpoint.value}'s {headline(warning)}, not fatal"


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
