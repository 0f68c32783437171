"""How a connection ended: hand-made connections, each with one turn of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.outcome import judge
from lab.diagnosis.outcome_wording import what_was_seen
from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    ContentType,
    HandshakeType,
    ProtocolVersion,
)
from lab.tls.events import (
    Endpoint,
    Event,
    Fact,
    LeftOut,
    Malformed,
    Part,
    SealedSeen,
    StreamEnd,
    Undecoded,
    Unfinished,
)
from tests.support.events import (
    CLIENT,
    EMPTY_CERTIFICATE,
    HELLO_REQUEST,
    REQUEST,
    RETURNED,
    SEALED,
    SERVER,
    TICKET,
    TLS13,
    alert,
    application_data,
    certificate_message,
    change_cipher_spec,
    client_chain,
    client_hello,
    fact,
    finished,
    outcome_and_causes,
    server_hello,
    stream_ended,
)


def test_an_alert_after_the_client_believed() -> None:
    refusal = alert(SERVER, AlertDescription.CERTIFICATE_REQUIRED)
    events = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), RETURNED, refusal, stream_ended(SERVER)]
    outcome, causes = outcome_and_causes(events)
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
    outcome, causes = outcome_and_causes(
        [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), stream_ended(SERVER), echo]
    )
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
    reset = stream_ended(SERVER, StreamEnd.RESET)
    outcome, _ = outcome_and_causes([*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), reset, refusal])
    assert (outcome.signal, outcome.alert) == (Signal.ALERT, refusal)
    assert outcome.echoes == ()


@pytest.mark.parametrize("level", list(AlertLevel))
def test_user_canceled_on_a_good_connection_is_no_refusal(level: AlertLevel) -> None:
    warning = alert(SERVER, AlertDescription.USER_CANCELED, level)
    bye = alert(SERVER, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)
    ok = application_data(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    events = [
        *TLS13,
        certificate_message(CLIENT, b"x"),
        finished(CLIENT),
        RETURNED,
        ok,
        warning,
        bye,
    ]
    outcome, causes = outcome_and_causes([*events, stream_ended(SERVER)])
    assert outcome.result is Result.ACCEPTED
    assert outcome.warnings == (warning,)
    assert [cause.code for cause in causes] == ["mutual-tls"]


def test_a_warning_of_tls12_ends_nothing() -> None:
    warning = alert(SERVER, AlertDescription.UNRECOGNIZED_NAME, AlertLevel.WARNING)
    events = [
        client_hello(),
        server_hello(ProtocolVersion.TLS_1_2),
        warning,
        change_cipher_spec(CLIENT),
        change_cipher_spec(SERVER),
    ]
    outcome, _ = outcome_and_causes(events)
    assert outcome.result is Result.ACCEPTED
    assert outcome.warnings == (warning,)


def test_a_ticket_after_the_clients_finished_is_acceptance() -> None:
    accepted = [*TLS13, certificate_message(CLIENT, b"x"), finished(CLIENT), RETURNED]
    assert judge([*accepted, TICKET]).result is Result.ACCEPTED
    # Without a word of the server, nothing is known.
    bye = alert(CLIENT, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)
    outcome, causes = outcome_and_causes([*accepted, bye, stream_ended(CLIENT)])
    assert outcome.result is Result.FAILED
    assert [cause.code for cause in causes] == ["no-verdict"]


def test_an_orderly_end_by_the_server_shows_that_it_accepted_the_client() -> None:
    """Erlang's ends a good session so, without a ticket."""
    bye = alert(SERVER, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)
    before = [*TLS13, certificate_message(CLIENT, b"x")]
    ended = [bye, stream_ended(SERVER)]
    outcome = judge([*before, finished(CLIENT), RETURNED, *ended])
    assert (outcome.result, outcome.by) == (Result.ACCEPTED, None)
    assert outcome.signal is Signal.CLOSE_NOTIFY
    # Where a request was sent, it is no answer.
    outcome = judge([*before, finished(CLIENT), application_data(CLIENT, b"GET"), *ended])
    assert (outcome.result, outcome.by) == (Result.FAILED, SERVER)
    assert outcome.handshake_accepted
    # Before the client's Finished it is none of that.
    outcome = judge([*before, *ended])
    assert (outcome.result, outcome.by) == (Result.REJECTED, SERVER)


