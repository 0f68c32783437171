"""Which causes a diagnosis names, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography import x509

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Signal
from lab.pki import profiles
from lab.pki.profiles import KeyUsageBit
from lab.tls.code_points import (
    AlertDescription,
    NameType,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.events import (
    Endpoint,
    Event,
    Fact,
    Malformed,
    StreamEnd,
)
from lab.tls.extensions import ServerName, ServerNameList
from lab.tls.messages import (
    CertificateRequest,
)
from lab.x509.certificates import describe
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
    VERIFY,
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


@pytest.mark.parametrize("number", [0x28, 0x2A, 0x2C, 0x32, 0x50, 0x74, 0xF0])
def test_no_cause_comes_from_the_number_alone(number: int) -> None:
    """An empty Certificate and then a fatal alert is a missing certificate, whatever the alert."""
    refusal = alert(SERVER, AlertDescription(number))
    _, causes = outcome_and_causes([*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), refusal])
    assert causes[0].code == "no-client-certificate"
    # The same alert before a certificate was asked for is about something else.
    _, causes = outcome_and_causes([client_hello(), refusal])
    assert all("certificate" not in cause.code for cause in causes)


def test_a_reset_with_the_clients_data_on_the_way() -> None:
    events = [
        *TLS13,
        EMPTY_CERTIFICATE,
        finished(CLIENT),
        RETURNED,
        application_data(CLIENT, b"GET"),
    ]
    outcome, causes = outcome_and_causes([*events, stream_ended(SERVER, StreamEnd.RESET)])
    assert outcome.signal is Signal.RST
    lost = next(cause for cause in causes if cause.code == "refused-without-alert")
    assert "unread data" in " ".join(lost.evidence)


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
    _, causes = outcome_and_causes(
        [*TLS13, certificate_message(CLIENT, der), finished(CLIENT), RETURNED, refusal]
    )
    assert causes[0].code == f"client-{code}"


def test_one_alert_for_two_causes() -> None:
    der = client_chain()
    assert describe(der).issuer == "CN=mTLS Lab Root CA"
    refusal = alert(SERVER, AlertDescription.UNKNOWN_CA)
    _, causes = outcome_and_causes(
        [*TLS13, certificate_message(CLIENT, der), finished(CLIENT), refusal]
    )
    assert [cause.code for cause in causes] == [
        "client-ca-not-trusted",
        "client-intermediate-missing",
        "client-crl-unusable",
    ]
    assert all("look the same" in " ".join(cause.evidence) for cause in causes[:2])


@pytest.mark.parametrize(
    ("has", "codes"),
    [
        (True, ["no-fitting-client-certificate"]),
        (False, ["no-client-certificate"]),
        (None, ["no-client-certificate", "no-fitting-client-certificate"]),
    ],
)
def test_whether_the_client_had_a_certificate(has: bool | None, codes: list[str]) -> None:
    events = [
        *TLS13,
        EMPTY_CERTIFICATE,
        finished(CLIENT),
        alert(SERVER, AlertDescription.BAD_CERTIFICATE),
    ]
    causes = diagnose(events, judge(events), now=NOW, client_has_certificate=has)
    assert [cause.code for cause in causes] == codes


def test_silence_is_not_called_a_requirement() -> None:
    _, causes = outcome_and_causes(
        [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), RETURNED, stream_ended(SERVER)]
    )
    assert "seems to require" in causes[0].summary


def test_a_proof_that_does_not_convince() -> None:
    refusal = alert(SERVER, AlertDescription.DECRYPT_ERROR)
    der = client_chain()
    _, causes = outcome_and_causes(
        [*TLS13, certificate_message(CLIENT, der), VERIFY, finished(CLIENT), refusal]
    )
    assert "client-key-not-proved" in [cause.code for cause in causes]
    _, causes = outcome_and_causes(
        [*TLS13, certificate_message(CLIENT, der), finished(CLIENT), refusal]
    )
    assert "client-key-not-proved" not in [cause.code for cause in causes]


def test_a_reset_with_nothing_on_the_way_has_overtaken_nothing() -> None:
    _, causes = outcome_and_causes(
        [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), stream_ended(SERVER, StreamEnd.RESET)]
    )
    lost = next(cause for cause in causes if cause.code == "refused-without-alert")
    assert "unread data" not in " ".join(lost.evidence)


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
        *(
            client_hello(),
            server_hello(),
            REQUEST,
            certificate_message(SERVER, client_chain()),
            finished(SERVER),
        ),
        *(certificate_message(CLIENT, client_chain()), finished(CLIENT), alert(by, description)),
    ]
    _, causes = outcome_and_causes(events)
    assert [cause.code for cause in causes] == ["protocol-failure"]


def test_the_clients_own_word_counts() -> None:
    """An alert in use for certificates, from a client whose library speaks of something else."""
    failed = fact(CLIENT, Fact.HANDSHAKE_FAILED, "[SSL: DH_KEY_TOO_SMALL] dh key too small")
    refusal = alert(CLIENT, AlertDescription.HANDSHAKE_FAILURE)
    _, causes = outcome_and_causes(
        [
            client_hello(),
            server_hello(),
            certificate_message(SERVER, client_chain()),
            refusal,
            failed,
        ]
    )
    assert [cause.code for cause in causes] == ["protocol-failure"]
    assert "DH_KEY_TOO_SMALL" in " ".join(causes[0].evidence)


def test_an_alert_nobody_has_for_it_does_not_hide_a_mismatch() -> None:
    """The server asks for another CA by name."""
    asks = message_seen(
        SERVER,
        CertificateRequest(
            certificate_authorities=(
                x509.Name.from_rfc4514_string("CN=Somebody Else").public_bytes(),
            )
        ),
    )
    events = [
        client_hello(),
        server_hello(),
        asks,
        finished(SERVER),
        certificate_message(CLIENT, client_chain()),
    ]
    for description in (AlertDescription.ACCESS_DENIED, AlertDescription.UNKNOWN_CA):
        _, causes = outcome_and_causes([*events, finished(CLIENT), alert(SERVER, description)])
        assert causes[0].code == "client-ca-not-trusted"
    # Accepted all the same: the list of names is not the trust store.
    _, causes = outcome_and_causes([*events, finished(CLIENT), TICKET])
    assert [cause.code for cause in causes] == ["mutual-tls"]


def test_a_verdict_ends_speculation() -> None:
    refused = fact(CLIENT, Fact.CERTIFICATE_REFUSED, "Hostname mismatch", 62)
    refusal = alert(CLIENT, AlertDescription.BAD_CERTIFICATE)
    _, causes = outcome_and_causes(
        [
            client_hello(),
            server_hello(),
            certificate_message(SERVER, client_chain()),
            refused,
            refusal,
        ]
    )
    codes = [cause.code for cause in causes]
    assert codes[0] == "server-name-mismatch"
    assert not {"server-ca-not-trusted", "server-intermediate-missing"} & set(codes)


def codes(events: Sequence[Event], *, has: bool | None = None) -> list[str]:
    causes = diagnose(events, judge(events), now=NOW, client_has_certificate=has)
    return [cause.code for cause in causes]


PRESENTED = [*TLS13, certificate_message(CLIENT, client_chain()), finished(CLIENT)]
EXPIRED = [
    *TLS13,
    certificate_message(CLIENT, client_chain(lifetime=timedelta(seconds=1))),
    finished(CLIENT),
]
# About the protocol's own rules, and nobody's certificate.
PROTOCOL = {
    AlertDescription.UNEXPECTED_MESSAGE,
    AlertDescription.BAD_RECORD_MAC,
    AlertDescription.RECORD_OVERFLOW,
    AlertDescription.DECOMPRESSION_FAILURE,
    AlertDescription.DECODE_ERROR,
    AlertDescription.PROTOCOL_VERSION,
    AlertDescription.INAPPROPRIATE_FALLBACK,
    AlertDescription.NO_RENEGOTIATION,
    AlertDescription.MISSING_EXTENSION,
    AlertDescription.UNSUPPORTED_EXTENSION,
    AlertDescription.UNRECOGNIZED_NAME,
    AlertDescription.NO_APPLICATION_PROTOCOL,
}
ENDING_NOTHING = {AlertDescription.CLOSE_NOTIFY, AlertDescription.USER_CANCELED}
ALERTS = sorted(set(AlertDescription) - ENDING_NOTHING, key=int)


@pytest.mark.parametrize("description", ALERTS, ids=str)
@pytest.mark.parametrize("by", list(Endpoint))
def test_which_alerts_are_about_the_protocol(by: Endpoint, description: AlertDescription) -> None:
    """Of an end that nobody watches; what it received was a certificate of the other."""
    events = [*TLS13, certificate_message(SERVER, client_chain()), *PRESENTED[len(TLS13) :]]
    found = codes([*events, alert(by, description)])
    assert (found == ["protocol-failure"]) is (description in PROTOCOL)
    if description not in PROTOCOL:
        own = {f"{by.value}-clock", *(["access-denied"] if by is SERVER else [])}
        assert all(code.startswith(f"{by.other.value}-") or code in own for code in found)


@pytest.mark.parametrize("description", ALERTS, ids=str)
def test_which_alerts_may_be_about_the_proof(description: AlertDescription) -> None:
    about = (AlertDescription.DECRYPT_ERROR, AlertDescription.HANDSHAKE_FAILURE)
    events = [*TLS13, certificate_message(CLIENT, client_chain()), VERIFY, finished(CLIENT)]
    refusal = alert(SERVER, description)
    assert ("client-key-not-proved" in codes([*events, refusal])) is (description in about)
    # The server's own word ends that speculation.
    refused = fact(SERVER, Fact.CERTIFICATE_REFUSED, "certificate has expired", 10)
    assert "client-key-not-proved" not in codes([*events, refused, refusal])


@pytest.mark.parametrize("by", list(Endpoint))
def test_an_end_that_is_watched_would_say_if_it_were_the_certificate(by: Endpoint) -> None:
    words = "[SSL: DH_KEY_TOO_SMALL] dh key too small"
    refusal = alert(by, AlertDescription.BAD_CERTIFICATE)
    failed = fact(by, Fact.HANDSHAKE_FAILED, words)
    events = [*TLS13, certificate_message(SERVER, client_chain()), *PRESENTED[len(TLS13) :]]
    _, causes = outcome_and_causes([*events, failed, refusal])
    assert [cause.code for cause in causes] == ["protocol-failure"]
    assert causes[0].evidence[1] == f"the {by.value}'s TLS library says: {words}"
    _, causes = outcome_and_causes([*events, fact(by, Fact.CONNECTED), refusal])
    assert [cause.code for cause in causes] == ["protocol-failure"]
    assert len(causes[0].evidence) == 1
    refused = fact(by, Fact.CERTIFICATE_REFUSED, "certificate has expired", 10)
    assert codes([*events, refused, refusal])[0] == f"{by.other.value}-certificate-expired"


def test_what_shows_comes_before_a_failure_of_the_protocol() -> None:
    refusal = alert(SERVER, AlertDescription.DECODE_ERROR)
    assert codes([*EXPIRED, refusal]) == ["client-certificate-expired", "protocol-failure"]
    other = x509.Name.from_rfc4514_string("CN=Somebody Else").public_bytes()
    asks = message_seen(SERVER, CertificateRequest(certificate_authorities=(other,)))
    events = [client_hello(), server_hello(), asks, *PRESENTED[len(TLS13) :]]
    assert codes([*events, refusal])[0] == "client-ca-not-trusted"
    assert codes([*PRESENTED, refusal]) == ["protocol-failure"]


def test_malformed_bytes_are_evidence_of_a_failure_of_the_protocol() -> None:
    broken = Malformed(time=0.0, endpoint=CLIENT, offset=0, where="Finished", problem="short")
    _, causes = outcome_and_causes(
        [*PRESENTED, broken, alert(SERVER, AlertDescription.DECODE_ERROR)]
    )
    assert causes[0].evidence[-1] == "the client's Finished is malformed: short"
    assert causes[0].summary.startswith("the server aborted the handshake for a reason other than")
    assert causes[0].summary.endswith("the client's certificate")


def test_each_cause_is_named_once_and_what_shows_before_silence() -> None:
    assert codes([*EXPIRED, stream_ended(SERVER)])[:2] == [
        "client-certificate-expired",
        "refused-without-alert",
    ]
    for events in ([*EXPIRED, stream_ended(SERVER)], [*PRESENTED, stream_ended(SERVER)]):
        found = codes(events)
        assert len(set(found)) == len(found)
    assert codes([*PRESENTED, stream_ended(SERVER)]) == ["refused-without-alert"]


def test_five_causes_are_named_at_most() -> None:
    server_only = profiles.server(()).extended_key_usage
    flawed = client_chain(
        lifetime=timedelta(seconds=1),
        extended_key_usage=server_only,
        key_usage=frozenset({KeyUsageBit.CRL_SIGN}),
    )
    refusal = alert(SERVER, AlertDescription.HANDSHAKE_FAILURE)
    other = x509.Name.from_rfc4514_string("CN=Somebody Else").public_bytes()
    asks = message_seen(SERVER, CertificateRequest(certificate_authorities=(other,)))
    events = [
        client_hello(),
        server_hello(),
        asks,
        certificate_message(CLIENT, flawed),
        VERIFY,
        finished(CLIENT),
        refusal,
    ]
    assert codes(events) == [
        "client-certificate-expired",
        "client-wrong-extended-key-usage",
        "client-wrong-key-usage",
        "client-ca-not-trusted",
        "client-intermediate-missing",
    ]


def test_validity_is_compared_with_a_present_that_is_given_only() -> None:
    events = [*EXPIRED, alert(SERVER, AlertDescription.BAD_CERTIFICATE)]
    assert codes(events)[0] == "client-certificate-expired"
    causes = diagnose(events, judge(events))
    assert "client-certificate-expired" not in [cause.code for cause in causes]


def test_a_chain_that_shows_no_cause() -> None:
    trusted = x509.Name.from_rfc4514_string(describe(client_chain()).issuer).public_bytes()
    asks = message_seen(SERVER, CertificateRequest(certificate_authorities=(trusted,)))
    events = [client_hello(), server_hello(), asks, *PRESENTED[len(TLS13) :]]
    odd = alert(SERVER, AlertDescription.INTERNAL_ERROR)
    _, causes = outcome_and_causes([*events, odd])
    assert [cause.code for cause in causes] == ["client-certificate-refused"]
    assert causes[0].evidence[1:] == ("the certificates themselves show no cause",)
    refused = fact(SERVER, Fact.CERTIFICATE_REFUSED, "out of \x1b memory", 17)
    _, causes = outcome_and_causes([*events, refused, odd])
    assert [cause.code for cause in causes] == ["client-certificate-refused"]
    assert causes[0].evidence[1] == r"the server's OpenSSL says: out of \x1b memory"
    assert "the server refused the client" in causes[0].summary


def test_access_is_denied_to_a_subject() -> None:
    """RFC 9846 section 6.2: a valid certificate was received; GnuTLS's server sends it for any."""
    denied = alert(SERVER, AlertDescription.ACCESS_DENIED)
    assert codes([*PRESENTED, denied])[0] == "client-ca-not-trusted"
    assert codes([*PRESENTED, denied])[-1] == "access-denied"
    refused = fact(SERVER, Fact.CERTIFICATE_REFUSED, "certificate has expired", 10)
    assert codes([*PRESENTED, refused, denied])[0] == "client-certificate-expired"


