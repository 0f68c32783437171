"""What an accepted handshake means, and the HTTP status that follows it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import AlertDescription, ProtocolVersion
from lab.tls.events import Endpoint, Fact
from lab.tls.extensions import SelectedPsk
from tests.support.events import (
    CLIENT,
    EMPTY_CERTIFICATE,
    REQUEST,
    RETURNED,
    SEALED,
    SERVER,
    TICKET,
    TLS13,
    alert,
    application_data,
    certificate_message,
    client_chain,
    client_hello,
    fact,
    finished,
    outcome_and_causes,
    server_hello,
)


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, Result.ACCEPTED), (404, Result.ACCEPTED), (500, Result.ACCEPTED)]
    + [(status, Result.REJECTED) for status in (400, 401, 403, 495, 496)],
)
def test_what_http_answers(status: int, result: Result) -> None:
    line = f"HTTP/1.1 {status} Whatever\r\n\r\n".encode()
    events = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), RETURNED, application_data(SERVER, line)]
    outcome, causes = outcome_and_causes(events)
    assert (outcome.result, outcome.http_status) == (result, status)
    rejected = result is Result.REJECTED
    assert outcome.signal is (Signal.HTTP_STATUS if rejected else None)
    assert causes[0].code == ("http-wants-certificate" if rejected else "certificate-optional")


def test_http_refuses_who_the_client_is() -> None:
    line = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    _, causes = outcome_and_causes(
        [
            *TLS13,
            certificate_message(CLIENT, b"x"),
            finished(CLIENT),
            application_data(SERVER, line),
        ]
    )
    assert [cause.code for cause in causes] == ["http-refuses-identity"]
    _, causes = outcome_and_causes(
        [client_hello(), server_hello(), finished(SERVER), application_data(SERVER, line)]
    )
    assert [cause.code for cause in causes] == ["http-not-about-certificates"]


def test_what_is_sealed_is_not_said_to_be_missing() -> None:
    events = [client_hello(), server_hello(), SEALED, fact(SERVER, Fact.HANDSHAKE_RETURNED)]
    _, causes = outcome_and_causes(events)
    assert [cause.code for cause in causes] == ["accepted-unseen"]
    assert causes[0].evidence == ("records of the handshake could not be decrypted",)
    # What was asked for is known where the request was read, whatever else stayed closed.
    _, causes = outcome_and_causes([*FULL, SEALED, TICKET])
    assert [cause.code for cause in causes] == ["mutual-tls"]
    _, causes = outcome_and_causes(
        [*events, application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")]
    )
    assert causes[-1].code == "http-wants-certificate"


LONG_AGO = timedelta(seconds=1)
DATA = application_data(SERVER, b"not HTTP")
REFUSED_BY_HTTP = application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")
VERIFIED = {end: fact(end, Fact.CERTIFICATE_VERIFIED) for end in Endpoint}
FULL = [*TLS13, certificate_message(CLIENT, client_chain()), finished(CLIENT)]


def test_whose_certificate_was_verified_is_what_that_end_reports() -> None:
    words = {
        (): (
            "the server accepted the client's certificate; the client did not verify the server's",
            "only the server can report whether it verified the certificate",
            "the client did not verify the server's certificate",
        ),
        (CLIENT,): (
            "the server accepted the client's certificate; whether it verified it is not visible",
            "only the server can report whether it verified the certificate",
            "the client verified the server's certificate",
        ),
        (SERVER,): (
            "the server accepted the client's certificate; the client did not verify the server's",
            "the server's OpenSSL verified the client's certificate",
            "the client did not verify the server's certificate",
        ),
        (CLIENT, SERVER): (
            "mutual TLS works: both ends are authenticated",
            "the server's OpenSSL verified the client's certificate",
            "the client verified the server's certificate",
        ),
    }
    for ends, (summary, by_server, by_client) in words.items():
        _, causes = outcome_and_causes([*FULL, *(VERIFIED[end] for end in ends), TICKET])
        assert [cause.code for cause in causes] == ["mutual-tls"]
        assert causes[0].summary == summary
        assert causes[0].evidence[1:] == (by_server, by_client)
    # That a certificate was refused is no verification.
    _, causes = outcome_and_causes([*FULL, fact(CLIENT, Fact.CERTIFICATE_REFUSED), TICKET])
    assert "the client did not verify" in causes[0].evidence[2]


def test_a_flaw_that_shows_is_told_unless_the_server_has_verified() -> None:
    flawed = [*TLS13, certificate_message(CLIENT, b"junk", b"junk"), finished(CLIENT)]
    expired = [
        *TLS13,
        certificate_message(CLIENT, client_chain(lifetime=LONG_AGO)),
        finished(CLIENT),
    ]
    _, causes = outcome_and_causes([*expired, TICKET])
    assert [cause.code for cause in causes] == ["mutual-tls", "taken-despite-flaw"]
    assert len(set(causes[1].evidence)) == len(causes[1].evidence) > 0
    _, causes = outcome_and_causes([*expired, VERIFIED[SERVER], TICKET])
    assert [cause.code for cause in causes] == ["mutual-tls"]
    _, causes = outcome_and_causes([*expired, VERIFIED[CLIENT], TICKET])
    assert [cause.code for cause in causes] == ["mutual-tls", "taken-despite-flaw"]
    outcome_and_causes([*flawed, TICKET])  # what is no certificate breaks nothing


def test_a_resumed_session_brings_the_identity_from_then() -> None:
    events = [
        client_hello(),
        server_hello(ProtocolVersion.TLS_1_3, SelectedPsk(selected_identity=0)),
        DATA,
    ]
    _, causes = outcome_and_causes(events)
    assert [cause.code for cause in causes] == ["resumed"]
    assert causes[0].evidence == ("the server accepted the session that the client offered",)
    assert causes[0].fix == ""
    # It is that, whatever stayed sealed.
    assert outcome_and_causes([*events, SEALED])[1][0].code == "resumed"


def test_a_server_that_asks_for_nothing() -> None:
    _, causes = outcome_and_causes(
        [client_hello(), server_hello(), finished(SERVER), finished(CLIENT), DATA]
    )
    assert [cause.code for cause in causes] == ["not-mutual"]
    assert causes[0].evidence == ("the server sent no CertificateRequest",)


def test_a_client_without_a_certificate_was_accepted() -> None:
    unanswered = "no HTTP response was read: HTTP may still refuse the client"
    ok = application_data(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    for last, told in ((TICKET, True), (DATA, True), (ok, False)):
        _, causes = outcome_and_causes([*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), last])
        assert [cause.code for cause in causes] == ["certificate-optional"]
        assert (unanswered in causes[0].evidence) is told
        assert causes[0].evidence[:3] == (
            "the server sent CertificateRequest",
            "the client's Certificate message is empty",
            "the server continued",
        )


def test_http_refuses_a_client_whose_certificate_was_not_seen() -> None:
    for sent, words in (
        ([EMPTY_CERTIFICATE], "the client's Certificate message is empty"),
        ([], "no Certificate was seen"),
    ):
        _, causes = outcome_and_causes([*TLS13, *sent, finished(CLIENT), REFUSED_BY_HTTP])
        assert [cause.code for cause in causes] == ["http-wants-certificate"]
        assert causes[0].evidence == (
            "the handshake completed, and HTTP answered 403",
            words,
        )
    _, causes = outcome_and_causes([client_hello(), server_hello(), REFUSED_BY_HTTP])
    assert [cause.code for cause in causes] == ["http-not-about-certificates"]
    assert causes[0].evidence == (
        "the handshake completed, and HTTP answered 403",
        "the server sent no CertificateRequest",
    )
    _, causes = outcome_and_causes(
        [client_hello(), server_hello(), REQUEST, SEALED, REFUSED_BY_HTTP]
    )
    assert [cause.code for cause in causes] == ["http-wants-certificate"]


def test_what_http_refuses_may_be_about_a_flaw_that_shows() -> None:
    expired = certificate_message(CLIENT, client_chain(lifetime=LONG_AGO))
    _, causes = outcome_and_causes([*TLS13, expired, finished(CLIENT), REFUSED_BY_HTTP])
    assert [cause.code for cause in causes] == [
        "client-certificate-expired",
        "http-refuses-identity",
    ]
    assert causes[0].evidence[-1] == "HTTP answered 403"
    assert causes[1].evidence[1] == "the client presented a certificate"


def test_a_connection_that_broke_later_was_not_mutual_only_if_nothing_hid_the_request() -> None:
    broken = alert(SERVER, AlertDescription.INTERNAL_ERROR)
    unasked = [client_hello(), server_hello(), finished(SERVER), finished(CLIENT), TICKET, broken]
    assert [cause.code for cause in outcome_and_causes(unasked)[1]] == [
        "broken-off-afterwards",
        "not-mutual",
    ]
    resumed = server_hello(ProtocolVersion.TLS_1_3, SelectedPsk(selected_identity=0))
    for events in (
        [*FULL, TICKET, broken],
        [client_hello(), resumed, finished(SERVER), finished(CLIENT), TICKET, broken],
        [client_hello(), server_hello(), SEALED, finished(CLIENT), TICKET, broken],
    ):
        assert [cause.code for cause in outcome_and_causes(events)[1]] == ["broken-off-afterwards"]
