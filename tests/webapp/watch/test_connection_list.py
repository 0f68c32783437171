"""The list of connections: what is kept, what is counted, and what a reader gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lab.diagnosis.results import Outcome, Result, Signal
from lab.tls.events import Endpoint
from lab.tracing.results import Trace
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.watched_row import OPEN, WatchedRow, outcome_words


class Fake:
    """A connection that is what a test says."""

    def __init__(self, octets: int = 1) -> None:
        self.number = 0
        self.state = OPEN
        self.is_ended = False
        self.octets = octets
        self.forgotten = False

    @property
    def is_refused(self) -> bool:
        return self.state in (Result.REJECTED.value, Result.FAILED.value)

    def row(self) -> WatchedRow:
        return WatchedRow(number=self.number, began=0, source="server", peer="x", state=self.state)

    def snapshot(self) -> Callable[[], Trace | None]:
        return lambda: None

    def forget(self) -> None:
        self.forgotten = True


def added(connections: ConnectionList, result: Result | None = None, octets: int = 1) -> Fake:
    connection = Fake(octets)
    connections.add(connection)
    if result is not None:
        ended(connections, connection, result)
    return connection


def ended(connections: ConnectionList, connection: Fake, result: Result) -> None:
    connection.state, connection.is_ended = result.value, True
    connections.change(connection)


def test_a_reader_gets_what_has_changed_since() -> None:
    connections = ConnectionList()
    first, second = added(connections), added(connections)
    changes = connections.changes(0, 0)
    assert [row.number for row in changes.rows] == [1, 2]
    assert (changes.total, changes.missed, changes.kept) == (2, 0, None)
    ended(connections, first, Result.ACCEPTED)
    later = connections.changes(changes.version, changes.total)
    assert [(row.number, row.state) for row in later.rows] == [(1, "accepted")]
    assert later.counts == {
        "open": 1,
        "accepted": 1,
        "rejected": 0,
        "failed": 0,
        "cannot be told": 0,
    }
    assert connections.changes(later.version, later.total).rows == ()
    assert connections.find(2) is second


def test_a_row_that_nobody_has_seen_yet_is_not_new_again_before_it_is_decided() -> None:
    connections = ConnectionList()
    first = added(connections)
    version = connections.version
    connections.change(first)
    assert connections.version == version
    assert len(connections.changes(0, 0).rows) == 1
    connections.change(first)
    assert connections.version == version + 1
    ended(connections, first, Result.FAILED)
    assert connections.version == version + 2


def test_the_refused_are_kept_longer_than_the_others() -> None:
    connections = ConnectionList(most=3, most_refused=2)
    refused = [added(connections, Result.REJECTED) for _ in range(3)]
    accepted = [added(connections, Result.ACCEPTED) for _ in range(5)]
    kept = [row.number for row in connections.changes(0, 0).rows]
    assert kept == [2, 3, 6, 7, 8]
    assert [one.forgotten for one in refused] == [True, False, False]
    assert [one.forgotten for one in accepted] == [True, True, False, False, False]
    changes = connections.changes(1, 8)
    assert changes.kept == (2, 3, 6, 7, 8)
    assert (changes.counts["rejected"], changes.counts["accepted"]) == (3, 5)


def test_memory_is_bounded_whatever_the_connections_keep() -> None:
    connections = ConnectionList(most_octets=100)
    for _ in range(9):
        added(connections, Result.REJECTED, octets=40)
    big = added(connections)
    assert [row.number for row in connections.changes(0, 0).rows] == [8, 9, 10]
    big.octets = 99
    connections.change(big)
    assert [row.number for row in connections.changes(0, 0).rows] == [10]


def test_one_that_was_dropped_is_still_counted_when_it_ends() -> None:
    connections = ConnectionList(most=1)
    first = added(connections)
    added(connections)
    assert first.forgotten and connections.find(1) is None
    ended(connections, first, Result.FAILED)
    counts = connections.changes(0, 0).counts
    assert (counts["open"], counts["failed"]) == (1, 1)


def test_what_came_and_went_between_two_looks_is_missed() -> None:
    connections = ConnectionList(most=2)
    added(connections)
    seen = connections.changes(0, 0)
    for _ in range(10):
        added(connections)
    later = connections.changes(seen.version, seen.total)
    assert [row.number for row in later.rows] == [10, 11]
    assert later.missed == 8


async def test_a_reader_waits_for_the_next_change() -> None:
    connections = ConnectionList()
    waiting = asyncio.create_task(connections.wait(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    added(connections)
    await waiting
    await connections.wait(0)


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (Signal.NOT_TLS, "failed: the client sent bytes that are not TLS"),
        (Signal.MALFORMED, "failed: the client sent malformed bytes"),
        (Signal.FIN, "failed: the client ended the connection, TCP FIN, no alert"),
    ],
)
def test_the_words_for_an_outcome_say_nothing_twice(signal: Signal, words: str) -> None:
    outcome = Outcome(result=Result.FAILED, by=Endpoint.CLIENT, signal=signal)
    assert outcome_words(outcome) == words
