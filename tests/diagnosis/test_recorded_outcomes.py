"""The judge on recorded connections of OpenSSL, whole and cut off, and what a long one costs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.diagnosis.outcome import OutcomeJudge, judge
from lab.diagnosis.results import Outcome, Result, Signal
from lab.tls.code_points import AlertDescription, AlertLevel, ContentType
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    Gap,
    LocalFact,
    Malformed,
    MessageSeen,
    NotCaptured,
    NotTls,
    Protocol,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
)
from lab.tls.observer import Observer
from tests.support.events import (
    CLIENT,
    SEALED,
    SERVER,
    alert,
    application_data,
    change_cipher_spec,
    client_hello,
    fact,
    stream_ended,
)

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "openssl.json"


def recorded() -> Iterator[tuple[str, list[Event]]]:
    """The connections by name, each decoded with its key log; neither has an end of TCP."""
    for connection in json.loads(VECTORS.read_text(encoding="utf-8"))["connections"]:
        observer = Observer()
        events = list(observer.learn("".join(f"{line}\n" for line in connection["key_log"])))
        for time, (sender, piece) in enumerate(connection["pieces"]):
            events += observer.feed(Endpoint(sender), bytes.fromhex(piece), float(time))
        yield connection["name"], [*events, *observer.finish()]


RECORDED = dict(recorded())
# What may follow the recorded bytes, in any order.
FURTHER = [
    *[stream_ended(sender, end) for sender in Endpoint for end in StreamEnd],
    *[fact(end, which) for end in Endpoint for which in Fact],
    *[alert(end, AlertDescription.DECODE_ERROR) for end in Endpoint],
    *[alert(end, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING) for end in Endpoint],
    alert(CLIENT, AlertDescription.USER_CANCELED, AlertLevel.WARNING),
    application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n"),
    application_data(SERVER, b"HTTP/1.1 2"),
    Malformed(time=0.0, endpoint=SERVER, offset=0, where="ServerHello", problem="short"),
    Undecoded(time=0.0, endpoint=CLIENT, records=(), where="stream", limit="more than 9 records"),
    NotTls(time=0.0, endpoint=SERVER, protocol=Protocol.HTTP, sample=b"HTTP/1.1 400\r\n"),
    SEALED,
    replace(SEALED, endpoint=CLIENT),
    *[
        replace(SEALED, endpoint=end, length=40, content_type=kind)
        for end in Endpoint
        for kind in (ContentType.ALERT, ContentType.HANDSHAKE, ContentType.CHANGE_CIPHER_SPEC)
    ],
    *[replace(SEALED, endpoint=end, length=19) for end in Endpoint],
    *[NotCaptured(time=0.0, endpoint=end, gap=gap) for end in Endpoint for gap in Gap],
    *[change_cipher_spec(end) for end in Endpoint],
    client_hello(),
]


@st.composite
def connections(draw: st.DrawFn) -> list[Event]:
    """A recorded connection, cut off somewhere, and what may follow."""
    events = RECORDED[draw(st.sampled_from(sorted(RECORDED)))]
    kept = draw(st.integers(0, len(events)))
    return events[:kept] + draw(st.lists(st.sampled_from(FURTHER), max_size=6))


@given(connections())
def test_what_it_says_on_the_way_is_what_it_says_of_so_many_events(events: list[Event]) -> None:
    on_the_way = OutcomeJudge()
    assert on_the_way.outcome == judge([])
    for number, event in enumerate(events, start=1):
        on_the_way.take(event)
        assert on_the_way.outcome == judge(events[:number])


KINDS: dict[Signal | None, tuple[type[Event], ...]] = {
    Signal.ALERT: (AlertSeen,),
    Signal.CLOSE_NOTIFY: (AlertSeen,),
    Signal.FIN: (StreamEnded,),
    Signal.RST: (StreamEnded,),
    Signal.HTTP_STATUS: (ApplicationDataSeen,),
    Signal.TIME_OUT: (LocalFact,),
    Signal.NOT_TLS: (NotTls,),
    Signal.MALFORMED: (Malformed,),
    Signal.UNREAD_ALERT: (SealedSeen,),
    # Accepted, by close_notify too; or an end that reports that it refused the other's certificate.
    None: (
        ApplicationDataSeen,
        LocalFact,
        MessageSeen,
        ChangeCipherSpecSeen,
        SealedSeen,
        AlertSeen,
    ),
}


@given(connections())
def test_the_event_that_decided_is_one_of_them_and_of_the_signals_kind(
    events: list[Event],
) -> None:
    outcome = judge(events)
    decided_by = outcome.decided_by
    if decided_by is None:
        unknown = outcome.result is Result.UNKNOWN
        assert unknown or outcome.result is Result.FAILED
        assert (outcome.by, outcome.signal, outcome.alert) == (None, None, None)
        assert bool(outcome.ground) is unknown
        return
    assert isinstance(decided_by, KINDS[outcome.signal])
    assert any(event is decided_by for event in events)
    assert outcome.alert is (decided_by if outcome.signal is Signal.ALERT else None)
    if isinstance(decided_by, AlertSeen) and outcome.signal is not Signal.ALERT:
        assert decided_by.description == AlertDescription.CLOSE_NOTIFY
    if outcome.signal is Signal.TIME_OUT:
        assert decided_by.endpoint is not outcome.by  # the end that waited says so
    elif outcome.by is not None:
        assert decided_by.endpoint is outcome.by
    if outcome.result is Result.ACCEPTED:
        assert outcome.by is None and outcome.handshake_accepted


@given(connections())
def test_what_is_a_limit_of_ours_decides_nothing(events: list[Event]) -> None:
    assert not isinstance(judge(events).decided_by, Undecoded)


def decided(events: Sequence[Event]) -> tuple[Outcome, str]:
    outcome = judge(events)
    event = outcome.decided_by
    return outcome, event.message.name if isinstance(event, MessageSeen) else type(event).__name__


@pytest.mark.parametrize(
    ("name", "result", "by", "what"),
    [
        ("TLS 1.3 accepted", Result.ACCEPTED, None, "ApplicationDataSeen"),
        ("TLS 1.3 no certificate", Result.REJECTED, SERVER, "AlertSeen"),
        ("TLS 1.2 accepted", Result.ACCEPTED, None, "ApplicationDataSeen"),
        ("TLS 1.2 no certificate", Result.REJECTED, SERVER, "AlertSeen"),
        ("TLS 1.2 resumed by ticket", Result.ACCEPTED, None, "ApplicationDataSeen"),
    ],
)
def test_the_recorded_ends(name: str, result: Result, by: Endpoint | None, what: str) -> None:
    outcome, event = decided(RECORDED[name])
    assert (outcome.result, outcome.by, event) == (result, by, what)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("TLS 1.3 accepted", "NewSessionTicket"),
        ("TLS 1.3 resumed", "NewSessionTicket"),
        ("TLS 1.2 accepted", "ChangeCipherSpecSeen"),
    ],
)
def test_acceptance_shows_before_the_first_data(name: str, what: str) -> None:
    events = RECORDED[name]
    first = next(at for at, event in enumerate(events) if isinstance(event, ApplicationDataSeen))
    outcome, event = decided(events[:first])
    assert (outcome.result, event) == (Result.ACCEPTED, what)


def calls(taking: OutcomeJudge, events: Sequence[Event]) -> int:
    """How many functions are called while ``taking`` takes the events."""
    number = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        for event in events:
            taking.take(event)
    finally:
        sys.setprofile(None)
    return number


@pytest.mark.parametrize(
    ("end", "echoes"),
    [
        (stream_ended(SERVER), 64),
        (alert(SERVER, AlertDescription.BAD_CERTIFICATE), 64),
        (application_data(SERVER, b"HTTP/1.1 1"), 0),
    ],
)
def test_an_event_costs_the_same_however_many_came_before(end: Event, echoes: int) -> None:
    warning = alert(CLIENT, AlertDescription.USER_CANCELED, AlertLevel.WARNING)
    some = [
        *FURTHER,
        warning,
        alert(CLIENT, AlertDescription.DECODE_ERROR),
        application_data(SERVER, b"x"),
    ]
    taking = OutcomeJudge()
    for event in [client_hello(), end, *some * 100]:
        taking.take(event)
    early = calls(taking, some)
    for event in some * 1000:
        taking.take(event)
    assert calls(taking, some) <= early
    outcome = taking.outcome
    assert (len(outcome.warnings), len(outcome.echoes)) == (64, echoes)


CUT = [NotCaptured(time=0.0, endpoint=end, gap=Gap.END) for end in Endpoint]


@given(connections(), st.integers(0, 60))
def test_a_prefix_that_the_capture_ends_is_unknown_or_told_as_the_whole(
    events: list[Event], kept: int
) -> None:
    """Whatever follows, and whatever else is missing."""
    ended: set[Endpoint] = set()
    possible = []
    for event in events:
        if event.endpoint not in ended and not isinstance(event, LocalFact):
            possible.append(event)
        if isinstance(event, StreamEnded):
            ended.add(event.endpoint)
    part, whole = judge([*possible[:kept], *CUT]), judge(possible)
    same = (part.result, part.by) == (whole.result, whole.by)
    assert same or Result.UNKNOWN in (part.result, whole.result)