def test_a_client_that_leaves_may_still_be_accepted_or_refused() -> None:
    bye = alert(CLIENT, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)
    left = [*TLS13, certificate_message(CLIENT, b"x"), finished(CLIENT), bye, stream_ended(CLIENT)]
    assert judge([*left, stream_ended(SERVER)]).result is Result.FAILED
    assert judge(left).by is CLIENT
    assert judge([*left, TICKET, stream_ended(SERVER)]).result is Result.ACCEPTED
    refused = judge([*left, alert(SERVER, AlertDescription.UNKNOWN_CA), stream_ended(SERVER)])
    assert (refused.result, refused.by) == (Result.REJECTED, SERVER)
    assert refused.alert is not None


def test_the_servers_own_view() -> None:
    refused = fact(SERVER, Fact.CERTIFICATE_REFUSED, "certificate has expired", 10)
    failed = fact(SERVER, Fact.HANDSHAKE_FAILED)
    refusal = alert(SERVER, AlertDescription.CERTIFICATE_EXPIRED)
    outcome, causes = outcome_and_causes(
        [
            *TLS13,
            certificate_message(CLIENT, b"x"),
            finished(CLIENT),
            RETURNED,
            refused,
            failed,
            refusal,
        ]
    )
    assert outcome.server_handshake_returned is False
    assert causes[0].code == "client-certificate-expired"
    assert "certificate has expired (verify code 10)" in causes[0].evidence[0]


def test_malformed_counts_only_where_nothing_else_does() -> None:
    broken = Malformed(time=0.0, endpoint=SERVER, offset=0, where="ServerHello", problem="short")
    outcome, causes = outcome_and_causes([client_hello(), broken])
    assert (outcome.result, outcome.by, outcome.signal) == (
        Result.FAILED,
        SERVER,
        Signal.MALFORMED,
    )
    assert causes[0].code == "malformed"
    refusal = alert(CLIENT, AlertDescription.DECODE_ERROR)
    assert judge([client_hello(), broken, refusal]).alert is refusal


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
    outcome, causes = outcome_and_causes([client_hello(), server_hello(), sealed, refusal])
    assert outcome.sealed
    assert outcome.after == "an encrypted record of 99 bytes"
    assert [cause.code for cause in causes] == ["refused-in-handshake"]


def test_a_ticket_before_the_clients_finished_is_no_acceptance() -> None:
    """RFC 9846 section 4.7.1 lets a server send tickets early where it waits for nothing."""
    early = [*TLS13, TICKET, EMPTY_CERTIFICATE, finished(CLIENT), RETURNED]
    outcome = judge([*early, stream_ended(SERVER)])
    assert (outcome.result, outcome.by) == (Result.REJECTED, SERVER)


def test_the_empty_gesture_of_tls13_is_no_acceptance() -> None:
    """Both ends' ChangeCipherSpec mean something in TLS 1.2 only."""
    events = [
        client_hello(),
        server_hello(),
        change_cipher_spec(SERVER),
        REQUEST,
        finished(SERVER),
        change_cipher_spec(CLIENT),
        EMPTY_CERTIFICATE,
    ]
    outcome = judge([*events, finished(CLIENT), stream_ended(SERVER)])
    assert (outcome.result, outcome.by) == (Result.REJECTED, SERVER)


def test_the_level_of_an_alert_counts_in_tls12_only() -> None:
    warning = alert(SERVER, AlertDescription.CERTIFICATE_REQUIRED, AlertLevel.WARNING)
    outcome = judge(
        [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), RETURNED, warning, stream_ended(SERVER)]
    )
    assert (outcome.signal, outcome.alert) == (Signal.ALERT, warning)


def test_an_alert_after_acceptance_is_no_refusal() -> None:
    broken = alert(SERVER, AlertDescription.INTERNAL_ERROR)
    accepted = [*TLS13, certificate_message(CLIENT, b"x"), finished(CLIENT), RETURNED, TICKET]
    outcome, causes = outcome_and_causes([*accepted, broken])
    assert outcome.result is Result.FAILED
    assert [cause.code for cause in causes] == ["broken-off-afterwards"]
    assert "internal_error (80)" in " ".join(causes[0].evidence)
    # Unless a certificate was asked for once more.
    outcome, causes = outcome_and_causes(
        [*accepted, REQUEST, certificate_message(CLIENT, b"x"), broken]
    )
    assert outcome.result is Result.REJECTED


