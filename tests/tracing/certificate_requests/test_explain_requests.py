"""Explaining the requests of many connections: alike ones once, and bounded."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.api import LabCA
from lab.diagnosis.causes.later_clients import LATER_CLIENTS
from lab.diagnosis.certificate_selection.results import CertificateAtHand
from lab.diagnosis.certificate_selection.select import select
from lab.tls.code_points import ClientCertificateType, ProtocolVersion, SignatureScheme
from lab.tls.messages import CertificateRequest
from lab.tracing.certificate_requests.explain_requests import (
    MOST_NUMBERS,
    MOST_REQUESTS,
    explain_requests,
)
from lab.tracing.certificate_requests.results import (
    AskedConnection,
    ClientAnswer,
    NoRequest,
    RequestTime,
    SeenRequest,
)

NOW = datetime.now(timezone.utc)
TLS12, TLS13 = ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3
CLIENT = LabCA().authority.client()
AT_HAND = CertificateAtHand(
    name="client.crt", chain=(CLIENT.certificate.public_bytes(Encoding.DER),)
)
REQUEST = CertificateRequest(
    certificate_types=(ClientCertificateType.ECDSA_SIGN,),
    supported_signature_algorithms=(SignatureScheme.ECDSA_SECP256R1_SHA256,),
)


def seen(
    request: CertificateRequest = REQUEST,
    answer: ClientAnswer = ClientAnswer.EMPTY,
    when: RequestTime = RequestTime.IN_HANDSHAKE,
) -> SeenRequest:
    return SeenRequest(request=request, time=when, answer=answer)


def connection(number: int, *requests: SeenRequest, **fields: object) -> AskedConnection:
    lack = None if requests else NoRequest.SEALED
    made = AskedConnection(
        server="10.0.0.2:443", number=number, version=TLS12, began=NOW, requests=requests, lack=lack
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def naming(text: str) -> CertificateRequest:
    name = x509.Name.from_rfc4514_string(text).public_bytes()
    return dataclasses.replace(REQUEST, certificate_authorities=(name,))


def test_alike_ones_are_told_once() -> None:
    many = [connection(number, seen()) for number in range(1, 9)]
    sent = connection(9, seen(answer=ClientAnswer.CERTIFICATE))
    report = explain_requests("x.pcap", [*many, sent], [])
    (request,) = report.requests
    assert request.connections == 9
    assert request.numbers == tuple(range(1, MOST_NUMBERS + 1))
    assert request.answers == ((ClientAnswer.EMPTY, 8), (ClientAnswer.CERTIFICATE, 1))
    assert (request.fits, request.selections, report.left_out) == ((), (), 0)


def test_what_differs_is_told_apart() -> None:
    other_server = connection(1, seen(), server="10.0.0.3:443")
    newer = connection(2, seen(), version=TLS13)
    other_names = connection(3, seen(naming("CN=Other")))
    later = connection(4, seen(when=RequestTime.AFTER_HANDSHAKE), version=TLS13)
    sealed, again = connection(5), connection(6)
    unasked = connection(7, lack=NoRequest.NOT_ASKED, detail="x")
    some = [other_server, newer, other_names, later, sealed, again, unasked]
    report = explain_requests("x.pcap", some, [])
    assert [each.numbers for each in report.requests] == [(1,), (2,), (3,), (4,)]
    assert [each.numbers for each in report.unasked] == [(5, 6), (7,)]
    assert report.tells


def test_whether_anything_is_told() -> None:
    assert not explain_requests("x.pcap", [connection(1)], []).tells
    assert explain_requests("x.pcap", [connection(1, lack=NoRequest.NOT_ASKED)], []).tells


def test_a_connection_that_is_asked_twice_counts_once() -> None:
    """The context of a request after a handshake is another each time."""
    requests = [
        seen(dataclasses.replace(REQUEST, certificate_request_context=context))
        for context in (b"1", b"2")
    ]
    (request,) = explain_requests("x", [connection(1, *requests)], []).requests
    assert (request.connections, request.answers) == (1, ((ClientAnswer.EMPTY, 2),))


def test_selections_are_those_of_the_rules() -> None:
    (request,) = explain_requests("x", [connection(1, seen())], [AT_HAND]).requests
    assert request.selections == select(REQUEST, TLS12, [AT_HAND], now=NOW)
    assert [fit.certificate for fit in request.fits] == [AT_HAND]


def test_dates_are_judged_by_the_time_of_the_connection() -> None:
    began = NOW + timedelta(days=4000)
    (request,) = explain_requests("x", [connection(1, seen(), began=began)], [AT_HAND]).requests
    assert request.selections == select(REQUEST, TLS12, [AT_HAND], now=began)


def test_a_version_that_was_not_seen_is_that_of_the_request() -> None:
    (request,) = explain_requests("x", [connection(1, seen(), version=None)], []).requests
    assert request.version == TLS12


def test_a_draft_is_judged_as_tls13() -> None:
    draft = connection(1, seen(), version=ProtocolVersion(0x7F1C))
    (request,) = explain_requests("x", [draft], [AT_HAND]).requests
    assert request.selections == select(REQUEST, TLS13, [AT_HAND], now=NOW)
    assert str(request.version) != "TLS 1.3"


def test_no_rule_is_told_of_a_request_that_came_later() -> None:
    later = connection(1, seen(when=RequestTime.AFTER_HANDSHAKE), version=TLS13)
    report = explain_requests("x", [later], [AT_HAND])
    (request,) = report.requests
    assert request.selections == () and request.fits
    assert report.later_clients == LATER_CLIENTS
    assert explain_requests("x", [connection(1, seen())], []).later_clients == ()


def test_requests_that_all_differ_fill_no_memory() -> None:
    differing = (connection(number, seen(naming(f"CN={number}"))) for number in range(2000))
    lacking = (connection(number, detail=f"{number}") for number in range(1000))
    report = explain_requests("x", [*differing, *lacking], [])
    assert (len(report.requests), len(report.unasked)) == (MOST_REQUESTS, MOST_REQUESTS)
    assert report.left_out == 3000 - 2 * MOST_REQUESTS