def test_an_alert_about_the_protocol_makes_no_problem_of_a_certificate_likely() -> None:
    """record_overflow is in use for chains that are too large, and this one is not."""
    trusted = x509.Name.from_rfc4514_string(describe(client_chain()).issuer).public_bytes()
    asks = message_seen(SERVER, CertificateRequest(certificate_authorities=(trusted,)))
    events = [client_hello(), server_hello(), asks, *PRESENTED[len(TLS13) :]]
    refusal = alert(SERVER, AlertDescription.RECORD_OVERFLOW)
    assert codes([*events, refusal]) == ["protocol-failure"]


def test_a_client_without_a_certificate_by_what_the_server_says() -> None:
    events = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT)]
    refused = fact(SERVER, Fact.CERTIFICATE_REFUSED, "peer did not return a certificate")
    for more, words, last in (
        ([refused, stream_ended(SERVER)], "requires", "the server's OpenSSL says: peer did not"),
        ([alert(SERVER, AlertDescription.BAD_CERTIFICATE)], "requires", "the server sent the"),
        ([stream_ended(SERVER)], "seems to require", "the server ended the connection"),
    ):
        _, causes = outcome_and_causes([*events, *more])
        assert causes[0].summary.startswith(f"the server {words} a client certificate")
        assert causes[0].evidence[-1].startswith(last)


