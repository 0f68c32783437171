"""How a connection ended: hand-made connections, each with one turn of its own."""

from __future__ import annotations

import pytest

from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    ContentType,
    ProtocolVersion,
)
from lab.tls.events import (
    Fact,
    Malformed,
    SealedSeen,
    StreamEnd,
)
from tests.support.events import (
    CLIENT,
    EMPTY,
    REQUEST,
    RETURNED,
    SERVER,
    TICKET,
    TLS13,
    alert,
    answer,
    both,
    chain,
    change,
    data,
    ended,
    fact,
    finished,
    hello,
)


def test_an_alert_after_the_client_believed() -> None:
    refusal = alert(SERVER, AlertDescription.CERTIFICATE_REQUIRED)
    events = [*TLS13, EMPTY, finished(CLIENT), RETURNED, refusal, ended(SERVER)]
    outcome, causes = both(events)
    assert (outcome.result, outcome.by, outcome.signal) == (
        Result.REJECTED,
        SERVER,
        Signal.ALERT,
    )
    assert outcome.alert is refusal
    assert outcome.after == "Finished"
    assert outcome.client_handshake_returned is True
    assert outcome.server_handshake_returned is None
    assert causes[0].code == "no-client-certificate"


def test_an_echo_is_not_a_refusal() -> None:
    """A bare end, and then the decode_error that OpenSSL writes about it (to nobody)."""
    echo = alert(CLIENT, AlertDescription.DECODE_ERROR)
    outcome, causes = both([*TLS13, EMPTY, finished(CLIENT), ended(SERVER), echo])
    assert (outcome.result, outcome.by, outcome.signal) == (Result.REJECTED, SERVER, Signal.FIN)
    assert outcome.alert is None
    assert outcome.echoes == (echo,)
    assert [cause.code for cause in causes][:2] == [
        "no-client-certificate",
        "no-fitting-client-certificate",
    ]
    assert "refused-without-alert" in [cause.code for cause in causes]


def test_a_reset_and_the_alert_that_it_overtook() -> None:
    refusal = alert(SERVER, AlertDescription.CERTIFICATE_REQUIRED)
    reset = ended(SERVER, StreamEnd.RESET)
    outcome, _ = both([*TLS13, EMPTY, finished(CLIENT), reset, refusal])
    assert (outcome.signal, outcome.alert) == (Signal.ALERT, refusal)
    assert outcome.echoes == ()


