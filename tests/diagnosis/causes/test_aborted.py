"""Causes of failed connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
)
from lab.tls.events import (
    Endpoint,
    Event,
    Fact,
    LeftOut,
    Malformed,
    NotTls,
    Part,
    Protocol,
    StreamEnd,
    Undecoded,
)
from tests.support.events import (
    CLIENT,
    EMPTY_CERTIFICATE,
    HELLO_REQUEST,
    SEALED,
    SERVER,
    TICKET,
    TIMED_OUT,
    TLS13,
    alert,
    change_cipher_spec,
    client_hello,
    fact,
    finished,
    outcome_and_causes,
    server_hello,
    stream_ended,
    unfinished,
)


@pytest.mark.parametrize(
    ("events", "code", "evidence"),
    [
        ([client_hello(), TIMED_OUT], "silence", "no answer to ClientHello"),
        ([TIMED_OUT], "silence", "no message arrived"),
        (
            [*TLS13, TIMED_OUT, unfinished(CLIENT, 3, None)],
            "silence",
            "nothing arrived after the server's Finished",
        ),
        (
            [
                client_hello(),
                alert(SERVER, AlertDescription.UNRECOGNIZED_NAME, AlertLevel.WARNING),
                TIMED_OUT,
            ],
            "silence",
            "nothing arrived after the server's alert unrecognized_name",
        ),
        (
            [client_hello(), TIMED_OUT, unfinished(SERVER, 10, 16389)],
            "unfinished",
            "10 bytes of the record arrived, of 16389",
        ),
        (
            [client_hello(), TIMED_OUT, unfinished(SERVER, 3, None)],
            "unfinished",
            "3 bytes of the record arrived, the header incomplete",
        ),
        (
            [client_hello(), TIMED_OUT, unfinished(SERVER, 80, 600, Part.MESSAGE)],
            "unfinished",
            "80 bytes of the handshake message arrived, of 600",
        ),
        (
            [client_hello(), *[HELLO_REQUEST] * 101, TIMED_OUT, unfinished(SERVER, 10, 16389)],
            "endless-handshake",
            "messages and records from the server: 101, the last HelloRequest",
        ),
        (
            [
                *[client_hello(), HELLO_REQUEST],
                *[LeftOut(time=0.0, endpoint=SERVER, count=81918, octets=327672), TIMED_OUT],
            ],
            "endless-handshake",
            "messages and records from the server: 81919, the last HelloRequest",
        ),
        (
            [client_hello(), replace(HELLO_REQUEST, out_of_order=True), TIMED_OUT],
            "endless-handshake",
            "messages and records from the server: 1, the last HelloRequest",
        ),
    ],
)
def test_silence_slowness_and_a_flood_are_told_apart(
    events: list[Event], code: str, evidence: str
) -> None:
    outcome, causes = outcome_and_causes(events)
    assert outcome.result is Result.FAILED
    assert (outcome.by, outcome.signal) == (SERVER, Signal.TIME_OUT)
    assert outcome.exception == "no complete handshake"
    assert (causes[0].code, causes[0].evidence) == (code, (evidence,))


def test_no_tls() -> None:
    alien = NotTls(time=0.0, endpoint=SERVER, protocol=Protocol.HTTP, sample=b"HTTP/1.1 400\r\n")
    outcome, causes = outcome_and_causes([client_hello(), alien])
    assert (outcome.result, outcome.signal) == (Result.FAILED, Signal.NOT_TLS)
    assert causes[0].evidence == (r'its first bytes are "HTTP/1.1 400\r\n"',)


@pytest.mark.parametrize(
    ("protocol", "but"),
    [
        (Protocol.HTTP, "they look like plain HTTP"),
        (Protocol.SMTP_OR_FTP, "they look like SMTP or FTP"),
        (Protocol.SSLV2, "they look like an SSLv2-style hello"),
        (Protocol.UNKNOWN, "the protocol is not recognized"),
    ],
)
def test_no_tls_is_a_sentence_for_every_protocol(protocol: Protocol, but: str) -> None:
    alien = NotTls(time=0.0, endpoint=SERVER, protocol=protocol, sample=b"xxxxx")
    _, causes = outcome_and_causes([client_hello(), alien])
    assert causes[0].summary == f"the server's first bytes are not TLS: {but}"
    assert ("SSL 2" in causes[0].fix) is (protocol is Protocol.SSLV2)


def test_nothing_at_all() -> None:
    outcome, causes = outcome_and_causes([stream_ended(SERVER)])
    assert outcome.result is Result.FAILED
    assert [cause.code for cause in causes] == ["closed-at-once"]


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (SEALED, "undecrypted record"),
        (change_cipher_spec(SERVER), "ChangeCipherSpec"),
        (alert(SERVER, AlertDescription.USER_CANCELED), "alert user_canceled"),
        (
            Undecoded(time=0.0, endpoint=SERVER, records=(), where="stream", limit="too many"),
            "the rest, not decoded here",
        ),
        (LeftOut(time=0.0, endpoint=SERVER, count=1, octets=9), "ServerHello"),
    ],
)
def test_the_last_that_arrived_before_silence(last: Event, words: str) -> None:
    _, causes = outcome_and_causes([client_hello(), server_hello(), last, TIMED_OUT])
    assert causes[0].code == "silence"
    assert causes[0].evidence == (f"nothing arrived after the server's {words}",)


def test_who_was_silent_is_the_other_end_of_the_one_that_waited() -> None:
    waited = fact(SERVER, Fact.TIMED_OUT)
    for events in ([client_hello(), waited], [waited]):
        _, causes = outcome_and_causes(events)
        assert causes[0].summary == "timed out waiting for the client"
    assert outcome_and_causes([client_hello(), waited])[1][0].evidence == (
        "nothing arrived after the client's ClientHello",
    )
    assert outcome_and_causes([server_hello(), waited])[1][0].evidence == ("no message arrived",)


@pytest.mark.parametrize(("number", "code"), [(100, "silence"), (101, "endless-handshake")])
def test_more_than_a_hundred_is_more_than_a_handshake_has(number: int, code: str) -> None:
    _, causes = outcome_and_causes([client_hello(), *[HELLO_REQUEST] * number, TIMED_OUT])
    assert causes[0].code == code
    left_out = LeftOut(time=0.0, endpoint=SERVER, count=number - 1, octets=9)
    _, causes = outcome_and_causes([client_hello(), HELLO_REQUEST, left_out, TIMED_OUT])
    assert causes[0].code == code


def test_what_the_waiting_end_sent_itself_is_no_flood() -> None:
    _, causes = outcome_and_causes([*[client_hello()] * 200, TIMED_OUT, *[HELLO_REQUEST] * 200])
    assert causes[0].code == "silence"


def test_what_was_begun_counts_if_it_was_told_when_the_waiting_was_over() -> None:
    assert (
        outcome_and_causes([client_hello(), unfinished(SERVER, 3, None), TIMED_OUT])[1][0].code
        == "silence"
    )
    # Another end than the one that was waited for, or another reason to wait no longer.
    assert (
        outcome_and_causes([client_hello(), TIMED_OUT, unfinished(CLIENT, 3, 9)])[1][0].code
        == "silence"
    )


def test_malformed_bytes() -> None:
    broken = Malformed(
        time=0.0, endpoint=SERVER, offset=7, where="ServerHello.random", problem="3 bytes"
    )
    _, causes = outcome_and_causes([client_hello(), broken])
    assert causes[0].summary == "the server sent malformed data"
    assert causes[0].evidence == ("ServerHello.random, at byte 7: 3 bytes",)


PASSED_OVER = Undecoded(
    time=0.0, endpoint=CLIENT, records=(), where="stream", limit="more than 9 records"
)


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([PASSED_OVER], "not-decoded"),
        ([client_hello(), PASSED_OVER, stream_ended(CLIENT)], "not-decoded"),
        ([client_hello(), server_hello(), PASSED_OVER], "not-decoded"),
        ([client_hello(), server_hello(), PASSED_OVER, stream_ended(CLIENT)], "client-left"),
    ],
)
def test_a_limit_of_ours_is_said_to_be_one(events: list[Event], code: str) -> None:
    _, causes = outcome_and_causes(events)
    assert causes[0].code == code
    if code == "not-decoded":
        assert causes[0].evidence == (
            "the rest of what the client sent: stream: more than 9 records",
        )
        assert "cannot be told" in causes[0].summary


@pytest.mark.parametrize(
    "events", [[], [client_hello()], [client_hello(), server_hello()], TLS13, [SEALED]]
)
def test_a_connection_that_was_not_seen_to_end_is_not_explained(events: list[Event]) -> None:
    outcome, causes = outcome_and_causes(events)
    assert (outcome.result, outcome.by) == (Result.FAILED, None)
    assert [cause.code for cause in causes] == ["unknown"]
    assert causes[0].summary.startswith("inconclusive: ")
    assert causes[0].evidence == ("no end of the connection was observed",)


@pytest.mark.parametrize("seen", [client_hello(), SEALED])
def test_a_client_that_left_had_sent_something(seen: Event) -> None:
    assert [cause.code for cause in outcome_and_causes([seen, stream_ended(CLIENT)])[1]] == [
        "client-left"
    ]
    assert [cause.code for cause in outcome_and_causes([stream_ended(CLIENT)])[1]] == [
        "closed-at-once"
    ]
    _, causes = outcome_and_causes([stream_ended(CLIENT)])
    assert causes[0].summary == "the client closed the connection before any TLS message"
    assert causes[0].evidence == (
        "the TCP connection was established, and ended without a TLS record from the other end",
    )


def test_a_client_that_says_goodbye_has_heard_no_verdict() -> None:
    bye = alert(CLIENT, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)
    _, causes = outcome_and_causes(
        [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), bye, stream_ended(CLIENT)]
    )
    assert [cause.code for cause in causes] == ["no-verdict"]
    assert causes[0].evidence == (
        "the server sent no application data, no session ticket and no alert",
    )


@pytest.mark.parametrize(
    ("last", "words", "whose"),
    [
        (
            stream_ended(CLIENT, StreamEnd.RESET),
            "then came RST, without a response or close_notify",
            "client",
        ),
        (
            alert(SERVER, AlertDescription.INTERNAL_ERROR),
            "then came the alert internal_error (80), without a response or close_notify",
            "server",
        ),
    ],
)
def test_what_broke_the_connection_after_acceptance(last: Event, words: str, whose: str) -> None:
    _, causes = outcome_and_causes([*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), TICKET, last])
    assert [cause.code for cause in causes] == ["broken-off-afterwards"]
    assert causes[0].summary.endswith(f"the {whose} aborted the connection afterwards")
    assert causes[0].evidence[1] == words
    assert causes[0].fix.startswith(f"read the log of the {whose}")


def test_a_time_out_after_acceptance_is_a_time_out() -> None:
    _, causes = outcome_and_causes([*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), TICKET, TIMED_OUT])
    assert causes[0].code == "silence"


@pytest.mark.parametrize("sender", list(Endpoint))
def test_only_32_bytes_of_what_is_no_tls_are_shown(sender: Endpoint) -> None:
    alien = NotTls(time=0.0, endpoint=sender, protocol=Protocol.UNKNOWN, sample=b"x" * 64)
    _, causes = outcome_and_causes([alien])
    assert causes[0].evidence == (f'its first bytes are "{"x" * 32}"',)
    assert causes[0].summary.startswith(f"the {sender.value}'s first bytes")


def test_what_an_end_reports_of_itself_is_nothing_that_it_sent() -> None:
    reports = [fact(end, Fact.CONNECTED) for end in Endpoint]
    _, causes = outcome_and_causes([*reports, client_hello(), *reports, TIMED_OUT])
    assert causes[0].evidence == ("no answer to ClientHello",)
    _, causes = outcome_and_causes([*reports, client_hello(), server_hello(), TIMED_OUT])
    assert causes[0].evidence == ("nothing arrived after the server's ServerHello",)
