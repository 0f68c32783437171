"""The rows of a sequence: labels, records counted once, what is decisive, and long runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.results import Outcome, Result, Signal
from lab.show.sequence import Arrow, GapRow, Line, LocalRow, Row, rows
from lab.tls import messages as msg
from lab.tls.code_points import AlertDescription, AlertLevel
from lab.tls.events import Fact, Gap, StreamEnd
from lab.tracing.results import Trace
from tests.support.traces import (
    CLIENT,
    SERVER,
    EventBuilder,
    one_of_each_event,
    sample,
    trace_of,
)

FAILED = Outcome(result=Result.FAILED)


def arrows(trace: Trace) -> list[Arrow]:
    return [row for row in rows(trace) if isinstance(row, Arrow)]


def label(row: Row) -> str:
    if isinstance(row, GapRow):
        return row.words
    assert isinstance(row, Arrow | LocalRow)
    return row.label


def test_each_event_has_its_row() -> None:
    events = one_of_each_event()
    found = rows(trace_of(events))
    assert [row.event for row in found] == events
    assert [row.endpoint for row in found] == [event.endpoint for event in events]
    assert {row.count for row in found} == {1}
    assert all(label(row).isprintable() for row in found)


def test_the_line_of_an_arrow_is_that_of_its_records() -> None:
    make = EventBuilder()
    found = arrows(
        trace_of(
            [
                make.message(CLIENT, msg.HelloRequest()),
                make.sealed(SERVER),
                make.ended(SERVER),
            ]
        )
    )
    assert [row.line for row in found] == [Line.CLEAR, Line.ENCRYPTED, Line.TCP]


def test_a_record_is_counted_where_it_is_first_seen_and_known_to_be_shared() -> None:
    make = EventBuilder()
    first, second = make.record(300), make.record(1300)
    empty = msg.Certificate(certificate_list=())
    found = arrows(
        trace_of(
            [
                make.message(SERVER, msg.ServerHelloDone(), records=[first]),
                make.message(SERVER, empty, records=[first, second]),
                make.message(CLIENT, empty, records=[second]),
                make.message(SERVER, msg.ServerHelloDone()),
            ],
            outcome=FAILED,
        )
    )
    assert [row.octets for row in found] == [300, 1300, 1300, 100]
    assert [row.shared for row in found] == [(first,), (first,), (), ()]
    assert [row.shares_record for row in found] == [True, True, False, False]


def test_a_long_run_is_two_rows() -> None:
    make = EventBuilder()
    events = [make.data(SERVER, b"x" * 1000) for _ in range(400)]
    first, rest = arrows(trace_of(events))
    assert (first.count, rest.count) == (1, 399)
    assert rest.label == "application data, 399 more"
    assert (first.octets, rest.octets) == (1022, 399 * 1022)
    assert (first.at, rest.at) == (0.0, events[-1].time - events[0].time)
    assert rest.details == ()


def test_what_decides_has_a_row_of_its_own_inside_of_a_run() -> None:
    make = EventBuilder()
    events = [make.data(SERVER, b"x") for _ in range(9)]
    outcome = replace(
        FAILED, signal=Signal.HTTP_STATUS, http_status=403, decided_by=events[4], by=SERVER
    )
    found = arrows(trace_of(events, outcome=outcome))
    assert [(row.label, row.decisive) for row in found] == [
        ("application data", False),
        ("application data, 3 more", False),
        ("HTTP 403", True),
        ("application data", False),
        ("application data, 3 more", False),
    ]


def test_an_accepted_client_has_no_decisive_row(accepted13: Trace) -> None:
    assert not [row for row in rows(accepted13) if row.decisive]


def test_the_alert_of_a_refusal_is_decisive_and_fatal(refused13: Trace) -> None:
    (decisive,) = [row for row in rows(refused13) if row.decisive]
    assert isinstance(decisive, Arrow)
    assert decisive.label == "ALERT fatal certificate_required (116)"
    assert decisive.fatal and decisive.starts_flight
    assert decisive.sender is SERVER and decisive.line is Line.ENCRYPTED


@pytest.mark.parametrize(
    ("end", "words"), [(StreamEnd.FIN, "none was sent"), (StreamEnd.RESET, "none was seen")]
)
def test_the_words_for_an_end_without_an_alert(end: StreamEnd, words: str) -> None:
    make = EventBuilder()
    events = [make.message(CLIENT, msg.HelloRequest()), make.ended(SERVER, end)]
    last = arrows(trace_of(events))[-1]
    assert last.decisive
    assert ("alert", words, True) in last.details


def test_a_fact_is_good_bad_or_neither() -> None:
    make = EventBuilder()
    facts = (Fact.CONNECTED, Fact.HANDSHAKE_RETURNED, Fact.READ_FAILED)
    found = rows(trace_of([make.fact(CLIENT, fact, "why") for fact in facts], outcome=FAILED))
    assert [row.good for row in found if isinstance(row, LocalRow)] == [None, True, False]
    assert [label(row) for row in found][-1] == "client: read failed"


def test_a_gap_has_its_words_and_its_end() -> None:
    make = EventBuilder()
    (row,) = rows(trace_of([make.not_captured(SERVER, Gap.MISSING, 1460)], outcome=FAILED))
    assert isinstance(row, GapRow)
    assert row.sender is SERVER
    assert row.words.startswith("1,460 bytes not captured: ")


def test_a_flight_starts_with_the_other_end_and_with_facts() -> None:
    make = EventBuilder()
    events = [
        make.fact(CLIENT, Fact.CONNECTED),
        make.fact(SERVER, Fact.CONNECTED),
        make.message(CLIENT, sample(msg.ClientHello)),
        make.message(SERVER, msg.HelloRequest()),
        make.message(SERVER, msg.ServerHelloDone()),
        make.alert(SERVER, AlertDescription.USER_CANCELED, AlertLevel.WARNING),
    ]
    found = rows(trace_of(events, outcome=FAILED))
    assert [row.starts_flight for row in found] == [False, False, True, True, False, False]


def test_texts_of_a_peer_are_escaped() -> None:
    make = EventBuilder()
    hostile = "\x1b[31m\u202e\x00\udcff"
    found = rows(
        trace_of(
            [
                make.fact(CLIENT, Fact.READ_FAILED, hostile),
                make.malformed(SERVER, hostile, hostile),
                make.sealed(SERVER, hostile),
            ],
            outcome=FAILED,
        )
    )
    for row in found:
        assert label(row).isprintable()
        texts = [row.reason] if isinstance(row, LocalRow) else []
        texts += [detail.value for detail in row.details] if isinstance(row, Arrow) else []
        assert all(text.isprintable() for text in texts)
