from __future__ import annotations

import pytest

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.tls.code_points import (
    AlertDescription,
    HandshakeType,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.events import Fact, Undecoded
from lab.tls.extensions import RenegotiationInfo
from lab.tls.messages import CertificateRequest
from tests.support.events import (
    CLIENT,
    EMPTY_CERTIFICATE,
    SERVER,
    TLS13,
    alert,
    client_chain,
    client_hello,
    fact,
    message_seen,
    outcome_and_causes,
    server_hello,
)


def test_a_server_that_fails_at_its_certificate_request() -> None:
    """OpenSSL cannot write a list of more than 64 KiB of CA names, and sends internal_error."""
    broken = alert(SERVER, AlertDescription.INTERNAL_ERROR)
    _, causes = outcome_and_causes([client_hello(), server_hello(), broken])
    found = [cause.code for cause in causes]
    assert found == ["certificate-request-failed", "refused-in-handshake"]
    other = alert(SERVER, AlertDescription.HANDSHAKE_FAILURE)
    _, causes = outcome_and_causes([client_hello(), server_hello(), other])
    assert [cause.code for cause in causes] == ["refused-in-handshake"]


def test_a_certificate_that_is_longer_than_is_decoded_here() -> None:
    limit = Undecoded(
        time=0.0,
        endpoint=CLIENT,
        records=(),
        where="Certificate.length",
        limit="300000 where at most 262144 is read",
        message=HandshakeType.CERTIFICATE,
    )
    refusal = alert(SERVER, AlertDescription.ILLEGAL_PARAMETER)
    _, causes = outcome_and_causes([*TLS13, limit, refusal])
    assert [cause.code for cause in causes] == ["client-message-too-large"]
    assert causes[0].evidence[0].startswith("not decoded here: Certificate.length: 300000")


@pytest.mark.parametrize(
    ("schemes", "kinds"),
    [
        ((SignatureScheme.RSA_PSS_RSAE_SHA256, SignatureScheme.RSA_PKCS1_SHA256), "RSA"),
        ((SignatureScheme.ED25519, SignatureScheme.RSA_PKCS1_SHA256), "ED25519, RSA"),
    ],
)
def test_the_key_of_the_client_and_those_that_the_server_takes_are_named(
    schemes: tuple[SignatureScheme, ...], kinds: str
) -> None:
    asks = message_seen(SERVER, CertificateRequest(supported_signature_algorithms=schemes))
    refusal = alert(SERVER, AlertDescription.CERTIFICATE_REQUIRED)
    events = [client_hello(), server_hello(), asks, EMPTY_CERTIFICATE, refusal]
    (cause,) = diagnose(
        events, judge(events), client_has_certificate=True, client_certificate=client_chain()
    )
    assert cause.code == "no-fitting-client-certificate"
    assert cause.summary == (
        f"the client's key is EC secp256r1, and the server accepts signatures of {kinds} only"
    )


def test_a_server_without_secure_renegotiation() -> None:
    """What OpenSSL 3 says of a server that is older than RFC 5746."""
    words = "[SSL: UNSAFE_LEGACY_RENEGOTIATION_DISABLED] unsafe legacy renegotiation disabled"
    refusal = alert(CLIENT, AlertDescription.HANDSHAKE_FAILURE)
    failed = fact(CLIENT, Fact.HANDSHAKE_FAILED, words)
    events = [client_hello(), server_hello(ProtocolVersion.TLS_1_2), refusal, failed]
    _, causes = outcome_and_causes(events)
    assert [cause.code for cause in causes] == ["legacy-renegotiation"]
    assert "OP_LEGACY_SERVER_CONNECT" in causes[0].fix
    info = RenegotiationInfo(renegotiated_connection=b"")
    events[1] = server_hello(ProtocolVersion.TLS_1_2, info)
    assert outcome_and_causes(events)[1][0].code == "protocol-failure"
