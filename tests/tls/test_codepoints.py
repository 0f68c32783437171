from __future__ import annotations

import copy
import gc
import pickle

import pytest

from lab.tls import codepoints
from lab.tls.ciphersuites import CipherSuite
from lab.tls.codepoints import (
    AlertDescription,
    CertificateCompressionAlgorithm,
    ContentType,
    ExtensionType,
    HandshakeType,
    NamedGroup,
    ProtocolVersion,
    PskKeyExchangeMode,
    SignatureScheme,
)
from lab.tls.registry import CodePoint, CodePoint16, CodePoints, code_table

KINDS = [
    CipherSuite,
    *(
        kind
        for kind in vars(codepoints).values()
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
        (CipherSuite.TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
        (CipherSuite.TLS_DH_anon_WITH_AES_128_CBC_SHA, "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
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


def test_unknown_values_are_named_by_their_number() -> None:
    assert str(CipherSuite(0x1234)) == "unknown(0x1234)"
    assert str(AlertDescription(7)) == "unknown(0x07)"
    assert repr(AlertDescription(7)) == "<AlertDescription.unknown(0x07): 7>"
    assert not AlertDescription(7).is_known
    assert AlertDescription(7) == AlertDescription(7)
    assert AlertDescription(7) != AlertDescription(8)


def test_unknown_values_can_be_copied() -> None:
    unknown = AlertDescription(7)
    assert copy.deepcopy(unknown) == pickle.loads(pickle.dumps(unknown)) == unknown
    assert str(pickle.loads(pickle.dumps(unknown))) == "unknown(0x07)"


def test_unknown_values_are_kept_nowhere() -> None:
    def held() -> int:
        gc.collect()
        return sum(isinstance(thing, CipherSuite) for thing in gc.get_objects())

    before = len(CipherSuite), len(code_table(CipherSuite)), held()
    points = CodePoints(CipherSuite, bytes(range(256)) * 256)
    assert str(points[1]) == "unknown(0x0203)"
    assert len({str(point) for point in points}) > 100
    assert (len(CipherSuite), len(code_table(CipherSuite)), held()) == before


def test_grease_is_told() -> None:
    """RFC 8701 section 2 lists them."""
    assert str(CipherSuite(0x0A0A)) == "GREASE(0x0a0a)"
    for kind in (CipherSuite, ExtensionType, NamedGroup, SignatureScheme, ProtocolVersion):
        found = [number for number in range(65536) if kind(number).is_grease]
        assert found == [0x1010 * high + 0x0A0A for high in range(16)]
    modes = [number for number in range(256) if PskKeyExchangeMode(number).is_grease]
    assert modes == [0x0B, 0x2A, 0x49, 0x68, 0x87, 0xA6, 0xC5, 0xE4]
    assert not any(AlertDescription(number).is_grease for number in range(256))