def test_whoever_says_goodbye_first_ended_it() -> None:
    goodbye = [
        alert(each, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING) for each in (SERVER, CLIENT)
    ]
    before = [*TLS13, certificate_message(CLIENT, b"x"), finished(CLIENT), RETURNED]
    outcome = judge([*before, *goodbye, stream_ended(CLIENT), stream_ended(SERVER)])
    assert (outcome.result, outcome.signal) == (Result.ACCEPTED, Signal.CLOSE_NOTIFY)
    assert outcome.decided_by == goodbye[0]
    accepted = judge([*before, TICKET, *goodbye, stream_ended(CLIENT), stream_ended(SERVER)])
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
    answered = [application_data(SERVER, piece) for piece in pieces]
    outcome = judge([*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), RETURNED, *answered])
    assert (outcome.result, outcome.http_status) == (Result.REJECTED, 403)


def test_the_first_failure_is_the_exception() -> None:
    first = fact(CLIENT, Fact.WRITE_FAILED, "Broken pipe")
    second = fact(CLIENT, Fact.READ_FAILED, "Connection reset")
    assert judge([*TLS13, EMPTY_CERTIFICATE, first, second]).exception == "Broken pipe"
    server = fact(SERVER, Fact.HANDSHAKE_FAILED, "no certificate")
    assert judge([*TLS13, EMPTY_CERTIFICATE, server, second]).exception == "Connection reset"
    assert judge([*TLS13, EMPTY_CERTIFICATE, server]).exception == "no certificate"


SERVER_RETURNED = fact(SERVER, Fact.HANDSHAKE_RETURNED)
REFUSED = fact(SERVER, Fact.CERTIFICATE_REFUSED, "certificate has expired", 10)


@pytest.mark.parametrize("end", list(StreamEnd))
def test_a_client_that_leaves_in_mid_handshake_has_rejected_nobody(end: StreamEnd) -> None:
    """A port scanner, a health check, a crash: what it means is not known."""
    left = stream_ended(CLIENT, end)
    outcome, causes = outcome_and_causes([*TLS13, left])
    assert (outcome.result, outcome.by) == (Result.FAILED, CLIENT)
    assert outcome.signal is {StreamEnd.FIN: Signal.FIN, StreamEnd.RESET: Signal.RST}[end]
    assert outcome.decided_by is left
    assert outcome.after == "Finished"
    assert [cause.code for cause in causes] == ["client-left"]
    assert causes[0].evidence == (
        f"the client ended the connection with {end.value} and no alert after the server's "
        "Finished",
        "the server had requested a certificate",
    )
    assert causes[0].summary.startswith("the client left before presenting a certificate")


@pytest.mark.parametrize("which", [Fact.CERTIFICATE_REFUSED, Fact.HANDSHAKE_FAILED])
@pytest.mark.parametrize("by", list(Endpoint))
def test_an_end_that_says_so_has_rejected_the_other_even_without_an_alert(
    by: Endpoint, which: Fact
) -> None:
    outcome = judge([*TLS13, fact(by, Fact.CONNECTED), fact(by, which), stream_ended(by)])
    assert (outcome.result, outcome.by, outcome.signal) == (Result.REJECTED, by, Signal.FIN)
    # The other end's word about itself says nothing of this one.
    watched = fact(by, Fact.CONNECTED)
    outcome = judge([*TLS13, watched, fact(by.other, which), stream_ended(by)])
    assert (outcome.result, outcome.by) == (Result.FAILED, by)


def test_a_watched_server_that_stops_has_rejected_nobody() -> None:
    outcome, causes = outcome_and_causes(
        [fact(SERVER, Fact.CONNECTED), client_hello(), stream_ended(SERVER)]
    )
    assert (outcome.result, outcome.by, outcome.signal) == (Result.FAILED, SERVER, Signal.FIN)
    assert [cause.code for cause in causes] == ["server-left"]