@pytest.mark.parametrize(("number", "more"), [(20, False), (21, True)])
def test_twenty_of_the_names_that_a_server_asks_for_are_given(number: int, more: bool) -> None:
    names = [x509.Name.from_rfc4514_string(f"CN=ca-{at}").public_bytes() for at in range(number)]
    asks = message_seen(SERVER, CertificateRequest(certificate_authorities=tuple(names)))
    events = [
        client_hello(),
        server_hello(),
        asks,
        EMPTY_CERTIFICATE,
        alert(SERVER, AlertDescription.BAD_CERTIFICATE),
    ]
    (cause,) = diagnose(events, judge(events), client_has_certificate=True)
    assert "CN=ca-19" in cause.evidence[1] and "CN=ca-20" not in cause.evidence[1]
    assert cause.evidence[1].endswith(" and 1 more") is more
    assert (" more" in cause.evidence[1]) is more
    assert len(cause.evidence) == 3  # no word of signature algorithms


@pytest.mark.parametrize(("number", "more"), [(6, False), (7, True)])
def test_six_of_the_signature_algorithms_that_a_server_accepts_are_given(
    number: int, more: bool
) -> None:
    schemes = list(SignatureScheme)[:number]
    asks = message_seen(SERVER, CertificateRequest(supported_signature_algorithms=tuple(schemes)))
    events = [
        client_hello(),
        server_hello(),
        asks,
        EMPTY_CERTIFICATE,
        alert(SERVER, AlertDescription.BAD_CERTIFICATE),
    ]
    (cause,) = diagnose(events, judge(events), client_has_certificate=True)
    assert str(schemes[5]) in cause.evidence[1]
    assert cause.evidence[1].endswith(", among others") is more
    assert cause.evidence[2].startswith("the server names no CA")
    assert len(cause.evidence) == 4


