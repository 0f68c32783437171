"""What an accepted handshake means, and the HTTP status that follows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result, Signal, TrustVerdict
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    CertificateCompressionAlgorithm,
    ExtensionType,
    NameType,
    ProtocolVersion,
)
from lab.tls.events import Endpoint, Event, Fact, Gap, NotCaptured
from lab.tls.extensions import FlagExtension, SelectedPsk, ServerName, ServerNameList
from lab.tls.messages import CertificateRequest, CompressedCertificate
from tests.support.events import (
    CLIENT,
    EMPTY_CERTIFICATE,
    NOW,
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
    message_seen,
    outcome_and_causes,
    server_hello,
    stream_ended,
)


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, Result.ACCEPTED), (404, Result.ACCEPTED), (500, Result.ACCEPTED)]
    + [(status, Result.REJECTED) for status in (400, 401, 403, 421, 495, 496)],
)
def test_what_http_answers(status: int, result: Result) -> None:
    line = f"HTTP/1.1 {status} Whatever\r\n\r\n".encode()
    asked = application_data(CLIENT, b"GET / HTTP/1.1\r\n\r\n")
    events = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), RETURNED, asked]
    outcome, causes = outcome_and_causes([*events, application_data(SERVER, line)])
    assert (outcome.result, outcome.http_status) == (result, status)
    rejected = result is Result.REJECTED
    assert outcome.signal is (Signal.HTTP_STATUS if rejected else None)
    codes = [cause.code for cause in causes]
    if status == 421:
        assert codes == ["http-wrong-host", "http-wants-certificate"]
    else:
        assert codes[0] == ("http-wants-certificate" if rejected else "certificate-optional")


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
    assert [cause.code for cause in causes] == ["http-refuses-identity", "http-wrong-host"]
    assert "cannot be told" in causes[0].summary
    _, causes = outcome_and_causes(
        [client_hello(), server_hello(), finished(SERVER), application_data(SERVER, line)]
    )
    assert [cause.code for cause in causes] == ["http-not-about-certificates", "http-wrong-host"]
    assert "cannot be told" in causes[0].summary


def test_a_host_name_that_was_sent_is_not_suspected() -> None:
    named = client_hello(ProtocolVersion.TLS_1_3, SNI)
    _, causes = outcome_and_causes([named, server_hello(), finished(SERVER), REFUSED_BY_HTTP])
    assert [cause.code for cause in causes] == ["http-not-about-certificates"]
    misdirected = application_data(SERVER, b"HTTP/1.1 421 Misdirected Request\r\n\r\n")
    _, causes = outcome_and_causes([named, server_hello(), finished(SERVER), misdirected])
    assert causes[0].code == "http-wrong-host"
    assert (
        causes[0].evidence[1] == "the client sent the host name a.example in its ClientHello (SNI)"
    )


def test_a_bad_request_of_a_client_that_sent_none_refuses_nobody() -> None:
    """HAProxy answers so to a client that leaves without a request."""
    events = [*TLS13, certificate_message(CLIENT, client_chain()), finished(CLIENT)]
    for status, result in ((400, Result.ACCEPTED), (403, Result.REJECTED)):
        answer = application_data(SERVER, f"HTTP/1.1 {status} Whatever\r\n\r\n".encode())
        outcome, causes = outcome_and_causes([*events, answer])
        assert (outcome.result, outcome.http_status) == (result, status)
        assert ("mutual-tls" in [cause.code for cause in causes]) is (status == 400)
    # Its request may be what the capture lacks.
    gap = NotCaptured(time=0.0, endpoint=CLIENT, gap=Gap.MISSING, octets=99)
    bad = application_data(SERVER, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert judge([*events, gap, bad]).result is Result.REJECTED


def test_nginx_says_that_the_certificate_does_not_verify() -> None:
    page = b"HTTP/1.1 400 Bad Request\r\n\r\n<center>The SSL certificate error</center>"
    expired = certificate_message(CLIENT, client_chain(lifetime=LONG_AGO))
    answer = [application_data(CLIENT, b"GET /"), application_data(SERVER, page)]
    _, causes = outcome_and_causes([*TLS13, expired, finished(CLIENT), *answer])
    assert [cause.code for cause in causes][:2] == [
        "client-certificate-expired",
        "http-certificate-refused",
    ]
    assert "The SSL certificate error" in causes[1].evidence[0]
    in_order = certificate_message(CLIENT, client_chain())
    _, causes = outcome_and_causes([*TLS13, in_order, finished(CLIENT), *answer])
    assert causes[0].code == "http-certificate-refused"


def test_apache_says_that_it_cannot_ask_after_the_handshake() -> None:
    page = b"HTTP/1.1 403 Forbidden\r\n\r\nReason: Cannot perform Post-Handshake Authentication."
    refused = [server_hello(), finished(SERVER), finished(CLIENT), application_data(SERVER, page)]
    _, causes = outcome_and_causes([client_hello(), *refused])
    assert causes[0].code == "no-post-handshake-authentication"
    offering = client_hello(
        ProtocolVersion.TLS_1_3, FlagExtension(extension_type=ExtensionType.POST_HANDSHAKE_AUTH)
    )
    _, causes = outcome_and_causes([offering, *refused])
    (cause,) = causes
    assert (cause.code, cause.fix) == ("later-request-failed", "read the log of the server")


def test_a_body_that_is_too_long_for_a_server_that_would_ask() -> None:
    page = b"HTTP/1.1 413 Request Entity Too Large\r\n\r\n"
    answer = [server_hello(), finished(SERVER), finished(CLIENT), application_data(SERVER, page)]
    _, causes = outcome_and_causes([client_hello(), *answer])
    assert causes[0].code == "not-mutual"
    assert "SSLRenegBufferSize" in causes[0].evidence[-1]


def test_a_server_that_asks_after_the_handshake() -> None:
    """As Apache does for some paths."""
    late = [client_hello(), server_hello(), finished(SERVER), finished(CLIENT), TICKET, REQUEST]
    asked = "the server asked after the handshake, for this request"
    for sent in (EMPTY_CERTIFICATE, certificate_message(CLIENT, client_chain())):
        _, causes = outcome_and_causes([*late, sent, DATA])
        assert any(line.startswith(asked) for line in causes[0].evidence)
    _, causes = outcome_and_causes([*FULL, DATA])
    assert not any(line.startswith(asked) for line in causes[0].evidence)


def test_what_is_sealed_is_not_said_to_be_missing() -> None:
    events = [client_hello(), server_hello(), SEALED, fact(SERVER, Fact.HANDSHAKE_RETURNED)]
    _, causes = outcome_and_causes(events)
    assert [cause.code for cause in causes] == ["accepted-unseen"]
    assert causes[0].evidence == ("the handshake could not be read whole",)
    # What was asked for is known where the request was read, whatever else stayed closed.
    _, causes = outcome_and_causes([*TLS13, SEALED, *FULL[len(TLS13) :], TICKET])
    assert [cause.code for cause in causes] == ["mutual-tls"]
    # Where the answer stayed closed, it may be a refusal.
    _, causes = outcome_and_causes([*FULL, SEALED, TICKET])
    assert [cause.code for cause in causes] == ["accepted-by-tls"]
    _, causes = outcome_and_causes(
        [*events, application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")]
    )
    assert causes[0].code == "http-wants-certificate"
    assert causes[0].summary.endswith("cannot be told")


SNI = ServerNameList(
    server_name_list=(ServerName(name_type=NameType.HOST_NAME, name=b"a.example"),)
)
LONG_AGO = timedelta(seconds=1)
DATA = application_data(SERVER, b"not HTTP")
REFUSED_BY_HTTP = application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")
VERIFIED = {end: fact(end, Fact.CERTIFICATE_VERIFIED) for end in Endpoint}
FULL = [*TLS13, certificate_message(CLIENT, client_chain()), finished(CLIENT)]


def test_whose_certificate_was_verified_is_what_that_end_reports() -> None:
    taken = "the server accepted the client's certificate; whether it verified it is not visible"
    unverified = (
        "the server accepted the client's certificate; the client did not verify the server's"
    )
    only_server = "only the server can report whether it verified the certificate"
    only_client = "only the client can report whether it verified the server's certificate"
    by_server = "the server's OpenSSL verified the client's certificate"
    not_by_client = "the client did not verify the server's certificate"
    by_client = "the client verified the server's certificate"
    half = (
        "the server verified the client's certificate; whether the client verified the server's is "
        "not visible"
    )
    both = "mutual TLS works: both ends are authenticated"
    words = {
        (): (taken, only_server, only_client),
        (RETURNED,): (unverified, only_server, not_by_client),
        (VERIFIED[CLIENT],): (taken, only_server, by_client),
        (VERIFIED[SERVER],): (half, by_server, only_client),
        (RETURNED, VERIFIED[SERVER]): (unverified, by_server, not_by_client),
        (VERIFIED[CLIENT], VERIFIED[SERVER]): (both, by_server, by_client),
    }
    for facts, (summary, *said) in words.items():
        _, causes = outcome_and_causes([*FULL, *facts, TICKET])
        assert [cause.code for cause in causes] == ["mutual-tls"]
        assert causes[0].summary == summary
        assert causes[0].evidence[1:] == tuple(said)
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


def test_a_refusal_by_http_is_not_for_want_of_a_certificate_that_no_resumption_asks_for() -> None:
    events = [
        client_hello(),
        server_hello(ProtocolVersion.TLS_1_3, SelectedPsk(selected_identity=0)),
        finished(SERVER),
        finished(CLIENT),
        application_data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n"),
    ]
    _, causes = outcome_and_causes(events)
    assert causes[0].code == "http-refuses-identity"
    assert "no certificate is asked for then" in causes[0].evidence[1]


def test_a_session_that_is_resumed_and_then_asked_for_a_certificate() -> None:
    """The identity is that of the certificate, not of the session."""
    events = [
        client_hello(),
        server_hello(ProtocolVersion.TLS_1_3, SelectedPsk(selected_identity=0)),
        finished(SERVER),
        finished(CLIENT),
        TICKET,
        REQUEST,
        certificate_message(CLIENT, client_chain()),
        DATA,
    ]
    _, causes = outcome_and_causes(events)
    assert [cause.code for cause in causes] == ["mutual-tls", "asked-after-handshake"]


def test_a_server_that_asks_for_nothing() -> None:
    _, causes = outcome_and_causes(
        [client_hello(), server_hello(), finished(SERVER), finished(CLIENT), DATA]
    )
    assert [cause.code for cause in causes] == ["not-mutual"]
    assert causes[0].evidence[0] == "the server sent no CertificateRequest"
    assert "host name (SNI)" in causes[0].evidence[1]
    assert "post-handshake authentication" in causes[0].evidence[2]
    assert "on this connection" in causes[0].summary
    offering = client_hello(
        ProtocolVersion.TLS_1_3,
        SNI,
        FlagExtension(extension_type=ExtensionType.POST_HANDSHAKE_AUTH),
    )
    _, causes = outcome_and_causes(
        [offering, server_hello(), finished(SERVER), finished(CLIENT), DATA]
    )
    assert len(causes[0].evidence) == 1


def test_a_client_without_a_certificate_was_accepted() -> None:
    unanswered = "no HTTP response was read: HTTP may still refuse the client"
    ok = application_data(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    for last, told in ((TICKET, True), (DATA, True), (ok, False)):
        _, causes = outcome_and_causes([*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), last])
        assert [cause.code for cause in causes] == ["certificate-optional"]
        assert (unanswered in causes[0].evidence) is told
        assert causes[0].evidence[:2] == (
            "the server sent CertificateRequest",
            "the client's Certificate message is empty",
        )


def test_http_refuses_a_client_whose_certificate_was_not_seen() -> None:
    _, causes = outcome_and_causes([*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), REFUSED_BY_HTTP])
    assert causes[0].code == "http-wants-certificate"
    assert causes[0].evidence == (
        "the handshake completed, and HTTP answered 403",
        "the client's Certificate message is empty",
    )
    _, causes = outcome_and_causes([*TLS13, finished(CLIENT), REFUSED_BY_HTTP])
    assert causes[0].evidence[1] == "no Certificate was seen"
    _, causes = outcome_and_causes([client_hello(), server_hello(), REFUSED_BY_HTTP])
    assert causes[0].evidence[:2] == (
        "the handshake completed, and HTTP answered 403",
        "the server sent no CertificateRequest",
    )
    _, causes = outcome_and_causes(
        [client_hello(), server_hello(), REQUEST, replace(SEALED, endpoint=CLIENT), REFUSED_BY_HTTP]
    )
    assert causes[0].code == "http-wants-certificate"


def test_what_http_refuses_may_be_about_a_flaw_that_shows() -> None:
    expired = certificate_message(CLIENT, client_chain(lifetime=LONG_AGO))
    _, causes = outcome_and_causes([*TLS13, expired, finished(CLIENT), REFUSED_BY_HTTP])
    assert [cause.code for cause in causes] == [
        "http-refuses-identity",
        "client-certificate-expired",
        "http-wrong-host",
    ]
    assert causes[0].evidence[1] == "the client presented a certificate"
    assert causes[1].evidence[-1] == "HTTP answered 403"
    assert causes[1].evidence[-2] == "whether that is the reason is not visible on the wire"


def test_what_only_a_strict_server_refuses_is_no_flaw_of_a_server_that_takes_it() -> None:
    other = x509.Name.from_rfc4514_string("CN=Somebody Else").public_bytes()
    asks = message_seen(SERVER, CertificateRequest(certificate_authorities=(other,)))
    named = [client_hello(), server_hello(), asks, *FULL[len(TLS13) :], TICKET]
    assert [cause.code for cause in outcome_and_causes(named)[1]] == ["mutual-tls"]


def test_a_chain_that_openssl_refuses_here_and_the_server_takes() -> None:
    events = [*FULL, TICKET]
    refused = TrustVerdict(code=20, reason="no issuer", files="ca.crt")
    causes = diagnose(events, judge(events), now=NOW, trust=refused)
    assert [cause.code for cause in causes] == ["mutual-tls", "taken-against-files"]
    assert causes[1].evidence == (
        "OpenSSL, asked here with ca.crt, refuses the client's chain: no issuer (code 20)",
    )


GONE = alert(SERVER, AlertDescription.CLOSE_NOTIFY, AlertLevel.WARNING)


@pytest.mark.parametrize(
    "ends", [[GONE, stream_ended(SERVER)], [stream_ended(SERVER)]], ids=["close_notify", "FIN"]
)
@pytest.mark.parametrize("ticket", [[TICKET], []], ids=["ticket", "no ticket"])
def test_a_server_that_ends_the_connection_without_an_answer(
    ends: list[Event], ticket: list[Event]
) -> None:
    if not ticket and len(ends) == 1:
        return  # a refusal, as far as can be seen
    asked = application_data(CLIENT, b"GET / HTTP/1.1\r\n\r\n")
    events = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), *ticket, asked, *ends]
    outcome, causes = outcome_and_causes(events)
    assert (outcome.result, outcome.by) == (Result.FAILED, SERVER)
    assert [cause.code for cause in causes] == ["no-answer"]
    assert "cannot be told" in causes[0].summary
    assert causes[0].evidence[2] == (
        "possible: that the client presented no certificate, that the client sent no host name "
        "(SNI), that no application protocol was agreed on (ALPN; gRPC requires h2), that the "
        "client did not offer post-handshake authentication, the request itself, or a fault of the "
        "server's"
    )


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


@pytest.mark.parametrize("refused", [False, True])
def test_a_certificate_that_cannot_be_read_is_not_said_to_be_missing(refused: bool) -> None:
    compressed = CompressedCertificate(
        algorithm=CertificateCompressionAlgorithm.BROTLI,
        uncompressed_length=900,
        compressed_certificate_message=b"brotli",
        certificate=None,
    )
    shown = [*TLS13, REQUEST, message_seen(CLIENT, compressed), finished(CLIENT)]
    end = (
        alert(SERVER, AlertDescription.UNKNOWN_CA)
        if refused
        else application_data(SERVER, b"hello")
    )
    _, (cause, *_) = outcome_and_causes([*shown, end])
    words = f"{cause.summary} {cause.evidence}"
    assert ("compressed with brotli" in words) != refused
    assert cause.code == ("client-certificate-refused" if refused else "accepted-unseen")
    assert "without" not in words
