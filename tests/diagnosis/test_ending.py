"""What part of a connection proves: recorded connections cut off, or with a part missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.diagnosis.ending import AT_AN_END, REFUSALS, is_echo
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Outcome, Result, Signal
from lab.tls.code_points import AlertDescription, AlertLevel
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Gap,
    Malformed,
    NotCaptured,
    StreamEnd,
)
from lab.tls.observer import Observer
from tests.support.events import (
    CLIENT,
    EMPTY_CERTIFICATE,
    REQUEST,
    SERVER,
    TICKET,
    TLS13,
    alert,
    application_data,
    certificate_message,
    change_cipher_spec,
    client_chain,
    client_hello,
    finished,
    outcome_and_causes,
    stream_ended,
)

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "openssl.json"
BYE = AlertDescription.CLOSE_NOTIFY


def missing(sender: Endpoint, gap: Gap = Gap.MISSING) -> Event:
    return NotCaptured(time=0.0, endpoint=sender, gap=gap, octets=9)


CUT = [missing(end, Gap.END) for end in Endpoint]
BEFORE = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT)]


def recorded(*, keys: bool) -> Iterator[tuple[str, list[Event]]]:
    """The recorded connections with how TCP may have ended, by the server and by the client."""
    for connection in json.loads(VECTORS.read_text(encoding="utf-8"))["connections"]:
        observer = Observer()
        log = "".join(f"{line}\n" for line in connection["key_log"]) if keys else ""
        events = list(observer.learn(log))
        for sender, piece in connection["pieces"]:
            events += observer.feed(Endpoint(sender), bytes.fromhex(piece), 0.0)
        events += observer.finish()
        for first in Endpoint:
            for end in StreamEnd:
                name = f"{connection['name']}, {first.value} {end.value}, keys: {keys}"
                yield name, [*events, stream_ended(first, end), stream_ended(first.other)]


RECORDED = dict([*recorded(keys=True), *recorded(keys=False)])


def verdict(outcome: Outcome) -> tuple[Result, Endpoint | None]:
    """What must not be told otherwise: who refused whom, or that TLS accepted."""
    result = Result.ACCEPTED if outcome.handshake_accepted else outcome.result
    refused = outcome.result is Result.REJECTED
    return (outcome.result, outcome.by) if refused else (result, None)


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_connection_that_is_cut_off_is_never_told_otherwise(name: str) -> None:
    events = RECORDED[name]
    whole = judge(events)
    for kept in range(len(events) + 1):
        outcome = judge([*events[:kept], *CUT])
        same = (outcome.result, outcome.by) == (whole.result, whole.by)
        assert same or outcome.result is Result.UNKNOWN
        if outcome.result is Result.UNKNOWN and kept:
            assert outcome.ground.endswith(Gap.END.value)


@pytest.mark.parametrize("gap", [Gap.MISSING, Gap.SNAPPED])
@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_connection_that_lacks_a_part_is_never_told_otherwise(name: str, gap: Gap) -> None:
    """One event after the other, and each two that follow each other, are not there."""
    events = RECORDED[name]
    whole = verdict(judge(events))
    for at, event in enumerate(events[:-2]):
        for number in (1, 2):
            senders = dict.fromkeys(lost.endpoint for lost in events[at : at + number])
            gaps = [missing(sender, gap) for sender in senders]
            outcome = judge([*events[:at], *gaps, *events[at + number :]])
            same = verdict(outcome) == whole
            assert same or outcome.result is Result.UNKNOWN, (event, outcome)


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_connection_that_begins_too_late_is_never_told_otherwise(name: str) -> None:
    events = RECORDED[name]
    whole = verdict(judge(events))
    start = [missing(end, Gap.START) for end in Endpoint]
    for lost in range(1, len(events)):
        outcome = judge([*start, *events[lost:]])
        assert verdict(outcome) == whole or outcome.result is Result.UNKNOWN, events[lost]


@pytest.mark.parametrize("captured", list(Endpoint))
@pytest.mark.parametrize("name", sorted(RECORDED))
def test_one_direction_is_never_told_otherwise(name: str, captured: Endpoint) -> None:
    events = RECORDED[name]
    whole = verdict(judge(events))
    kept = [event for event in events if event.endpoint is captured]
    gap = missing(captured.other, Gap.DIRECTION)
    for one_way in ([gap, *kept], [*kept, gap]):
        outcome = judge(one_way)
        assert verdict(outcome) == whole or outcome.result is Result.UNKNOWN
        if outcome.result is Result.UNKNOWN:
            words = f"nothing that the {captured.other.value} sent was captured"
            assert outcome.ground.endswith(words)


def test_a_capture_that_ends_is_no_end_of_the_connection() -> None:
    accepted = [*BEFORE, TICKET]
    outcome, causes = outcome_and_causes([*accepted, *CUT])
    assert (outcome.result, outcome.handshake_accepted) == (Result.UNKNOWN, True)
    assert outcome.ground == (
        "the server had accepted the client's last flight, but what came of it: "
        "the capture ends here"
    )
    assert [cause.code for cause in causes] == ["cannot-be-told"]
    assert causes[0].fix == "capture until the connection has ended"
    # What has been said holds.
    for last in (
        stream_ended(SERVER),
        alert(SERVER, AlertDescription.UNKNOWN_CA),
        application_data(SERVER, b"HTTP/1.1 200 OK\r\n"),
        application_data(SERVER, b"another protocol"),
        application_data(SERVER, b"short"),
    ):
        assert judge([*BEFORE, last, *CUT]).result is judge([*BEFORE, last]).result
    # A status that has not come whole may be a refusal.
    for begun in (b"", b"H", b"HTTP/1.1 4", b"HTTP/1.1 103 Early\r\n\r\n"):
        outcome = judge([*BEFORE, application_data(SERVER, begun), *CUT])
        assert (outcome.result, outcome.handshake_accepted) == (Result.UNKNOWN, True)


def test_malformed_bytes_are_not_the_last_word() -> None:
    broken = Malformed(time=0.0, endpoint=SERVER, offset=0, where="ServerHello", problem="short")
    assert judge([client_hello(), broken, *CUT]).result is Result.UNKNOWN
    assert judge([client_hello(), missing(SERVER), broken]).result is Result.UNKNOWN


def test_an_alert_tells_in_spite_of_a_gap_what_no_missing_byte_can_undo() -> None:
    for gone in Endpoint:
        for description in REFUSALS:
            refusal = replace(alert(SERVER, description), encrypted=True)
            outcome = judge([*BEFORE, missing(gone), refusal, *CUT])
            assert (outcome.result, outcome.alert) == (Result.REJECTED, refusal)
    for description in AT_AN_END:
        # In the clear, so that nothing had been accepted; but it may be an echo.
        plain = alert(SERVER, description)
        assert judge([client_hello(), missing(SERVER), plain]).result is Result.REJECTED
        assert judge([client_hello(), missing(CLIENT), plain]).result is Result.UNKNOWN
        sealed = replace(plain, encrypted=True)
        for gone in Endpoint:
            outcome, causes = outcome_and_causes([*BEFORE, missing(gone), sealed])
            assert (outcome.result, outcome.alert) == (Result.UNKNOWN, None)
            assert f"({description.value})" in causes[0].evidence[1]


def test_what_is_missing_of_the_answer_is_not_read() -> None:
    refused = application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")
    begun = application_data(SERVER, b"HTTP/1.1 ")
    outcome = judge([*BEFORE, missing(SERVER), refused])
    assert (outcome.result, outcome.http_status) == (Result.ACCEPTED, None)
    assert outcome.ground == (
        "part of what the server sent is missing, so what it answered cannot be told"
    )
    outcome = judge([*BEFORE, begun, missing(SERVER), application_data(SERVER, b"403 ")])
    assert (outcome.result, outcome.http_status) == (Result.ACCEPTED, None)
    outcome = judge([*BEFORE, missing(CLIENT), refused])
    assert (outcome.result, outcome.http_status) == (Result.REJECTED, 403)
    # An answer proves what the client's direction would have shown.
    fine = application_data(SERVER, b"HTTP/1.1 200 OK\r\n")
    one_way = [event for event in BEFORE if event.endpoint is SERVER]
    outcome = judge([missing(CLIENT, Gap.DIRECTION), *one_way, fine, stream_ended(SERVER)])
    assert (outcome.result, outcome.http_status) == (Result.ACCEPTED, 200)
    assert outcome.ground == ""


def test_an_end_of_tcp_tells_nothing_where_a_part_is_missing() -> None:
    for gone in Endpoint:
        for first in Endpoint:
            for end in StreamEnd:
                events = [*BEFORE, missing(gone), stream_ended(first, end)]
                outcome = judge([*events, stream_ended(first.other)])
                assert (outcome.result, outcome.by) == (Result.UNKNOWN, None)
                assert outcome.ground == "a segment is missing from the capture"
    # What is missing later makes no difference.
    assert judge([*BEFORE, stream_ended(SERVER), missing(CLIENT)]).result is Result.REJECTED


def test_a_client_that_half_closes_is_judged_by_what_comes_then() -> None:
    half_closed = [*BEFORE, stream_ended(CLIENT)]
    alone = judge([*half_closed, stream_ended(SERVER)])
    assert (alone.result, alone.by, alone.signal) == (Result.FAILED, CLIENT, Signal.FIN)
    assert judge(half_closed) == alone
    ok = application_data(SERVER, b"HTTP/1.1 200 OK\r\n")
    for answer in ([TICKET], [ok], [TICKET, ok]):
        outcome = judge([*half_closed, *answer, stream_ended(SERVER)])
        assert (outcome.result, outcome.by, outcome.handshake_accepted) == (
            Result.ACCEPTED,
            None,
            True,
        )
    refusal = alert(SERVER, AlertDescription.UNKNOWN_CA)
    outcome = judge([*half_closed, refusal, stream_ended(SERVER)])
    assert (outcome.result, outcome.by, outcome.alert) == (Result.REJECTED, SERVER, refusal)
    assert judge([*half_closed, *CUT]).result is Result.UNKNOWN
    # Nor is the reset that its system sends then, for what it does not read any more.
    reset = stream_ended(CLIENT, StreamEnd.RESET)
    assert judge([*half_closed, TICKET, reset, stream_ended(SERVER)]).result is Result.ACCEPTED
    assert judge([*half_closed, reset]) == alone
    # An end by RST is none by halves, and neither is one before any message.
    assert judge([*BEFORE, reset, TICKET]).result is Result.FAILED
    assert judge([stream_ended(CLIENT), refusal]).result is Result.FAILED
    # A client that had been accepted, and left without a word.
    outcome = judge([*BEFORE, TICKET, stream_ended(CLIENT), TICKET, stream_ended(SERVER)])
    assert (outcome.result, outcome.by) == (Result.FAILED, CLIENT)


def test_the_echo_of_a_half_close_is_no_refusal() -> None:
    for description in AT_AN_END - {AlertDescription.HANDSHAKE_FAILURE}:
        echo = alert(SERVER, description)
        outcome = judge([*BEFORE, stream_ended(CLIENT), echo, stream_ended(SERVER)])
        assert (outcome.result, outcome.by, outcome.echoes) == (Result.FAILED, CLIENT, (echo,))
    failure = alert(SERVER, AlertDescription.HANDSHAKE_FAILURE)
    for sent, is_one in (
        ([*TLS13], True),
        (BEFORE, False),
        ([client_hello(), change_cipher_spec(CLIENT)], True),
    ):
        outcome = judge([*sent, stream_ended(CLIENT), failure])
        assert (outcome.result is Result.FAILED) is is_one
    assert is_echo(alert(CLIENT, AlertDescription.UNKNOWN_CA), completed=True)


def test_a_client_that_only_left_after_its_flight_is_said_to_have_heard_no_verdict() -> None:
    _, causes = outcome_and_causes([*BEFORE, stream_ended(CLIENT), stream_ended(SERVER)])
    assert [cause.code for cause in causes] == ["no-verdict"]
    _, causes = outcome_and_causes([*TLS13, stream_ended(CLIENT), stream_ended(SERVER)])
    assert [cause.code for cause in causes] == ["client-left"]


def test_data_before_the_clients_flight_is_no_acceptance() -> None:
    """In TLS 1.3 a server may send some before it has judged the client's certificate."""
    early = [*TLS13, application_data(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")]
    refusal = alert(SERVER, AlertDescription.UNKNOWN_CA)
    outcome = judge([*early, EMPTY_CERTIFICATE, finished(CLIENT), refusal])
    assert (outcome.result, outcome.alert) == (Result.REJECTED, refusal)
    outcome = judge([*early, EMPTY_CERTIFICATE, finished(CLIENT), TICKET])
    assert (outcome.result, outcome.http_status) == (Result.ACCEPTED, 200)


def test_an_alert_about_the_certificate_refuses_the_client_even_after_the_handshake() -> None:
    """Some servers judge it only then: they have sent tickets, or their ChangeCipherSpec."""
    for description in AlertDescription:
        if description in (BYE, AlertDescription.USER_CANCELED):
            continue
        late = replace(alert(SERVER, description), encrypted=True)
        outcome = judge([*BEFORE, TICKET, late])
        refused = description in REFUSALS
        assert outcome.result is (Result.REJECTED if refused else Result.FAILED)
        assert outcome.handshake_accepted
        by_client = judge([*BEFORE, TICKET, replace(late, endpoint=CLIENT)])
        assert by_client.result is Result.FAILED
    late = alert(SERVER, AlertDescription.ACCESS_DENIED, AlertLevel.FATAL)
    ok = application_data(SERVER, b"HTTP/1.1 200 OK\r\n")
    assert isinstance(late, AlertSeen)
    assert judge([*BEFORE, TICKET, ok, late]).result is Result.ACCEPTED


def test_a_certificate_that_was_asked_for_later_is_refused_even_behind_data() -> None:
    """The server may send data between its request and its judgement (RFC 9846 section 4.7.2)."""
    data = application_data(SERVER, b"please wait")
    presented = [certificate_message(CLIENT, client_chain()), finished(CLIENT)]
    events = [*BEFORE, TICKET, REQUEST, data, *presented]
    for description in AlertDescription:
        if description in (BYE, AlertDescription.USER_CANCELED):
            continue
        late = replace(alert(SERVER, description), encrypted=True)
        assert isinstance(late, AlertSeen)
        outcome = judge([*events, late, stream_ended(SERVER, StreamEnd.RESET)])
        refused = description in REFUSALS
        assert outcome.result is (Result.REJECTED if refused else Result.ACCEPTED)
        assert outcome.alert == (late if refused else None)
        by_client = judge([*events, replace(late, endpoint=CLIENT)])
        assert by_client.result is Result.ACCEPTED


def test_an_orderly_end_where_a_part_is_missing() -> None:
    bye = alert(SERVER, BYE, AlertLevel.WARNING)
    assert judge([*BEFORE, bye, stream_ended(SERVER)]).result is Result.ACCEPTED
    for gone in Endpoint:
        outcome = judge([*BEFORE, missing(gone), bye, stream_ended(SERVER)])
        assert (outcome.result, outcome.handshake_accepted) == (Result.UNKNOWN, True)


def test_what_is_missing_before_the_server_accepted_makes_no_difference() -> None:
    refused = application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")
    gap = missing(SERVER)
    outcome = judge([*BEFORE, gap, TICKET, refused])
    assert (outcome.result, outcome.http_status, outcome.ground) == (Result.REJECTED, 403, "")
    outcome = judge([*BEFORE, gap, TICKET, stream_ended(SERVER)])
    assert (outcome.result, outcome.by) == (Result.FAILED, SERVER)
    # Later it does, and so does what the client sent, and a direction as a whole.
    for events in (
        [*BEFORE, TICKET, gap],
        [*BEFORE, gap, TICKET, gap],
        [*BEFORE, missing(CLIENT), TICKET],
        [*BEFORE, missing(SERVER, Gap.DIRECTION), TICKET],
    ):
        outcome = judge([*events, stream_ended(SERVER)])
        assert (outcome.result, outcome.handshake_accepted) == (Result.UNKNOWN, True)
    # The beginning is no part of what followed.
    start = missing(CLIENT, Gap.START)
    outcome = judge([start, *BEFORE, TICKET, stream_ended(SERVER)])
    assert outcome.result is Result.FAILED