def test_a_server_that_ends_the_handshake_before_a_certificate_was_seen() -> None:
    broken = alert(SERVER, AlertDescription.INTERNAL_ERROR)
    unasked = [client_hello(), server_hello(), EMPTY_CERTIFICATE, broken]
    for events in ([*TLS13, broken], unasked):
        _, causes = outcome_and_causes(events)
        assert [cause.code for cause in causes] == ["refused-in-handshake"]
        assert len(causes[0].evidence) == 1
    _, causes = outcome_and_causes([*TLS13, SEALED, broken])
    assert causes[0].evidence[1] == "some records could not be decrypted"
    assert codes([*TLS13, stream_ended(SERVER)]) == ["refused-without-alert"]
    assert codes([client_hello(), server_hello(), EMPTY_CERTIFICATE, stream_ended(SERVER)]) == [
        "refused-without-alert"
    ]


def test_a_rejection_that_is_reported_before_anything_was_seen() -> None:
    _, causes = outcome_and_causes([fact(SERVER, Fact.CERTIFICATE_REFUSED, "expired", 10)])
    assert [cause.code for cause in causes] == ["unknown"]
    assert causes[0].evidence == ("the server reported that it rejected the client's certificate",)


def test_the_clients_rejection_by_what_was_seen_of_the_server() -> None:
    refusal = alert(CLIENT, AlertDescription.BAD_CERTIFICATE)
    presented = [client_hello(), server_hello(), certificate_message(SERVER, client_chain())]
    assert codes([*presented, refusal])[0].startswith("server-")
    assert codes([client_hello(), server_hello(), refusal]) == ["protocol-failure"]
    refused = fact(CLIENT, Fact.CERTIFICATE_REFUSED, "certificate has expired", 10)
    assert codes([*presented, refused, stream_ended(CLIENT)])[0] == "server-certificate-expired"
    assert codes([client_hello(), server_hello(), refused, stream_ended(CLIENT)]) == ["client-left"]
    assert codes([client_hello(), server_hello(), refused]) == ["client-left"]


