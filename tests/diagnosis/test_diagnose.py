"""Which causes a diagnosis names, and in which order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Signal
from lab.pki import profiles
from lab.tls.code_points import (
    AlertDescription,
)
from lab.tls.events import (
    Endpoint,
    Fact,
    StreamEnd,
)
from lab.tls.messages import (
    CertificateRequest,
)
from lab.x509.certificates import describe
from tests.support.events import (
    CLIENT,
    EMPTY,
    NOW,
    REQUEST,
    RETURNED,
    SERVER,
    TICKET,
    TLS13,
    VERIFY,
    alert,
    answer,
    both,
    chain,
    client_chain,
    data,
    ended,
    fact,
    finished,
    hello,
    said,
)


@pytest.mark.parametrize("number", [0x28, 0x2A, 0x2C, 0x32, 0x50, 0x74, 0xF0])
def test_no_cause_comes_from_the_number_alone(number: int) -> None:
    """An empty Certificate and then a fatal alert is a missing certificate, whatever the alert."""
    refusal = alert(SERVER, AlertDescription(number))
    _, causes = both([*TLS13, EMPTY, finished(CLIENT), refusal])
    assert causes[0].code == "no-client-certificate"
    # The same alert before a certificate was asked for is about something else.
    _, causes = both([hello(), refusal])
    assert all("certificate" not in cause.code for cause in causes)


def test_a_reset_with_the_clients_data_on_the_way() -> None:
    events = [*TLS13, EMPTY, finished(CLIENT), RETURNED, data(CLIENT, b"GET")]
    outcome, causes = both([*events, ended(SERVER, StreamEnd.RESET)])
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


def test_a_verdict_ends_speculation() -> None:
    refused = fact(CLIENT, Fact.CERTIFICATE_REFUSED, "Hostname mismatch", 62)
    refusal = alert(CLIENT, AlertDescription.BAD_CERTIFICATE)
    _, causes = both([hello(), answer(), chain(SERVER, client_chain()), refused, refusal])
    codes = [cause.code for cause in causes]
    assert codes[0] == "server-name-mismatch"
    assert not {"server-ca-not-trusted", "server-intermediate-missing"} & set(codes)