@pytest.mark.parametrize("end", list(StreamEnd))
def test_a_server_that_leaves_at_the_hello_may_not_speak_tls(end: StreamEnd) -> None:
    outcome, causes = outcome_and_causes([client_hello(), stream_ended(SERVER, end)])
    assert (outcome.result, outcome.by, outcome.hung_up_on_hello) == (Result.FAILED, SERVER, True)
    assert causes[0].summary.endswith("whether it speaks TLS there cannot be told")
    # A warning is a word of TLS, and so is any message.
    warning = alert(SERVER, AlertDescription.UNRECOGNIZED_NAME, AlertLevel.WARNING)
    outcome = judge([client_hello(), warning, stream_ended(SERVER, end)])
    assert (outcome.result, outcome.hung_up_on_hello) == (Result.REJECTED, False)
    outcome = judge([*TLS13, stream_ended(SERVER, end)])
    assert (outcome.result, outcome.hung_up_on_hello) == (Result.REJECTED, False)


def test_a_server_that_ends_the_connection_when_it_has_asked_again_rejects_the_client() -> None:
    accepted = [*TLS13, certificate_message(CLIENT, b"x"), finished(CLIENT), SERVER_RETURNED]
    for more, result in (([], Result.FAILED), ([REQUEST], Result.REJECTED)):
        outcome = judge([*accepted, *more, stream_ended(SERVER)])
        assert (outcome.result, outcome.by) == (result, SERVER)
    # What was asked in the handshake itself was answered in it.
    assert judge([*accepted, REQUEST, stream_ended(CLIENT)]).result is Result.FAILED


def test_a_rejection_whose_alert_stayed_sealed() -> None:
    """The server's own report is all there is."""
    events = [
        *TLS13,
        certificate_message(CLIENT, client_chain()),
        finished(CLIENT),
        REFUSED,
        SEALED,
    ]
    outcome, causes = outcome_and_causes(events)
    assert (outcome.result, outcome.by, outcome.signal) == (Result.REJECTED, SERVER, None)
    assert outcome.decided_by is REFUSED
    assert outcome.after == "Finished"
    assert causes[0].code == "client-certificate-expired"
    assert causes[0].evidence[-1] == (
        "the server reported that it rejected the client's certificate after the client's Finished"
    )
    # Acceptance afterwards would be a new handshake's; malformed bytes decide less.
    broken = Malformed(time=0.0, endpoint=SERVER, offset=0, where="ServerHello", problem="short")
    assert judge([client_hello(), broken, REFUSED]).decided_by is REFUSED


def test_a_rejection_that_is_only_reported_is_not_called_silent() -> None:
    for sent in ([EMPTY_CERTIFICATE], []):
        _, causes = outcome_and_causes([*TLS13, *sent, REFUSED])
        assert "refused-without-alert" not in [cause.code for cause in causes]


def test_an_alert_is_read_by_the_version_that_was_known_when_it_came() -> None:
    """A warning to which the other end pays no heed, before TLS 1.3 was agreed on."""
    warning = alert(SERVER, AlertDescription.UNRECOGNIZED_NAME, AlertLevel.WARNING)
    outcome = judge(
        [client_hello(), warning, server_hello(), REQUEST, finished(SERVER), stream_ended(CLIENT)]
    )
    assert (outcome.by, outcome.signal) == (CLIENT, Signal.FIN)
    assert outcome.warnings == (warning,)


def test_the_event_that_decided() -> None:
    answered = [
        application_data(SERVER, b"HTTP/1.1 "),
        application_data(SERVER, b"403 Forbidden\r\n"),
        application_data(SERVER, b"x"),
    ]
    before = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT)]
    outcome = judge([*before, *answered])
    assert outcome.decided_by is answered[1]
    assert outcome.after == "Finished"
    fine = application_data(SERVER, b"HTTP/1.1 200 OK\r\n")
    outcome = judge([*before, fine, application_data(SERVER, b"x")])
    assert outcome.decided_by is fine
    assert outcome.after == ""  # nobody ended it
    assert judge([*before, TICKET, TICKET]).decided_by is TICKET
    assert judge([*before, TICKET, SERVER_RETURNED]).decided_by is TICKET
    bye = alert(SERVER, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)
    assert judge([*before, TICKET, bye, stream_ended(SERVER)]).decided_by is bye
    assert judge(before).decided_by is None


