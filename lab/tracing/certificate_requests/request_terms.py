"""What a CertificateRequest asks for, and how certificates at hand compare with it, by the RFCs.

What clients make of it is another matter: lab/diagnosis/certificate_selection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.diagnosis.certificate_selection.results import CertificateAtHand
from lab.tls.code_point import CodePoint, sample
from lab.tls.code_points import ClientCertificateType as Type
from lab.tls.code_points import ExtensionType, ProtocolVersion
from lab.tls.code_points import SignatureScheme as Scheme
from lab.tls.extensions import OidFilters, SignatureAlgorithms
from lab.tls.messages import CertificateRequest
from lab.tracing.certificate_requests.results import CertificateFit, RequestTerms
from lab.x509.certificates import describe
from lab.x509.names import distinguished_name, same_name

MOST_NAMES = 20
"""How many CA names are given as text."""
_MOST_NAMED = 64

# The key that signs by a scheme in TLS 1.3, as lab/x509 names it (RFC 9846 section 4.3.3, RFC 8734,
# RFC 8998); rsa_pkcs1_… are for certificates only there.
_KEYS_OF_TLS13 = {
    Scheme.RSA_PSS_RSAE_SHA256: "RSA",
    Scheme.RSA_PSS_RSAE_SHA384: "RSA",
    Scheme.RSA_PSS_RSAE_SHA512: "RSA",
    Scheme.RSA_PSS_PSS_SHA256: "RSA-PSS",
    Scheme.RSA_PSS_PSS_SHA384: "RSA-PSS",
    Scheme.RSA_PSS_PSS_SHA512: "RSA-PSS",
    Scheme.ECDSA_SECP256R1_SHA256: "EC secp256r1",
    Scheme.ECDSA_SECP384R1_SHA384: "EC secp384r1",
    Scheme.ECDSA_SECP521R1_SHA512: "EC secp521r1",
    Scheme.ECDSA_BRAINPOOLP256R1TLS13_SHA256: "EC brainpoolP256r1",
    Scheme.ECDSA_BRAINPOOLP384R1TLS13_SHA384: "EC brainpoolP384r1",
    Scheme.ECDSA_BRAINPOOLP512R1TLS13_SHA512: "EC brainpoolP512r1",
    Scheme.ED25519: "Ed25519",
    Scheme.ED448: "Ed448",
    Scheme.SM2SIG_SM3: "EC SM2",
    Scheme.MLDSA44: "ML-DSA-44",
    Scheme.MLDSA65: "ML-DSA-65",
    Scheme.MLDSA87: "ML-DSA-87",
}
# By what the name of a scheme begins with in TLS 1.2, where ECDSA is for any curve, and by which
# certificate type the key is asked for (RFC 5246 section 7.4.4, RFC 8422 section 5.5).
_KEYS_OF_TLS12 = (
    ("rsa_pss_pss_", "RSA-PSS", Type.RSA_SIGN),
    ("rsa_", "RSA", Type.RSA_SIGN),
    ("ecdsa_", "EC", Type.ECDSA_SIGN),
    ("ed25519", "Ed25519", Type.ECDSA_SIGN),
    ("ed448", "Ed448", Type.ECDSA_SIGN),
    ("dsa_", "DSA", Type.DSS_SIGN),
)
_TYPES_ALONE = {Type.RSA_SIGN: "RSA", Type.ECDSA_SIGN: "EC", Type.DSS_SIGN: "DSA"}


def terms_of(request: CertificateRequest, version: ProtocolVersion) -> RequestTerms:
    """Return what a request of this version asks for."""
    names = request.certificate_authorities
    known = [each for each in request.supported_signature_algorithms if not each.is_grease]
    filters = request.find(OidFilters)
    return RequestTerms(
        names=tuple(map(distinguished_name, names[:MOST_NAMES])),
        names_left_out=max(0, len(names) - MOST_NAMES),
        keys=tuple(dict.fromkeys(_keys(request, version))),
        unknown_schemes=sum(not scheme.is_known for scheme in known),
        signatures=_named(request.supported_signature_algorithms),
        chain_signatures=_chain_signatures(request),
        types=_named(request.certificate_types),
        filters=len(filters.filters) if filters else 0,
    )


def _named(points: Sequence[CodePoint]) -> tuple[str, ...]:
    """Return the names of code points, GREASE left out; no more than any list of use has."""
    return tuple(map(str, sample(points, _MOST_NAMED)[0]))


def _chain_signatures(request: CertificateRequest) -> tuple[str, ...] | None:
    for extension in request.extensions:
        of_certificates = extension.extension_type == ExtensionType.SIGNATURE_ALGORITHMS_CERT
        if of_certificates and isinstance(extension, SignatureAlgorithms):
            return _named(extension.supported_signature_algorithms)
    return None


def _keys(request: CertificateRequest, version: ProtocolVersion) -> Iterator[str]:
    schemes, types = request.supported_signature_algorithms, request.certificate_types
    if version >= ProtocolVersion.TLS_1_3:
        yield from (_KEYS_OF_TLS13[each] for each in schemes if each in _KEYS_OF_TLS13)
    elif version < ProtocolVersion.TLS_1_2:  # which has no list of signature algorithms
        yield from (_TYPES_ALONE[each] for each in types if each in _TYPES_ALONE)
    else:
        for scheme in schemes:
            for start, key, kind in _KEYS_OF_TLS12:
                if str(scheme).startswith(start):
                    if kind in types:
                        yield key
                    break


def fit_of(
    certificate: CertificateAtHand, request: CertificateRequest, terms: RequestTerms
) -> CertificateFit:
    """Return how a certificate compares with a request of these terms."""
    key = describe(certificate.chain[0]).key_type
    taken = any(key == kind or key.startswith(f"{kind} ") for kind in terms.keys)
    unclear = not key or key == "unknown" or (terms.unknown_schemes and not taken)
    return CertificateFit(
        certificate=certificate,
        named=_naming(certificate, request),
        key_fits=None if unclear else taken,
    )


def _naming(certificate: CertificateAtHand, request: CertificateRequest) -> str | None:
    if not request.certificate_authorities:
        return None
    issuers = [describe(each).issuer_der for each in certificate.chain]
    for name in request.certificate_authorities:
        if any(same_name(name, issuer) for issuer in issuers):
            return distinguished_name(name)
    return ""
