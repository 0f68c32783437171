"""What a CertificateRequest says of the keys and signatures that a server takes."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from lab.pki import profiles
from lab.pki.identity import KeyKind, PrivateKey, cached
from lab.pki.lab_ca import KeyTerms, LabAuthority, new_lab_authority
from lab.pki.profiles import SignatureHash
from lab.probing.preflight import terms_of
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import ClientCertificateType, ExtensionType
from lab.tls.code_points import SignatureScheme as Scheme
from lab.tls.extensions import SignatureAlgorithms
from lab.tls.messages import CertificateRequest

RSA, ECDSA = ClientCertificateType.RSA_SIGN, ClientCertificateType.ECDSA_SIGN
BOTH = (RSA, ECDSA)


def kinds(version: TlsVersion, *schemes: Scheme, types: tuple[int, ...] = BOTH) -> list[KeyKind]:
    request = CertificateRequest(
        certificate_types=tuple(map(ClientCertificateType, types)),
        supported_signature_algorithms=schemes,
    )
    return [each.kind for each in terms_of(request, version) if each.kind]


@pytest.mark.parametrize("version", TlsVersion)
@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        (Scheme.RSA_PSS_RSAE_SHA256, KeyKind.RSA_2048),
        (Scheme.RSA_PSS_RSAE_SHA512, KeyKind.RSA_2048),
        (Scheme.ECDSA_SECP256R1_SHA256, KeyKind.EC_P256),
        (Scheme.ECDSA_SECP384R1_SHA384, KeyKind.EC_P384),
        (Scheme.ECDSA_SECP521R1_SHA512, KeyKind.EC_P521),
        (Scheme.ED25519, KeyKind.ED25519),
        (Scheme.ED448, KeyKind.ED448),
        (Scheme.RSA_PSS_PSS_SHA384, KeyKind.RSA_PSS_2048),
    ],
)
def test_a_scheme_has_its_key(version: TlsVersion, scheme: Scheme, kind: KeyKind) -> None:
    assert kinds(version, scheme) == [kind]


@pytest.mark.parametrize("scheme", [Scheme.RSA_PKCS1_SHA256, Scheme.RSA_PKCS1_SHA1])
def test_pkcs1_signs_no_handshake_of_tls_13(scheme: Scheme) -> None:
    assert kinds(TlsVersion.TLS12, scheme) == [KeyKind.RSA_2048]
    assert kinds(TlsVersion.TLS13, scheme) == []


def test_in_tls_12_the_certificate_type_counts_too() -> None:
    schemes = (Scheme.ED25519, Scheme.RSA_PSS_PSS_SHA256, Scheme.RSA_PKCS1_SHA256)
    assert kinds(TlsVersion.TLS12, *schemes, types=(RSA,)) == [
        KeyKind.RSA_2048,
        KeyKind.RSA_PSS_2048,
    ]
    assert kinds(TlsVersion.TLS12, *schemes, types=(ECDSA,)) == [KeyKind.ED25519]
    assert kinds(TlsVersion.TLS12, *schemes, types=()) == []


@pytest.mark.parametrize("version", TlsVersion)
def test_what_nobody_can_make(version: TlsVersion) -> None:
    unknown = (Scheme.DSA_SHA256, Scheme.SM2SIG_SM3, Scheme.MLDSA44, Scheme(0xFEED))
    assert kinds(version, *unknown) == []
    assert kinds(version) == []


def test_certificates_have_schemes_of_their_own() -> None:
    def request(*extensions: SignatureAlgorithms) -> CertificateRequest:
        schemes = (Scheme.ED25519,)
        return CertificateRequest(supported_signature_algorithms=schemes, extensions=extensions)

    for_certificates = SignatureAlgorithms(
        extension_type=ExtensionType.SIGNATURE_ALGORITHMS_CERT,
        supported_signature_algorithms=(Scheme.RSA_PKCS1_SHA384,),
    )
    (plain,) = terms_of(request(), TlsVersion.TLS13)
    (apart,) = terms_of(request(for_certificates), TlsVersion.TLS13)
    assert plain.certificate_schemes == (Scheme.ED25519,)
    assert (apart.kind, apart.certificate_schemes) == (KeyKind.ED25519, (Scheme.RSA_PKCS1_SHA384,))


RSA_KEY, P256, P384 = (
    cached(kind, 410) for kind in (KeyKind.RSA_2048, KeyKind.EC_P256, KeyKind.EC_P384)
)


@pytest.mark.parametrize(
    ("key", "schemes", "digest", "is_pss"),
    [
        (RSA_KEY, (), SignatureHash.SHA256, False),
        (RSA_KEY, (Scheme.RSA_PKCS1_SHA384,), SignatureHash.SHA384, False),
        (RSA_KEY, (Scheme.RSA_PSS_RSAE_SHA512,), SignatureHash.SHA512, True),
        (
            RSA_KEY,
            (Scheme.RSA_PSS_RSAE_SHA512, Scheme.RSA_PKCS1_SHA256),
            SignatureHash.SHA256,
            False,
        ),
        (RSA_KEY, (Scheme.ED25519,), SignatureHash.SHA256, False),
        (P256, (), SignatureHash.SHA256, False),
        (P256, (Scheme.ECDSA_SECP384R1_SHA384,), SignatureHash.SHA384, False),
        (P384, (Scheme.ECDSA_SECP256R1_SHA256,), SignatureHash.SHA256, False),
        (
            P384,
            (Scheme.ECDSA_SECP256R1_SHA256, Scheme.ECDSA_SECP384R1_SHA384),
            SignatureHash.SHA384,
            False,
        ),
    ],
)
def test_a_ca_signs_in_a_way_that_the_server_takes(
    key: PrivateKey, schemes: tuple[Scheme, ...], digest: SignatureHash, is_pss: bool
) -> None:
    signed = KeyTerms(certificate_schemes=schemes).signed_by(key, profiles.client())
    assert (signed.signature_hash, signed.signature_pss) == (digest, is_pss)


@pytest.fixture
def ca() -> LabAuthority:
    return new_lab_authority(datetime.now(timezone.utc))


def test_without_terms_the_keys_are_the_usual(ca: LabAuthority) -> None:
    assert ca.leaf_kind() is KeyKind.EC_P256
    assert ca.leaf_kind(KeyKind.RSA_2048) is KeyKind.RSA_2048