def test_what_was_accepted_before_it_broke() -> None:
    before = [*TLS13, certificate_message(CLIENT, b"x"), finished(CLIENT)]
    assert not judge([*before, stream_ended(SERVER)]).handshake_accepted
    assert judge([*before, TICKET, stream_ended(SERVER)]).handshake_accepted
    assert judge([*before, application_data(SERVER, b"HTTP/1.1 403 No\r\n")]).handshake_accepted
    assert not judge([*before, application_data(CLIENT, b"GET")]).handshake_accepted


def test_nothing_can_have_been_refused_before_a_message_passed() -> None:
    """But an alert says so, even if it comes behind the reset that overtook it."""
    reset, refusal = (
        stream_ended(SERVER, StreamEnd.RESET),
        alert(SERVER, AlertDescription.INTERNAL_ERROR),
    )
    assert judge([reset]).result is Result.FAILED
    outcome = judge([reset, refusal])
    assert (outcome.result, outcome.decided_by) == (Result.REJECTED, refusal)
    # An end that was only closing sends none: another one's alert is an echo.
    other = alert(CLIENT, AlertDescription.INTERNAL_ERROR)
    assert judge([reset, other, refusal]).echoes == (other,)


def test_what_follows_the_decision_changes_nothing() -> None:
    refusal = alert(SERVER, AlertDescription.BAD_CERTIFICATE)
    timed_out = fact(CLIENT, Fact.TIMED_OUT)
    answered = application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n")
    broken = Malformed(time=0.0, endpoint=CLIENT, offset=0, where="x", problem="y")
    for first in (refusal, timed_out, stream_ended(SERVER), answered):
        events = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), first]
        outcome = judge(events)
        later = judge([*events, broken, stream_ended(CLIENT), answered, timed_out])
        assert (later.decided_by, later.result, later.http_status) == (
            first,
            outcome.result,
            outcome.http_status,
        )


def test_what_is_undecoded_is_named_as_far_as_it_is_known() -> None:
    passed_over = Undecoded(
        time=0.0,
        endpoint=CLIENT,
        records=(),
        where="Certificate.certificate_list",
        limit="more than 99 items",
        message=HandshakeType.CERTIFICATE,
    )
    rest = replace(passed_over, where="stream", message=None)
    for undecoded, name in ((passed_over, "Certificate"), (rest, "bytes, not decoded here")):
        outcome = judge([*TLS13, undecoded, stream_ended(SERVER)])
        assert (outcome.result, outcome.after, outcome.sealed) == (Result.REJECTED, name, False)


@pytest.mark.parametrize("inference", ["a Finished", "an alert", "likely nothing", ""])
def test_what_a_sealed_record_can_only_be_is_its_name(inference: str) -> None:
    outcome = judge([replace(SEALED, endpoint=CLIENT, inference=inference), stream_ended(SERVER)])
    named = inference.startswith(("a ", "an "))
    assert outcome.after == (inference if named else "an encrypted record of 99 bytes")
    assert outcome.sealed
    name = inference.split(" ", 1)[1] if named else "encrypted record of 99 bytes"
    assert outcome.after_whose == f"the client's {name}"
    assert what_was_seen(outcome).endswith(f" after the client's {name}")


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ([], False),
        ([CLIENT], False),
        ([SERVER], False),
        ([SERVER, SERVER], False),
        ([CLIENT, SERVER], True),
        ([SERVER, CLIENT], True),
    ],
)
def test_both_ends_change_cipher_spec_is_acceptance_in_tls12(
    changes: list[Endpoint], accepted: bool
) -> None:
    version = ProtocolVersion.TLS_1_2
    outcome = judge(
        [client_hello(version), server_hello(version), *map(change_cipher_spec, changes)]
    )
    assert outcome.handshake_accepted is accepted
    assert not judge(
        [client_hello(), server_hello(), *map(change_cipher_spec, changes)]
    ).handshake_accepted


def test_the_exception_is_a_failures_and_not_what_was_said_of_a_certificate() -> None:
    failed = fact(SERVER, Fact.HANDSHAKE_FAILED, "its words")
    assert judge([*TLS13, REFUSED, failed]).exception == "its words"


def test_a_handshake_call_that_returned_has_returned_for_good() -> None:
    outcome = judge([RETURNED, fact(CLIENT, Fact.READ_FAILED), fact(SERVER, Fact.CONNECTED)])
    assert outcome.client_handshake_returned is True
    assert outcome.server_handshake_returned is False