@pytest.mark.parametrize("level", list(AlertLevel))
def test_user_canceled_on_a_good_connection_is_no_refusal(level: AlertLevel) -> None:
    warning = alert(SERVER, AlertDescription.USER_CANCELED, level)
    bye = alert(SERVER, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)
    ok = data(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    events = [*TLS13, chain(CLIENT, b"x"), finished(CLIENT), RETURNED, ok, warning, bye]
    outcome, causes = both([*events, ended(SERVER)])
    assert outcome.result is Result.ACCEPTED
    assert outcome.warnings == (warning,)
    assert [cause.code for cause in causes] == ["mutual-tls"]


def test_a_warning_of_tls12_ends_nothing() -> None:
    warning = alert(SERVER, AlertDescription.UNRECOGNIZED_NAME, AlertLevel.WARNING)
    events = [hello(), answer(ProtocolVersion.TLS_1_2), warning, change(CLIENT), change(SERVER)]
    outcome, _ = both(events)
    assert outcome.result is Result.ACCEPTED
    assert outcome.warnings == (warning,)


def test_a_ticket_after_the_clients_finished_is_acceptance() -> None:
    accepted = [*TLS13, chain(CLIENT, b"x"), finished(CLIENT), RETURNED]
    assert judge([*accepted, TICKET]).result is Result.ACCEPTED
    # Without a word of the server, nothing is known.
    bye = alert(CLIENT, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)
    outcome, causes = both([*accepted, bye, ended(CLIENT)])
    assert outcome.result is Result.FAILED
    assert [cause.code for cause in causes] == ["no-verdict"]


def test_a_silent_goodbye_instead_of_a_verdict_is_a_refusal() -> None:
    bye = alert(SERVER, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)
    outcome = judge([*TLS13, chain(CLIENT, b"x"), finished(CLIENT), RETURNED, bye, ended(SERVER)])
    assert (outcome.result, outcome.by) == (Result.REJECTED, SERVER)
    assert outcome.signal is Signal.CLOSE_NOTIFY


def test_the_servers_own_view() -> None:
    refused = fact(SERVER, Fact.CERTIFICATE_REFUSED, "certificate has expired", 10)
    failed = fact(SERVER, Fact.HANDSHAKE_FAILED)
    refusal = alert(SERVER, AlertDescription.CERTIFICATE_EXPIRED)
    outcome, causes = both(
        [*TLS13, chain(CLIENT, b"x"), finished(CLIENT), RETURNED, refused, failed, refusal]
    )
    assert outcome.server_handshake_returned is False
    assert causes[0].code == "client-certificate-expired"
    assert "certificate has expired (verify code 10)" in causes[0].evidence[0]


def test_malformed_counts_only_where_nothing_else_does() -> None:
    broken = Malformed(time=0.0, endpoint=SERVER, offset=0, where="ServerHello", problem="short")
    outcome, causes = both([hello(), broken])
    assert (outcome.result, outcome.by, outcome.signal) == (
        Result.FAILED,
        SERVER,
        Signal.MALFORMED,
    )
    assert causes[0].code == "malformed"
    refusal = alert(CLIENT, AlertDescription.DECODE_ERROR)
    assert judge([hello(), broken, refusal]).alert is refusal


def test_what_stayed_sealed() -> None:
    sealed = SealedSeen(
        time=0.0,
        endpoint=CLIENT,
        records=(),
        encrypted=True,
        content_type=ContentType.APPLICATION_DATA,
        length=99,
    )
    refusal = alert(SERVER, AlertDescription.BAD_CERTIFICATE)
    outcome, causes = both([hello(), answer(), sealed, refusal])
    assert outcome.sealed
    assert outcome.after == "an encrypted record of 99 bytes"
    assert [cause.code for cause in causes] == ["refused-in-handshake"]


def test_a_ticket_before_the_clients_finished_is_no_acceptance() -> None:
    """RFC 9846 section 4.7.1 lets a server send tickets early where it waits for nothing."""
    early = [*TLS13, TICKET, EMPTY, finished(CLIENT), RETURNED]
    outcome = judge([*early, ended(SERVER)])
    assert (outcome.result, outcome.by) == (Result.REJECTED, SERVER)


def test_the_empty_gesture_of_tls13_is_no_acceptance() -> None:
    """Both ends' ChangeCipherSpec mean something in TLS 1.2 only."""
    events = [hello(), answer(), change(SERVER), REQUEST, finished(SERVER), change(CLIENT), EMPTY]
    outcome = judge([*events, finished(CLIENT), ended(SERVER)])
    assert (outcome.result, outcome.by) == (Result.REJECTED, SERVER)


def test_the_level_of_an_alert_counts_in_tls12_only() -> None:
    warning = alert(SERVER, AlertDescription.CERTIFICATE_REQUIRED, AlertLevel.WARNING)
    outcome = judge([*TLS13, EMPTY, finished(CLIENT), RETURNED, warning, ended(SERVER)])
    assert (outcome.signal, outcome.alert) == (Signal.ALERT, warning)


def test_an_alert_after_acceptance_is_no_refusal() -> None:
    broken = alert(SERVER, AlertDescription.INTERNAL_ERROR)
    accepted = [*TLS13, chain(CLIENT, b"x"), finished(CLIENT), RETURNED, TICKET]
    outcome, causes = both([*accepted, broken])
    assert outcome.result is Result.FAILED
    assert [cause.code for cause in causes] == ["broken-off-afterwards"]
    assert "internal_error (80)" in " ".join(causes[0].evidence)
    # Unless a certificate was asked for once more.
    outcome, causes = both([*accepted, REQUEST, chain(CLIENT, b"x"), broken])
    assert outcome.result is Result.REJECTED


def test_whoever_says_goodbye_first_ended_it() -> None:
    goodbye = [
        alert(each, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING) for each in (SERVER, CLIENT)
    ]
    before = [*TLS13, chain(CLIENT, b"x"), finished(CLIENT), RETURNED]
    outcome = judge([*before, *goodbye, ended(CLIENT), ended(SERVER)])
    assert (outcome.by, outcome.signal) == (SERVER, Signal.CLOSE_NOTIFY)
    accepted = judge([*before, TICKET, *goodbye, ended(CLIENT), ended(SERVER)])
    assert (accepted.result, accepted.by) == (Result.ACCEPTED, None)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"H", b"TTP/1.1 4", b"03 Forbidden\r\n\r\n"],
        [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", b"HTTP/1.1 403 Forbidden\r\n\r\n"],
    ],
    ids=["in pieces", "after an informational one"],
)
def test_the_answer_may_come_in_pieces(pieces: list[bytes]) -> None:
    answered = [data(SERVER, piece) for piece in pieces]
    outcome = judge([*TLS13, EMPTY, finished(CLIENT), RETURNED, *answered])
    assert (outcome.result, outcome.http_status) == (Result.REJECTED, 403)


def test_the_first_failure_is_the_exception() -> None:
    first = fact(CLIENT, Fact.WRITE_FAILED, "Broken pipe")
    second = fact(CLIENT, Fact.READ_FAILED, "Connection reset")
    assert judge([*TLS13, EMPTY, first, second]).exception == "Broken pipe"
    server = fact(SERVER, Fact.HANDSHAKE_FAILED, "no certificate")
    assert judge([*TLS13, EMPTY, server, second]).exception == "Connection reset"
    assert judge([*TLS13, EMPTY, server]).exception == "no certificate"
