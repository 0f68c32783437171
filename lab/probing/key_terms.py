"""What keys and signatures a server takes from its clients, as its CertificateRequest says.

Rules: TLS 1.2 has certificate types beside the signature algorithms, and ties no curve to a scheme
(RFC 5246 section 7.4.4); TLS 1.3 ties one to each, and has no use for PKCS #1 v1.5 in a handshake
(RFC 9846 section 4.3.3). A request only says what a server takes: whether it does is tried.

This module must not know the scenarios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.pki.identity import KeyKind
from lab.pki.lab_ca import KeyTerms
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import ClientCertificateType, ExtensionType
from lab.tls.code_points import SignatureScheme as Scheme
from lab.tls.extensions import SignatureAlgorithms
from lab.tls.messages import CertificateRequest

_BOTH: Mapping[Scheme, KeyKind] = {
    Scheme.RSA_PSS_RSAE_SHA256: KeyKind.RSA_2048,
    Scheme.RSA_PSS_RSAE_SHA384: KeyKind.RSA_2048,
    Scheme.RSA_PSS_RSAE_SHA512: KeyKind.RSA_2048,
    Scheme.ECDSA_SECP256R1_SHA256: KeyKind.EC_P256,
    Scheme.ECDSA_SECP384R1_SHA384: KeyKind.EC_P384,
    Scheme.ECDSA_SECP521R1_SHA512: KeyKind.EC_P521,
    Scheme.ED25519: KeyKind.ED25519,
    Scheme.ED448: KeyKind.ED448,
    Scheme.RSA_PSS_PSS_SHA256: KeyKind.RSA_PSS_2048,
    Scheme.RSA_PSS_PSS_SHA384: KeyKind.RSA_PSS_2048,
    Scheme.RSA_PSS_PSS_SHA512: KeyKind.RSA_PSS_2048,
}
_KINDS: Mapping[TlsVersion, Mapping[Scheme, KeyKind]] = {
    TlsVersion.TLS13: _BOTH,
    TlsVersion.TLS12: {
        **_BOTH,
        Scheme.RSA_PKCS1_SHA1: KeyKind.RSA_2048,
        Scheme.RSA_PKCS1_SHA224: KeyKind.RSA_2048,
        Scheme.RSA_PKCS1_SHA256: KeyKind.RSA_2048,
        Scheme.RSA_PKCS1_SHA384: KeyKind.RSA_2048,
        Scheme.RSA_PKCS1_SHA512: KeyKind.RSA_2048,
        Scheme.ECDSA_SHA1: KeyKind.EC_P256,
        Scheme.ECDSA_SHA224: KeyKind.EC_P256,
    },
}
_RSA = frozenset({KeyKind.RSA_2048, KeyKind.RSA_PSS_2048})
_PREFERENCE = (
    KeyKind.RSA_2048,
    KeyKind.EC_P256,
    KeyKind.EC_P384,
    KeyKind.EC_P521,
    KeyKind.ED25519,
    KeyKind.ED448,
    KeyKind.RSA_PSS_2048,
)


def terms_of(request: CertificateRequest, version: TlsVersion) -> list[KeyTerms]:
    """Terms under which an identity may be taken, the most usual first; empty: none can be made."""
    schemes = request.supported_signature_algorithms
    kinds = {_KINDS[version].get(scheme) for scheme in schemes}
    if version is TlsVersion.TLS12:
        kinds = {kind for kind in kinds if kind and _type_of(kind) in request.certificate_types}
    for_certificates = tuple(_certificate_schemes(request))
    return [
        KeyTerms(kind=kind, certificate_schemes=for_certificates)
        for kind in _PREFERENCE
        if kind in kinds
    ]


def _type_of(kind: KeyKind) -> ClientCertificateType:
    # Ed25519 and Ed448 go by the type of ECDSA (RFC 8422 section 5.5).
    return ClientCertificateType.RSA_SIGN if kind in _RSA else ClientCertificateType.ECDSA_SIGN


def _certificate_schemes(request: CertificateRequest) -> Sequence[Scheme]:
    """signature_algorithms_cert; where it is not sent, signature_algorithms stands for both."""
    for extension in request.extensions:
        if (
            isinstance(extension, SignatureAlgorithms)
            and extension.extension_type == ExtensionType.SIGNATURE_ALGORITHMS_CERT
        ):
            return extension.supported_signature_algorithms
    return request.supported_signature_algorithms
