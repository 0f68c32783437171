"""Whether the scenario's certificate was presented, as seen on the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.results import Outcome
from lab.pki import catalogue
from lab.pki.identity import KeyKind
from lab.pki.lab_ca import new_lab_authority
from lab.probing.attempt import ScenarioTrace, key_not_taken, why_not_presented
from lab.probing.results import Verdict
from lab.probing.verdict import Circumstances, rule
from lab.tls.code_points import ContentType, SignatureScheme
from lab.tls.events import Endpoint, Event, SealedSeen
from lab.tls.messages import CertificateRequest
from tests.support.events import server_hello
from tests.support.scenario_traces import (
    ACCEPTED,
    CERTIFICATE_REQUEST,
    LEAF,
    SERVER_HELLO,
    client_certificates,
    message,
    rejected_by_alert,
    scenario_trace,
)

REFUSED = rejected_by_alert(45)
SEALED = SealedSeen(
    time=0.0,
    endpoint=Endpoint.SERVER,
    records=(),
    encrypted=True,
    content_type=ContentType.APPLICATION_DATA,
    length=600,
)


def with_events(
    name: str, *events: Event, outcome: Outcome = REFUSED, leaf: bytes = LEAF
) -> ScenarioTrace:
    """An attempt of which these events, and no others, were seen."""
    attempt = scenario_trace(name, outcome, leaf=leaf)
    return replace(attempt, trace=replace(attempt.trace, events=events))


@pytest.mark.parametrize(
    ("events", "outcome", "reason"),
    [
        ((SERVER_HELLO, CERTIFICATE_REQUEST, client_certificates(LEAF)), REFUSED, ""),
        ((SERVER_HELLO, CERTIFICATE_REQUEST, client_certificates(LEAF, b"its CA")), REFUSED, ""),
        (
            (SERVER_HELLO, CERTIFICATE_REQUEST, client_certificates(b"another", LEAF)),
            REFUSED,
            "the client sent another certificate",
        ),
        ((), REFUSED, "the connection ended before the server answered the ClientHello"),
        ((SERVER_HELLO,), ACCEPTED, "the server asked for no certificate"),
        (
            (SERVER_HELLO,),
            REFUSED,
            "the connection ended before the server asked for a certificate",
        ),
        ((SERVER_HELLO, SEALED), ACCEPTED, "the server asked for no certificate"),  # of TLS 1.2
        (
            (server_hello(), SEALED),
            ACCEPTED,
            "not all records could be decrypted; no CertificateRequest was seen",
        ),
        (
            (SERVER_HELLO, CERTIFICATE_REQUEST),
            REFUSED,
            "the connection ended before the client sent its certificate",
        ),
    ],
)
def test_why_a_certificate_was_not_presented(
    events: tuple[Event, ...], outcome: Outcome, reason: str
) -> None:
    assert why_not_presented(with_events("expired", *events, outcome=outcome)) == reason


def test_a_client_without_a_certificate_sends_an_empty_message() -> None:
    assert (
        why_not_presented(
            with_events("no-certificate", SERVER_HELLO, CERTIFICATE_REQUEST, client_certificates())
        )
        == ""
    )
    assert why_not_presented(
        with_events("no-certificate", SERVER_HELLO, CERTIFICATE_REQUEST, client_certificates(LEAF))
    ) == ("the client sent a certificate where it should have none")


@pytest.mark.parametrize("name", ["no-common-version", "plain-http", "server-expired"])
def test_nothing_is_due_where_the_certificate_is_not_the_point(name: str) -> None:
    assert why_not_presented(with_events(name)) == ""


SCHEMES = tuple(map(SignatureScheme, (0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0201)))


def kept_back(recipe: catalogue.Recipe, schemes: tuple[SignatureScheme, ...]) -> str:
    """Return why a client sent no certificate to a server that takes these schemes."""
    request = CertificateRequest(supported_signature_algorithms=schemes)
    certificate = recipe(new_lab_authority(datetime.now(timezone.utc))).certificate
    leaf = certificate.public_bytes(Encoding.DER)
    events = (SERVER_HELLO, message(Endpoint.SERVER, request), client_certificates())
    attempt = with_events("expired", *events, leaf=leaf)
    assert key_not_taken(attempt)
    return why_not_presented(attempt)


def test_a_certificate_that_is_kept_back_is_held_against_what_the_server_takes() -> None:
    begin = "the client sent an empty Certificate: the server takes "
    assert kept_back(catalogue.good_ec, ()) == (
        f"{begin}nothing; the certificate has a key of EC secp256r1 and is signed with "
        "ecdsa-with-SHA256"
    )
    six = ", ".join(map(str, SCHEMES[:6]))
    assert kept_back(catalogue.good_ec, SCHEMES[:6]).startswith(f"{begin}{six}; the")
    assert kept_back(catalogue.good_ec, SCHEMES).startswith(f"{begin}{six} and 1 more; the")
    assert " a key of RSA 2048 and " in kept_back(catalogue.client(KeyKind.RSA_2048), SCHEMES)
    assert " a key of RSA-PSS 2048 and " in kept_back(catalogue.rsa_pss, SCHEMES)
    assert " a key of Ed25519 and " in kept_back(catalogue.good_ed25519, SCHEMES)


def test_only_an_empty_message_keeps_a_certificate_back() -> None:
    assert not key_not_taken(
        with_events("expired", SERVER_HELLO, CERTIFICATE_REQUEST, client_certificates(LEAF))
    )
    assert not key_not_taken(with_events("expired", SERVER_HELLO, CERTIFICATE_REQUEST))
    assert not key_not_taken(with_events("expired", SERVER_HELLO, client_certificates()))
    assert not key_not_taken(
        with_events("no-certificate", SERVER_HELLO, CERTIFICATE_REQUEST, client_certificates())
    )


def test_another_certificate_than_the_scenarios_was_not_tried() -> None:
    finding = rule(
        with_events("expired", SERVER_HELLO, CERTIFICATE_REQUEST, client_certificates(b"another")),
        Circumstances(),
    )
    assert finding.verdict is Verdict.NOT_TRIED
    assert finding.notes == ("the client sent another certificate",)
