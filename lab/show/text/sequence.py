"""The sequence diagram of one trace: the client left, the server right, arrows between them.

Rules: one arrow for each wire event, in order; its line shows whether it was encrypted, the number
beside it the size of its records on the wire, each record counted where it is first seen. The event
that decided the connection has a frame, and a mark in the margin. Long runs of equal events are
drawn once and counted.

This module must not know why a connection ended: the outcome says what decided it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TextIO

from rich.text import Text

from lab.diagnosis.results import Result, Signal
from lab.show.text.canvas import Canvas
from lab.show.text.details import Detail, details, reason, subject
from lab.show.text.event_text import headline
from lab.show.text.outcome_text import title, verdict
from lab.show.text.paper import Paper, print_drawing
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    StreamEnded,
    WireEvent,
    is_fatal,
)
from lab.tracing.results import Trace

_LONG_RUN = 3
_SUCCESSES = frozenset({Fact.HANDSHAKE_RETURNED, Fact.CERTIFICATE_VERIFIED})
_NEUTRAL = frozenset({Fact.CONNECTED, Fact.CLOSED})


def print_trace(trace: Trace, file: TextIO) -> None:
    """Draw ``trace`` on ``file``: the sequence, the outcome, and the diagnosis."""
    print_drawing(lambda paper: drawing(trace, paper), file)


def drawing(trace: Trace, paper: Paper) -> list[Text]:
    """The lines of the whole drawing of ``trace``, none wider than the paper."""
    return [
        *title(trace, paper),
        Text(),
        *sequence(trace, paper),
        Text(),
        *verdict(trace, paper),
        Text(),
    ]


def sequence(trace: Trace, paper: Paper) -> list[Text]:
    """The lines of the sequence alone."""
    picture = _Picture(trace, paper)
    for run in _runs(trace.events):
        picture.draw(run)
    return picture.lines()


def _runs(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Yield the events in runs: many equal ones in sequence together, all others alone."""
    for _, group in groupby(events, key=_look):
        run = list(group)
        if len(run) > _LONG_RUN and isinstance(run[0], WireEvent):
            yield run
        else:
            yield from ([event] for event in run)


def _look(event: Event) -> tuple[type[Event], Endpoint, str]:
    return type(event), event.endpoint, headline(event)


def fact_label(event: LocalFact) -> str:
    """Return whom a local fact concerns, what it is, and the certificate that it is about."""
    words = f"{event.endpoint.value}: {headline(event)}"
    return words if event.certificate is None else f"{words} ({subject(event.certificate)})"


class _Picture:
    """Draws the events of one trace on a canvas, run by run."""

    def __init__(self, trace: Trace, paper: Paper) -> None:
        self._trace = trace
        self._canvas = Canvas(paper)
        refused_or_failed = trace.outcome.result is not Result.ACCEPTED
        self._decisive = trace.outcome.decided_by if refused_or_failed else None
        self._before: Event | None = None

    def draw(self, run: Sequence[Event]) -> None:
        """Draw the first event of ``run``, and count the others."""
        event = run[0]
        framed = event is self._decisive
        if self._before is not None and (framed or self._breaks(self._before, event)):
            self._canvas.gap()
        if isinstance(event, LocalFact):
            self._fact(event, marked=framed)
        else:
            self._arrow(event, framed=framed)
        if len(run) > 1:
            self._rest(run[1:])
        self._before = event

    def lines(self) -> list[Text]:
        """The finished picture."""
        self._canvas.gap()
        return list(self._canvas.lines())

    def _breaks(self, before: Event, event: Event) -> bool:
        """Return whether a gap belongs between two events: after a flight, at the decisive one."""
        if before is self._decisive:
            return True
        for kind in (LocalFact, StreamEnded):
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
        self._canvas.arrow(
            event.endpoint,
            label,
            at=self._at(event),
            stroke=self._stroke(event),
            records=event.records if isinstance(event, WireEvent) else (),
            framed=framed,
            style="bold red" if loud or framed else "bold",
        )
        for detail in (*details(event), *self._remarks(event, framed)):
            self._canvas.detail(event.endpoint, detail)

    def _stroke(self, event: Event) -> str:
        glyphs = self._canvas.paper.glyphs
        if isinstance(event, StreamEnded):
            return glyphs.tcp
        return glyphs.sealed if isinstance(event, WireEvent) and event.encrypted else glyphs.clear

    def _remarks(self, event: Event, framed: bool) -> Iterator[Detail]:
        outcome = self._trace.outcome
        if framed and outcome.signal in (Signal.FIN, Signal.RST):
            yield Detail("alert", "none was sent", notable=True)
        if event in outcome.echoes:
            yield Detail("echo", "sent after the outcome was decided")
        if event in outcome.warnings:
            yield Detail("warning", "does not end the connection")

    def _rest(self, events: Sequence[Event]) -> None:
        last = events[-1]
        self._canvas.arrow(
            last.endpoint,
            f"{headline(last)}, {len(events)} more",
            at=self._at(last),
            stroke=self._stroke(last),
            records=[
                span for event in events if isinstance(event, WireEvent) for span in event.records
            ],
        )

    def _fact(self, event: LocalFact, *, marked: bool) -> None:
        style = "bold cyan" if event.fact in _SUCCESSES else "bold red"
        style = "dim" if event.fact in _NEUTRAL else style
        self._canvas.fact(
            event.endpoint,
            fact_label(event),
            reason(event),
            at=self._at(event),
            marked=marked,
            style=style,
        )

    def _at(self, event: Event) -> float:
        return event.time - self._trace.start