def test_a_server_is_held_to_the_name_and_a_client_to_the_authorities() -> None:
    """And not the other way round."""
    names = ServerNameList(
        server_name_list=(ServerName(name_type=NameType.HOST_NAME, name=b"other.example"),)
    )
    other = x509.Name.from_rfc4514_string("CN=Somebody Else").public_bytes()
    asks = message_seen(SERVER, CertificateRequest(certificate_authorities=(other,)))
    events = [
        client_hello(ProtocolVersion.TLS_1_3, names),
        server_hello(),
        certificate_message(SERVER, client_chain()),
        asks,
    ]
    assert "server-name-mismatch" in codes([*events, alert(CLIENT, AlertDescription.UNKNOWN_CA)])
    presented = [*events, certificate_message(CLIENT, client_chain()), finished(CLIENT)]
    _, causes = outcome_and_causes([*presented, alert(SERVER, AlertDescription.UNKNOWN_CA)])
    assert causes[0].code == "client-ca-not-trusted"
    assert "Somebody Else" in " ".join(causes[0].evidence)
    assert not any("name" in cause.code for cause in causes)
    _, causes = outcome_and_causes([*events, alert(CLIENT, AlertDescription.UNKNOWN_CA)])
    assert "Somebody Else" not in " ".join(line for cause in causes for line in cause.evidence)


def test_a_client_that_loses_an_alert_wrote_before_it_read() -> None:
    before = [*TLS13, EMPTY_CERTIFICATE, finished(CLIENT), RETURNED]
    for more, lost in (
        ([application_data(CLIENT, b"GET"), stream_ended(SERVER, StreamEnd.RESET)], True),
        ([application_data(CLIENT, b"GET"), stream_ended(SERVER)], False),
        ([stream_ended(SERVER, StreamEnd.RESET)], False),
    ):
        _, causes = outcome_and_causes([*before, *more])
        silent = next(cause for cause in causes if cause.code == "refused-without-alert")
        assert (len(silent.evidence) == 2) is lost
