"""The rows of a sequence diagram: what each face draws of a trace, from top to bottom.

Rules: one row for each event, in order. Long runs of equal events are two rows: the first event,
and how many more there are. A record is counted in the row that shows it first. Each text is
escaped and bounded; a face escapes its own markup.

This module must not know how a row is drawn, nor why a connection ended.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from lab.diagnosis.results import Result, Signal
from lab.show.text.event_text import Detail, details, headline, on_one_line, reason
from lab.show.text.peer_text import subject
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    NotCaptured,
    RecordSpan,
    StreamEnded,
    WireEvent,
    is_fatal,
)
from lab.tracing.results import Trace

_LONG_RUN = 3
_SUCCESSES = frozenset({Fact.HANDSHAKE_RETURNED, Fact.CERTIFICATE_VERIFIED})
_NEUTRAL = frozenset({Fact.CONNECTED, Fact.ANSWERED, Fact.CLOSED})


class Line(enum.Enum):
    """What an arrow stands for: records in the clear, protected ones, or the end of TCP."""

    CLEAR = "clear"
    ENCRYPTED = "encrypted"
    TCP = "TCP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, for one event or for several equal ones.

    * ``events`` are those that it stands for, one at least.
    * ``at`` is the time of the last of them, in seconds since the trace's start.
    * ``decisive`` says that it shows what decided a connection that was not accepted.
    * ``starts_flight`` says that a gap belongs above it: the other end's flight begins, or what is
      of another kind.
    """

    events: tuple[Event, ...]
    at: float
    decisive: bool
    starts_flight: bool

    @property
    def event(self) -> Event:
        """The last event of the row, and in most rows the only one."""
        return self.events[-1]

    @property
    def count(self) -> int:
        """How many equal events it stands for."""
        return len(self.events)

    @property
    def endpoint(self) -> Endpoint:
        """Who sent it, or whom it concerns."""
        return self.event.endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow(Row):
    """What ``sender`` sent to the other end.

    * ``label`` is it in a few words, ``details`` are what stands below them.
    * ``records`` are those that carried it, ``octets`` the bytes of those that no earlier row
      shows; ``shared`` are those that other rows show, too.
    * ``fatal`` says that it is an alert that ends the connection.
    """

    label: str
    line: Line
    octets: int = 0
    records: tuple[RecordSpan, ...] = ()
    shared: tuple[RecordSpan, ...] = ()
    details: tuple[Detail, ...] = ()
    fatal: bool = False

    @property
    def sender(self) -> Endpoint:
        """The end that sent it."""
        return self.endpoint

    @property
    def shares_record(self) -> bool:
        """Whether another row shows one of its records, too."""
        return bool(self.shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRow(Row):
    """A local fact of one end.

    ``label`` names the end, the fact and the certificate that it is about; ``reason`` is what the
    end's library says, or "". ``good`` is None where it is neither good nor bad.
    """

    label: str
    reason: str
    good: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow(Row):
    """Bytes of ``sender`` that nobody saw; ``words`` say which, and why."""

    words: str

    @property
    def sender(self) -> Endpoint:
        """The end whose bytes are missing."""
        return self.endpoint


def rows(trace: Trace) -> tuple[Row, ...]:
    """Return the rows of ``trace``, from top to bottom."""
    decisive = None if trace.outcome.result is Result.ACCEPTED else trace.outcome.decided_by
    found: list[Row] = []
    before: Event | None = None
    for run in _runs(trace.events, decisive):
        event = run[0]
        is_decisive = event is decisive
        starts = before is not None and (is_decisive or _breaks(before, event, decisive))
        row = Row(
            events=(event,), at=event.time - trace.start, decisive=is_decisive, starts_flight=starts
        )
        found.append(_row_of(row, event, trace))
        if len(run) > 1:
            found.append(_row_of_rest(run[1:], trace))
        before = event
    return tuple(_with_records(found))


def fact_label(event: LocalFact) -> str:
    """Return whom a local fact concerns, what it is, and the certificate that it is about."""
    words = f"{event.endpoint.value}: {headline(event)}"
    return words if event.certificate is None else f"{words} ({subject(event.certificate)})"


def _runs(events: Sequence[Event], decisive: Event | None) -> Iterator[tuple[Event, ...]]:
    """Yield the events in runs: many equal ones in sequence together, all others alone."""
    for _, group in groupby(
        events,
        key=lambda event: (type(event), event.endpoint, headline(event), event is decisive),
    ):
        run = tuple(group)
        if len(run) > _LONG_RUN and isinstance(run[0], WireEvent):
            yield run
        else:
            yield from ((event,) for event in run)


def _breaks(before: Event, event: Event, decisive: Event | None) -> bool:
    """Return whether a gap belongs between two events: after a flight, or the decisive one."""
    if before is decisive:
        return True
    for kind in (LocalFact, StreamEnded, NotCaptured):
        if isinstance(before, kind) or isinstance(event, kind):
            return type(before) is not type(event)
    return before.endpoint is not event.endpoint


def _row_of(row: Row, event: Event, trace: Trace) -> Row:
    """Return the row of one event, with all that is said of it."""
    common = {name: getattr(row, name) for name in ("events", "at", "decisive", "starts_flight")}
    if isinstance(event, LocalFact):
        neutral = event.fact in _NEUTRAL and not row.decisive
        good = None if neutral else event.fact in _SUCCESSES
        return LocalRow(**common, label=fact_label(event), reason=reason(event), good=good)
    if isinstance(event, NotCaptured):
        return GapRow(**common, words=on_one_line(event))
    return Arrow(
        **common,
        label=_label(event, trace, decisive=row.decisive),
        line=_line(event),
        records=event.records if isinstance(event, WireEvent) else (),
        details=(*details(event), *_remarks(event, trace, decisive=row.decisive)),
        fatal=isinstance(event, AlertSeen) and is_fatal(event),
    )


def _row_of_rest(run: tuple[Event, ...], trace: Trace) -> Row:
    last = run[-1]
    return Arrow(
        events=run,
        at=last.time - trace.start,
        decisive=False,
        starts_flight=False,
        label=f"{headline(last)}, {len(run)} more",
        line=_line(last),
        records=tuple(
            span for event in run if isinstance(event, WireEvent) for span in event.records
        ),
    )


def _label(event: Event, trace: Trace, *, decisive: bool) -> str:
    label = headline(event)
    if decisive and isinstance(event, ApplicationDataSeen):
        return f"HTTP {trace.outcome.http_status}"
    if decisive and isinstance(event, AlertSeen):
        return label.replace("alert", "ALERT", 1)
    return label


def _line(event: Event) -> Line:
    if isinstance(event, StreamEnded):
        return Line.TCP
    return Line.ENCRYPTED if isinstance(event, WireEvent) and event.encrypted else Line.CLEAR


def _remarks(event: Event, trace: Trace, *, decisive: bool) -> Iterator[Detail]:
    outcome = trace.outcome
    if decisive and outcome.signal in (Signal.FIN, Signal.RST):
        # Who has seen a part of a connection cannot know what else was sent, nor can a client whose
        # connection was reset: an RST overtakes what came before it and was not read.
        is_whole = trace.flow is None and outcome.signal is Signal.FIN
        seen = "sent" if is_whole else "seen"
        yield Detail("alert", f"none was {seen}", notable=True)
    if event in outcome.echoes:
        yield Detail("echo", "sent after the outcome was decided")
    if event in outcome.warnings:
        yield Detail("warning", "does not end the connection")


def _with_records(found: Sequence[Row]) -> Iterator[Row]:
    """Yield the rows, each arrow with the bytes that it shows first, and what it shares."""
    shown: dict[tuple[Endpoint, int], set[int]] = defaultdict(set)
    octets = [0] * len(found)
    for number, row in enumerate(found):
        for record in row.records if isinstance(row, Arrow) else ():
            numbers = shown[row.endpoint, record.offset]
            octets[number] += 0 if numbers else record.length
            numbers.add(number)
    for number, row in enumerate(found):
        if isinstance(row, Arrow) and row.records:
            shared = {
                record for record in row.records if len(shown[row.endpoint, record.offset]) > 1
            }
            yield replace(row, octets=octets[number], shared=tuple(sorted(shared)))
        else:
            yield row
