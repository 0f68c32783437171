"""The ways in which the lab's connections end, as expected in each version."""

from __future__ import annotations

from lab.diagnosis.results import Result, Signal
from lab.probing.scenarios.scenario import (
    Expectation,
    accepted,
    answered,
    by_version,
    ended,
    refused,
    refused_at_hello,
    refused_by_client,
)
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.events import Endpoint
from lab.x509.verify_codes import VerifyCode

TLS12, TLS13 = TlsVersion.TLS12, TlsVersion.TLS13


def test_only_a_certificates_refusal_differs_between_the_versions() -> None:
    """In TLS 1.3 the client's handshake call has returned before the server judges."""
    ends = refused(Alert.CERTIFICATE_EXPIRED, code=VerifyCode.CERT_HAS_EXPIRED)
    assert ends[TLS12] == Expectation(
        result=Result.REJECTED,
        by=Endpoint.SERVER,
        signal=Signal.ALERT,
        alerts=frozenset({Alert.CERTIFICATE_EXPIRED}),
        verify_code=10,
        reason="certificate has expired",
    )
    assert [ends[version].client_returned for version in (TLS12, TLS13)] == [False, True]
    at_hello = refused_at_hello(Alert.PROTOCOL_VERSION)
    by_client = refused_by_client(Alert.UNKNOWN_CA, code=VerifyCode.DEPTH_ZERO_SELF_SIGNED_CERT)
    for same in (at_hello, by_client, accepted(), answered(403)):
        assert same[TLS12] == same[TLS13]
    assert not at_hello[TLS13].client_returned
    assert not by_client[TLS13].client_returned
    assert (at_hello[TLS13].by, by_client[TLS13].by) == (Endpoint.SERVER, Endpoint.CLIENT)


def test_a_client_that_is_let_in() -> None:
    assert accepted()[TLS13] == Expectation(
        result=Result.ACCEPTED, http_status=200, client_returned=True
    )
    assert answered(403)[TLS12] == Expectation(
        result=Result.REJECTED,
        by=Endpoint.SERVER,
        signal=Signal.HTTP_STATUS,
        http_status=403,
        client_returned=True,
    )


def test_reasons() -> None:
    def reason(code: VerifyCode) -> str:
        return refused_by_client(Alert.BAD_CERTIFICATE, code=code)[TLS13].reason

    assert reason(VerifyCode.HOSTNAME_MISMATCH).endswith("not valid for 'localhost'.")
    assert reason(VerifyCode.IP_ADDRESS_MISMATCH).endswith("not valid for '127.0.0.1'.")
    own = refused(Alert.HANDSHAKE_FAILURE, reason="no shared cipher")[TLS12]
    assert (own.verify_code, own.reason) == (None, "no shared cipher")


def test_an_end_without_an_alert_and_versions_that_differ() -> None:
    end = Expectation(result=Result.FAILED, by=Endpoint.CLIENT, signal=Signal.NOT_TLS)
    failed = ended(Result.FAILED, Endpoint.CLIENT, Signal.NOT_TLS)
    assert failed == {TLS12: end, TLS13: end}
    joined = by_version(failed, accepted())
    assert joined == {TLS12: end, TLS13: accepted()[TLS13]}