def test_the_first_alert_decides_and_what_follows_is_an_echo() -> None:
    first, second = (alert(SERVER, AlertDescription(number)) for number in (42, 80))
    outcome = judge([*TLS13, first, second])
    assert (outcome.alert, outcome.echoes) == (first, (second,))
    # Of a connection that ended otherwise, later alerts are not told.
    for last in (
        fact(CLIENT, Fact.TIMED_OUT),
        application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n"),
    ):
        outcome = judge([*TLS13, finished(CLIENT), last, first])
        assert (outcome.decided_by, outcome.echoes) == (last, ())


def test_the_first_report_of_a_rejection_decides() -> None:
    second = fact(CLIENT, Fact.CERTIFICATE_REFUSED)
    assert judge([*TLS13, REFUSED, second]).decided_by is REFUSED


def test_what_comes_after_acceptance_asks_for_nothing_again() -> None:
    accepted = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), TICKET]
    broken = alert(SERVER, AlertDescription.INTERNAL_ERROR)
    for more in (HELLO_REQUEST, finished(SERVER), TICKET):
        assert judge([*accepted, more, broken]).result is Result.FAILED


def test_a_ticket_of_tls12_is_no_acceptance() -> None:
    """There both ends' ChangeCipherSpec tell."""
    version = ProtocolVersion.TLS_1_2
    events = [client_hello(version), server_hello(version), finished(CLIENT), TICKET]
    assert not judge(events).handshake_accepted


@pytest.mark.parametrize(
    "event",
    [
        LeftOut(time=0.0, endpoint=SERVER, count=9, octets=9),
        Unfinished(time=0.0, endpoint=SERVER, part=Part.RECORD, came=3, expected=None),
    ],
)
def test_what_is_only_missing_decides_nothing(event: Event) -> None:
    outcome = judge([*TLS13, event])
    assert (outcome.result, outcome.decided_by) == (Result.FAILED, None)


def test_of_malformed_bytes_the_first_decide() -> None:
    first, second = (
        Malformed(time=0.0, endpoint=end, offset=0, where="x", problem="y") for end in Endpoint
    )
    outcome = judge([*TLS13, first, second])
    assert outcome.decided_by is first
    assert (outcome.after, outcome.sealed) == ("Finished", False)


@pytest.mark.parametrize("end", [StreamEnd.FIN, StreamEnd.RESET])
@pytest.mark.parametrize("sender", [CLIENT, SERVER])
@pytest.mark.parametrize("breaker", [CLIENT, SERVER])
def test_who_ends_tcp_behind_malformed_bytes_has_rejected_nobody(
    breaker: Endpoint, sender: Endpoint, end: StreamEnd
) -> None:
    """What their sender said since was not read; if the other end went on, it took them."""
    broken = Malformed(time=0.0, endpoint=breaker, offset=0, where="x", problem="y")
    begun = [client_hello(), server_hello(), broken]
    outcome = judge([*begun, stream_ended(sender, end)])
    assert (outcome.result, outcome.by, outcome.signal) == (
        Result.FAILED,
        breaker,
        Signal.MALFORMED,
    )
    on = replace(SEALED, endpoint=breaker.other, content_type=ContentType.HANDSHAKE, length=40)
    outcome, causes = outcome_and_causes([*begun, on, stream_ended(sender, end)])
    assert (outcome.result, outcome.by, outcome.decided_by) == (Result.UNKNOWN, None, broken)
    assert f"the {breaker.value} sent malformed bytes" in outcome.ground
    assert causes[0].code == "cannot-be-told"


def test_a_server_that_leaves_behind_malformed_bytes_did_not_stay_silent() -> None:
    """As where both ends go on in plain text once they have authenticated each other."""
    broken = Malformed(time=0.0, endpoint=SERVER, offset=0, where="x", problem="y")
    begun = [*TLS13, certificate_message(CLIENT, b"x"), finished(CLIENT), TICKET, broken]
    outcome, causes = outcome_and_causes([*begun, stream_ended(SERVER)])
    assert (outcome.result, outcome.signal) == (Result.FAILED, Signal.MALFORMED)
    assert outcome.handshake_accepted
    assert causes[0].code == "malformed"
