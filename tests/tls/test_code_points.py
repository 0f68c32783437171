from __future__ import annotations

import pytest

from lab.tls import code_points
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import (
    CodePoint,
    CodePoint16,
    CodePoints,
    code_table,
)
from lab.tls.code_points import (
    AlertDescription,
    CertificateCompressionAlgorithm,
    ContentType,
    ExtensionType,
    HandshakeType,
    NamedGroup,
    ProtocolVersion,
    SignatureScheme,
)

KINDS = [
    CipherSuite,
    *(
        kind
        for kind in vars(code_points).values()
        if isinstance(kind, type) and issubclass(kind, CodePoint) and len(kind)
    ),
]


@pytest.mark.parametrize(
    ("member", "text"),
    [
        (AlertDescription.CERTIFICATE_REQUIRED, "certificate_required"),
        (HandshakeType.CERTIFICATE_REQUEST, "certificate_request"),
        (ExtensionType.SIGNATURE_ALGORITHMS, "signature_algorithms"),
        (ContentType.APPLICATION_DATA, "application_data"),
        (CipherSuite["TLS_AES_128_GCM_SHA256"], "TLS_AES_128_GCM_SHA256"),
        (CipherSuite["TLS_DH_anon_WITH_AES_128_CBC_SHA"], "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
        (NamedGroup.X25519, "x25519"),
        (NamedGroup.X25519MLKEM768, "X25519MLKEM768"),
        (NamedGroup.BRAINPOOLP256R1TLS13, "brainpoolP256r1tls13"),
        (SignatureScheme.RSA_PSS_RSAE_SHA256, "rsa_pss_rsae_sha256"),
        (ProtocolVersion.TLS_1_3, "TLS 1.3"),
        (CertificateCompressionAlgorithm.ZLIB, "zlib"),
    ],
)
def test_text_is_the_registrys_name(member: CodePoint, text: str) -> None:
    assert str(member) == member.text == f"{member}" == text
    assert f"{member:>40}" == text.rjust(40)
    assert member.is_known


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_every_number_of_a_registry_survives(kind: type[CodePoint]) -> None:
    size = 65536 if issubclass(kind, CodePoint16) else 256
    texts = set()
    for number in range(size):
        point = kind(number)
        assert point == number
        assert int(point) == number
        assert hash(point) == hash(number)
        assert code_table(kind)[number] == point
        texts.add(str(point))
    assert len(texts) == size
    data = b"".join(number.to_bytes(kind.digits() // 2, "big") for number in range(size))
    assert CodePoints(kind, data) == tuple(range(size))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
@pytest.mark.parametrize("value", [-1, 65536, "x", None, 1.5])
def test_what_is_no_number_of_a_registry_is_refused(kind: type[CodePoint], value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        kind(value)  # type: ignore[arg-type]
