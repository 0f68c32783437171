"""A connection at a tap: its row while it lasts, and its trace.

Rules: nothing is decoded while bytes pass. Whoever watches asks now and then for what there is.
"""

from __future__ import annotations

from collections.abc import Callable

from lab.diagnosis.results import Result
from lab.show.text.captures.flow_text import server_name
from lab.show.text.peer_text import bounded, shortened, subject
from lab.tracing.results import Trace
from lab.tracing.tap.tap_connection import TapConnection
from lab.webapp.watch.watched_row import (
    OPEN,
    UNDECIDED,
    WatchedRow,
    last_words,
    outcome_words,
)

_BASE = 20_000  # bytes that a trace takes in memory beside its records
_TIMES = 8  # a record's bytes, decoded
NOT_EXPLAINED = "relayed and not explained"


class TracedConnection:
    """A connection of a tap; ``began`` is in seconds since the epoch."""

    def __init__(self, connection: TapConnection, began: float) -> None:
        self.number = 0
        self._connection: TapConnection | None = connection
        self._client = connection.client
        self._began = began
        self._trace: Trace | None = None
        self._ended = False
        self._looked_at = 0

    @property
    def has_news(self) -> bool:
        """Whether bytes have passed since ``look``."""
        connection = self._connection
        return connection is not None and connection.octets != self._looked_at

    @property
    def is_over(self) -> bool:
        """Whether nothing more passes, and no trace has come."""
        return self._connection is not None and self._connection.is_over

    def look(self) -> Callable[[], Trace | None]:
        """Return what decodes what there is, in a thread; the result is for ``take``."""
        connection = self._connection
        if connection is None:
            return lambda: None
        self._looked_at = connection.octets
        return connection.trace_so_far

    def take(self, trace: Trace | None) -> None:
        """Take what was decoded while it lasts."""
        if not self._ended:
            self._trace = trace

    def end(self, trace: Trace | None) -> None:
        """Take that it is over, and its trace; None where it was not explained."""
        self._trace, self._connection, self._ended = trace or self._trace, None, True

    @property
    def state(self) -> str:
        """``OPEN``, or a value of ``Result``."""
        if not self._ended:
            return OPEN
        return (self._trace.outcome.result if self._trace else Result.UNKNOWN).value

    @property
    def is_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self._ended

    @property
    def is_refused(self) -> bool:
        """Whether it was rejected or failed."""
        return self.state in (Result.REJECTED.value, Result.FAILED.value)

    @property
    def octets(self) -> int:
        """About how many bytes of memory it keeps."""
        records = self._trace.records if self._trace is not None else ()
        return _BASE + _TIMES * sum(len(record.raw) for record in records)

    def row(self) -> WatchedRow:
        """Return it as it is now."""
        trace, words = self._trace, UNDECIDED
        if self._ended:
            words = NOT_EXPLAINED if trace is None else outcome_words(trace.outcome)
        certificate = trace.client_certificate if trace else None
        return WatchedRow(
            number=self.number,
            began=int(self._began * 1000),
            source="tap",
            peer=self._client.authority,
            name=bounded(server_name(trace.events)) if trace else "",
            version=str(trace.negotiated_version or "") if trace else "",
            client=subject(certificate) if certificate else "",
            state=self.state,
            outcome=words,
            cause=shortened(trace.causes[0].summary) if trace and self.is_refused else "",
            last=last_words(trace.events[-1]) if trace else "",
            steps=len(trace.events) if trace else 0,
            ended=self._ended,
        )

    def snapshot(self) -> Callable[[], Trace | None]:
        """Return what makes the trace of all that was seen so far."""
        if self._connection is not None:
            return self._connection.trace_so_far
        trace = self._trace
        return lambda: trace

    def forget(self) -> None:
        """Keep nothing of it any more."""
        self._trace = self._connection = None
