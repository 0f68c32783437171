"""What is concluded from events: by hand-made connections, each with one turn of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Cause, Outcome, Result, Signal
from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.keys import KeyKind, cached
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    CompressionMethod,
    ContentType,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Fact,
    LeftOut,
    LocalFact,
    Malformed,
    MessageSeen,
    NotTls,
    Part,
    Protocol,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Unfinished,
)
from lab.tls.extensions import SelectedVersion, SupportedVersions
from lab.tls.messages import (
    Certificate,
    CertificateEntry,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    Finished,
    HandshakeMessage,
    HelloRequest,
    NewSessionTicket,
    ServerHello,
)
from lab.x509.certificates import describe

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def said(sender: Endpoint, message: HandshakeMessage) -> Event:
    return MessageSeen(
        time=0.0, endpoint=sender, records=(), encrypted=False, message=message, raw=b""
    )


def alert(
    sender: Endpoint,
    description: AlertDescription,
    level: AlertLevel = AlertLevel.FATAL,
) -> AlertSeen:
    return AlertSeen(
        time=0.0,
        endpoint=sender,
        records=(),
        encrypted=False,
        level=level,
        description=description,
    )


def data(sender: Endpoint, text: bytes) -> Event:
    return ApplicationDataSeen(time=0.0, endpoint=sender, records=(), encrypted=True, data=text)


def change(sender: Endpoint) -> Event:
    return ChangeCipherSpecSeen(time=0.0, endpoint=sender, records=(), encrypted=False)


def ended(sender: Endpoint, end: StreamEnd = StreamEnd.FIN) -> Event:
    return StreamEnded(time=0.0, endpoint=sender, end=end)


def fact(endpoint: Endpoint, what: Fact, reason: str = "", code: int | None = None) -> Event:
    return LocalFact(time=0.0, endpoint=endpoint, fact=what, reason=reason, code=code)


def hello(version: ProtocolVersion = ProtocolVersion.TLS_1_3) -> Event:
    return said(
        CLIENT,
        ClientHello(
            legacy_version=ProtocolVersion.TLS_1_2,
            random=bytes(32),
            legacy_session_id=b"",
            cipher_suites=(CipherSuite.TLS_AES_128_GCM_SHA256,),
            legacy_compression_methods=(),
            extensions=(SupportedVersions(versions=(version,)),),
        ),
    )


def answer(version: ProtocolVersion = ProtocolVersion.TLS_1_3) -> Event:
    tls13 = version == ProtocolVersion.TLS_1_3
    return said(
        SERVER,
        ServerHello(
            legacy_version=ProtocolVersion.TLS_1_2,
            random=bytes(32),
            legacy_session_id_echo=b"",
            cipher_suite=CipherSuite.TLS_AES_128_GCM_SHA256,
            legacy_compression_method=CompressionMethod.NULL,
            extensions=(SelectedVersion(selected_version=version),) if tls13 else (),
        ),
    )


REQUEST = said(
    SERVER,
    CertificateRequest(
        supported_signature_algorithms=(SignatureScheme.ECDSA_SECP256R1_SHA256,),
    ),
)


def finished(sender: Endpoint) -> Event:
    return said(sender, Finished(verify_data=b""))


def chain(sender: Endpoint, *ders: bytes) -> Event:
    entries = tuple(CertificateEntry(cert_data=der) for der in ders)
    return said(sender, Certificate(certificate_list=entries))


TICKET = said(SERVER, NewSessionTicket(ticket_lifetime=7200, ticket=b""))
RETURNED = fact(CLIENT, Fact.HANDSHAKE_RETURNED)
TLS13 = [hello(), answer(), REQUEST, finished(SERVER)]
EMPTY = chain(CLIENT)


def both(events: list[Event]) -> tuple[Outcome, tuple[Cause, ...]]:
    outcome = judge(events)
    return outcome, diagnose(events, outcome, now=NOW)


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


@pytest.mark.parametrize("number", [0x28, 0x2A, 0x2C, 0x32, 0x50, 0x74, 0xF0])
def test_no_cause_comes_from_the_number_alone(number: int) -> None:
    """An empty Certificate and then a fatal alert is a missing certificate, whatever the alert."""
    refusal = alert(SERVER, AlertDescription(number))
    _, causes = both([*TLS13, EMPTY, finished(CLIENT), refusal])
    assert causes[0].code == "no-client-certificate"
    # The same alert before a certificate was asked for is about something else.
    _, causes = both([hello(), refusal])
    assert all("certificate" not in cause.code for cause in causes)


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


def test_a_reset_with_the_clients_data_on_the_way() -> None:
    events = [*TLS13, EMPTY, finished(CLIENT), RETURNED, data(CLIENT, b"GET")]
    outcome, causes = both([*events, ended(SERVER, StreamEnd.RESET)])
    assert outcome.signal is Signal.RST
    lost = next(cause for cause in causes if cause.code == "refused-without-alert")
    assert "unread data" in " ".join(lost.evidence)


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


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, Result.ACCEPTED), (404, Result.ACCEPTED), (500, Result.ACCEPTED)]
    + [(status, Result.REJECTED) for status in (400, 401, 403, 495, 496)],
)
def test_what_http_answers(status: int, result: Result) -> None:
    line = f"HTTP/1.1 {status} Whatever\r\n\r\n".encode()
    events = [*TLS13, EMPTY, finished(CLIENT), RETURNED, data(SERVER, line)]
    outcome, causes = both(events)
    assert (outcome.result, outcome.http_status) == (result, status)
    rejected = result is Result.REJECTED
    assert outcome.signal is (Signal.HTTP_STATUS if rejected else None)
    assert causes[0].code == ("http-wants-certificate" if rejected else "certificate-optional")


def test_http_refuses_who_the_client_is() -> None:
    line = b"HTTP/1.1 403 Forbidden\r\n\r\n"
    _, causes = both([*TLS13, chain(CLIENT, b"x"), finished(CLIENT), data(SERVER, line)])
    assert [cause.code for cause in causes] == ["http-refuses-identity"]
    _, causes = both([hello(), answer(), finished(SERVER), data(SERVER, line)])
    assert [cause.code for cause in causes] == ["http-not-about-certificates"]


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


TIMED_OUT = fact(CLIENT, Fact.TIMED_OUT, "no complete handshake")
HELLO_REQUEST = MessageSeen(
    time=0.0, endpoint=SERVER, records=(), encrypted=False, message=HelloRequest(), raw=bytes(4)
)


def begun(sender: Endpoint, came: int, expected: int | None, part: Part = Part.RECORD) -> Event:
    return Unfinished(time=0.0, endpoint=sender, part=part, came=came, expected=expected)


@pytest.mark.parametrize(
    ("events", "code", "evidence"),
    [
        ([hello(), TIMED_OUT], "silence", "no answer to ClientHello"),
        ([TIMED_OUT], "silence", "no message arrived"),
        (
            [*TLS13, TIMED_OUT, begun(CLIENT, 3, None)],
            "silence",
            "nothing arrived after the server's Finished",
        ),
        (
            [
                hello(),
                alert(SERVER, AlertDescription.UNRECOGNIZED_NAME, AlertLevel.WARNING),
                TIMED_OUT,
            ],
            "silence",
            "nothing arrived after the server's alert unrecognized_name",
        ),
        (
            [hello(), TIMED_OUT, begun(SERVER, 10, 16389)],
            "unfinished",
            "10 bytes of the record arrived, of 16389",
        ),
        (
            [hello(), TIMED_OUT, begun(SERVER, 3, None)],
            "unfinished",
            "3 bytes of the record arrived, the header incomplete",
        ),
        (
            [hello(), TIMED_OUT, begun(SERVER, 80, 600, Part.MESSAGE)],
            "unfinished",
            "80 bytes of the handshake message arrived, of 600",
        ),
        (
            [hello(), *[HELLO_REQUEST] * 101, TIMED_OUT, begun(SERVER, 10, 16389)],
            "endless-handshake",
            "messages and records from the server: 101, the last HelloRequest",
        ),
        (
            [
                *[hello(), HELLO_REQUEST],
                *[LeftOut(time=0.0, endpoint=SERVER, count=81918, octets=327672), TIMED_OUT],
            ],
            "endless-handshake",
            "messages and records from the server: 81919, the last HelloRequest",
        ),
        (
            [hello(), replace(HELLO_REQUEST, out_of_order=True), TIMED_OUT],
            "endless-handshake",
            "messages and records from the server: 1, the last HelloRequest",
        ),
    ],
)
def test_silence_slowness_and_a_flood_are_told_apart(
    events: list[Event], code: str, evidence: str
) -> None:
    outcome, causes = both(events)
    assert outcome.result is Result.FAILED
    assert (outcome.by, outcome.signal) == (SERVER, Signal.TIME_OUT)
    assert outcome.exception == "no complete handshake"
    assert (causes[0].code, causes[0].evidence) == (code, (evidence,))


def test_no_tls() -> None:
    alien = NotTls(time=0.0, endpoint=SERVER, protocol=Protocol.HTTP, sample=b"HTTP/1.1 400\r\n")
    outcome, causes = both([hello(), alien])
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
    _, causes = both([hello(), alien])
    assert causes[0].summary == f"the server's first bytes are not TLS: {but}"


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


def test_nothing_at_all() -> None:
    outcome, causes = both([ended(SERVER)])
    assert outcome.result is Result.FAILED
    assert [cause.code for cause in causes] == ["closed-at-once"]


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


def test_before_any_server_hello_it_is_about_what_the_ends_have_in_common() -> None:
    for description, first in (
        (AlertDescription.PROTOCOL_VERSION, "no-common-version"),
        (AlertDescription.HANDSHAKE_FAILURE, "no-common-cipher-suite"),
        (AlertDescription.UNRECOGNIZED_NAME, "unknown-server-name"),
    ):
        _, causes = both([hello(), alert(SERVER, description)])
        assert causes[0].code == first
        assert any("client certificates are not the cause" in line for line in causes[0].evidence)


def client_chain(**flaw: object) -> bytes:
    from dataclasses import replace

    from cryptography.hazmat.primitives.serialization import Encoding

    ca = self_signed(profiles.root_ca(), cached(KeyKind.EC_P256, 1), now=NOW)
    profile = replace(profiles.client("somebody"), **flaw)  # type: ignore[arg-type]
    made = Authority(identity=ca).issue(profile, cached(KeyKind.EC_P256, 2), now=NOW)
    return made.certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("flaw", "code"),
    [
        ({"starts": timedelta(days=-9), "lifetime": timedelta(days=8)}, "certificate-expired"),
        ({"starts": timedelta(days=1)}, "certificate-not-yet-valid"),
        (
            {"extended_key_usage": profiles.server(()).extended_key_usage},
            "wrong-extended-key-usage",
        ),
    ],
)
def test_what_the_certificate_itself_shows(flaw: dict[str, object], code: str) -> None:
    """Seen from the client, with nothing of the server but a meaningless alert."""
    der = client_chain(**flaw)
    refusal = alert(SERVER, AlertDescription.BAD_CERTIFICATE)
    _, causes = both([*TLS13, chain(CLIENT, der), finished(CLIENT), RETURNED, refusal])
    assert causes[0].code == f"client-{code}"


def test_one_alert_for_two_causes() -> None:
    der = client_chain()
    assert describe(der).issuer == "CN=mTLS Lab Root CA"
    refusal = alert(SERVER, AlertDescription.UNKNOWN_CA)
    _, causes = both([*TLS13, chain(CLIENT, der), finished(CLIENT), refusal])
    assert {cause.code for cause in causes[:2]} == {
        "client-ca-not-trusted",
        "client-intermediate-missing",
    }
    assert all("look the same" in " ".join(cause.evidence) for cause in causes[:2])


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


@pytest.mark.parametrize(
    ("has", "codes"),
    [
        (True, ["no-fitting-client-certificate"]),
        (False, ["no-client-certificate"]),
        (None, ["no-client-certificate", "no-fitting-client-certificate"]),
    ],
)
def test_whether_the_client_had_a_certificate(has: bool | None, codes: list[str]) -> None:
    events = [*TLS13, EMPTY, finished(CLIENT), alert(SERVER, AlertDescription.BAD_CERTIFICATE)]
    causes = diagnose(events, judge(events), now=NOW, client_has_certificate=has)
    assert [cause.code for cause in causes] == codes


def test_silence_is_not_called_a_requirement() -> None:
    _, causes = both([*TLS13, EMPTY, finished(CLIENT), RETURNED, ended(SERVER)])
    assert "seems to require" in causes[0].summary


VERIFY = said(
    CLIENT, CertificateVerify(algorithm=SignatureScheme.ECDSA_SECP256R1_SHA256, signature=b"")
)


def test_a_proof_that_does_not_convince() -> None:
    refusal = alert(SERVER, AlertDescription.DECRYPT_ERROR)
    der = client_chain()
    _, causes = both([*TLS13, chain(CLIENT, der), VERIFY, finished(CLIENT), refusal])
    assert "client-key-not-proved" in [cause.code for cause in causes]
    _, causes = both([*TLS13, chain(CLIENT, der), finished(CLIENT), refusal])
    assert "client-key-not-proved" not in [cause.code for cause in causes]


def test_a_reset_with_nothing_on_the_way_has_overtaken_nothing() -> None:
    _, causes = both([*TLS13, EMPTY, finished(CLIENT), ended(SERVER, StreamEnd.RESET)])
    lost = next(cause for cause in causes if cause.code == "refused-without-alert")
    assert "unread data" not in " ".join(lost.evidence)


SEALED = SealedSeen(
    time=0.0,
    endpoint=SERVER,
    records=(),
    encrypted=True,
    content_type=ContentType.APPLICATION_DATA,
    length=99,
)


def test_what_is_sealed_is_not_said_to_be_missing() -> None:
    events = [hello(), answer(), SEALED, fact(SERVER, Fact.HANDSHAKE_RETURNED)]
    _, causes = both(events)
    assert [cause.code for cause in causes] == ["accepted-unseen"]
    _, causes = both([*events, data(SERVER, b"HTTP/1.1 403 Forbidden\r\n\r\n")])
    assert causes[-1].code == "http-wants-certificate"


@pytest.mark.parametrize(
    ("by", "description"),
    [
        (SERVER, AlertDescription.BAD_RECORD_MAC),
        (SERVER, AlertDescription.UNEXPECTED_MESSAGE),
        (CLIENT, AlertDescription.BAD_RECORD_MAC),
    ],
)
def test_a_fault_of_the_protocol_is_not_blamed_on_a_certificate(
    by: Endpoint, description: AlertDescription
) -> None:
    events = [
        *(hello(), answer(), REQUEST, chain(SERVER, client_chain()), finished(SERVER)),
        *(chain(CLIENT, client_chain()), finished(CLIENT), alert(by, description)),
    ]
    _, causes = both(events)
    assert [cause.code for cause in causes] == ["protocol-failure"]


def test_the_clients_own_word_counts() -> None:
    """An alert in use for certificates, from a client whose library speaks of something else."""
    failed = fact(CLIENT, Fact.HANDSHAKE_FAILED, "[SSL: DH_KEY_TOO_SMALL] dh key too small")
    refusal = alert(CLIENT, AlertDescription.HANDSHAKE_FAILURE)
    _, causes = both([hello(), answer(), chain(SERVER, client_chain()), refusal, failed])
    assert [cause.code for cause in causes] == ["protocol-failure"]
    assert "DH_KEY_TOO_SMALL" in " ".join(causes[0].evidence)


def test_an_alert_nobody_has_for_it_does_not_hide_a_mismatch() -> None:
    """access_denied (49), where the server asks for another CA by name."""
    asks = said(
        SERVER,
        CertificateRequest(
            certificate_authorities=(
                x509.Name.from_rfc4514_string("CN=Somebody Else").public_bytes(),
            )
        ),
    )
    events = [hello(), answer(), asks, finished(SERVER), chain(CLIENT, client_chain())]
    for description in (AlertDescription.ACCESS_DENIED, AlertDescription.UNKNOWN_CA):
        _, causes = both([*events, finished(CLIENT), alert(SERVER, description)])
        assert causes[0].code == "client-ca-not-trusted"
    # Accepted all the same: the server may not verify certificates.
    _, causes = both([*events, finished(CLIENT), TICKET])
    assert [cause.code for cause in causes] == ["mutual-tls", "taken-despite-flaw"]


def test_an_unknown_alert_at_the_hello_explains_nothing() -> None:
    for number in (50, 200):
        _, causes = both([hello(), alert(SERVER, AlertDescription(number))])
        assert [cause.code for cause in causes] == ["refused-at-hello"]


def test_a_verdict_ends_speculation() -> None:
    refused = fact(CLIENT, Fact.CERTIFICATE_REFUSED, "Hostname mismatch", 62)
    refusal = alert(CLIENT, AlertDescription.BAD_CERTIFICATE)
    _, causes = both([hello(), answer(), chain(SERVER, client_chain()), refused, refusal])
    codes = [cause.code for cause in causes]
    assert codes[0] == "server-name-mismatch"
    assert not {"server-ca-not-trusted", "server-intermediate-missing"} & set(codes)
