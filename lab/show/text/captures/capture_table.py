"""The connections of a capture as a table that grows, and what is said below it.

Rules: a row is written when its connection has ended, so the widths of the columns are fixed, and
nothing of the rows is kept. In a file or a pipe a connection is one line, of which nothing is cut
off. On a terminal it takes as many lines as its width asks for, the outcome in colour.

This module must not know how connections are found, nor why one ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from lab.capture.results import CUT_SHORT
from lab.diagnosis.results import Result
from lab.show.text.captures.flow_text import (
    MOST_OF_NAME,
    outcome_words,
    server_name,
    short_certificate_words,
    utc,
)
from lab.show.text.outcome_text import result_words
from lab.show.text.peer_text import bounded
from lab.tls.escape import escaped
from lab.tracing.results import CaptureSummary, KeyLogUse, Trace

COLUMNS = (
    ("#", 5),
    ("time (UTC)", 26),
    ("client", 21),
    ("server", 21),
    ("version", 7),
    ("SNI", 20),
    ("client certificate", 20),
    ("outcome", 56),
    ("first cause", 0),
)
"""The columns of the table, and how many characters wide they are in a pipe."""


class CaptureTable:
    """Writes rows to ``file``."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._is_begun = False

    def row(self, trace: Trace) -> None:
        """Write what is to be said of one connection."""
        if self._file.isatty():
            # Imported here: a pipe needs none of it, and rich takes long to load.
            from lab.show.text.captures.capture_entries import print_entry

            print_entry(trace, self._file)
            return
        if not self._is_begun:
            print(_line([name for name, _ in COLUMNS]), file=self._file)
            self._is_begun = True
        self._file.write(_line(table_cells(trace)) + "\n")


class Endings:
    """How many connections ended how."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self.total = 0

    def count(self, trace: Trace) -> None:
        """Count one connection."""
        failed = trace.outcome.result is Result.FAILED
        self._counts["failed" if failed else result_words(trace.outcome)] += 1
        self.total += 1

    @property
    def words(self) -> str:
        """The counts in words: "12 connections with TLS: 10 accepted, 2 failed"."""
        counts = ", ".join(f"{count:,} {words}" for words, count in self._counts.most_common())
        return f"{_many(self.total, 'connection')} with TLS: {counts}"


def is_refused_or_failed(trace: Trace) -> bool:
    """Return whether a connection is one that ``--failed`` asks for."""
    return trace.outcome.result in (Result.REJECTED, Result.FAILED)


def table_cells(trace: Trace) -> list[str]:
    """Return what the row of a connection says, a text for each of ``COLUMNS``."""
    flow = trace.flow
    assert flow is not None
    return [
        str(flow.number),
        utc(flow.first),
        flow.client.authority,
        flow.server.authority,
        str(trace.negotiated_version or "-"),
        bounded(server_name(trace.events), MOST_OF_NAME) or "-",
        short_certificate_words(trace),
        outcome_words(trace.outcome),
        trace.causes[0].code,
    ]


def _line(cells: Sequence[str]) -> str:
    number, *others = cells
    padded = [cell.ljust(width) for cell, (_, width) in zip(others, COLUMNS[1:], strict=True)]
    return "  ".join([number.rjust(COLUMNS[0][1]), *padded]).rstrip()


def notes(summary: CaptureSummary) -> Iterator[str]:
    """Yield lines on what is not in the traces: what else was captured, and the key logs."""
    kinds = [
        _many(count, "connection") + (f" of {escaped(what)}" if what else " of no known protocol")
        for what, count in summary.others
        if what != CUT_SHORT
    ]
    if cut := dict(summary.others).get(CUT_SHORT):
        yield f"not read, whether TLS or not: {_many(cut, 'connection')} of {CUT_SHORT}"
    if kinds:
        yield f"not TLS over TCP, so not read: {', '.join(kinds)}"
    yield from map(key_log_words, summary.key_logs)


def key_log_words(use: KeyLogUse) -> str:
    """Return how many secrets a key log has, and how many are of connections in the capture."""
    name = f"the key log {escaped(use.name)}" if use.name else "the capture itself"
    if use.beside:
        name += " (found beside the capture)"
    if not use.secrets:
        return f"{name} has no secrets"
    if not use.used and not use.complete:
        have = _many(use.secrets, "secret")
        return f"{name} has {have}; none is of a connection whose ClientHello was captured"
    used = f"{use.used:,}" if use.used else "none"
    verb = "is" if use.used < 2 else "are"
    return f"{name} has {_many(use.secrets, 'secret')}; {used} {verb} of these connections"


def without_tls(name: str, summary: CaptureSummary) -> str:
    """Return the line for a capture with nothing to trace in it."""
    kinds = ", ".join(
        f"{count:,} of {escaped(what) if what else 'no known protocol'}"
        for what, count in summary.others
    )
    if not summary.connections:
        found = f"no TCP connection{f', but {kinds}' if kinds else ''}"
    else:
        none = "not TLS" if summary.connections == 1 else "none of them TLS"
        if CUT_SHORT in dict(summary.others):
            none = "TLS or not cannot be told"
        found = f"{_many(summary.connections, 'TCP connection')}, {none} ({kinds})"
    return f"no TLS in {name}: {found}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
