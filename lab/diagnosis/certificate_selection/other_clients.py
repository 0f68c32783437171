"""What programs send that use rustls, or BoringSSL as gRPC does: each is given one certificate."""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.certificate_selection.candidates import (
    GIVEN,
    NO_SCHEME,
    NO_TYPE,
    RARE_SCHEMES,
    SHA1,
    Candidate,
    Family,
    SelectionQuestion,
    SelectionVerdict,
    breaks_off,
    sends,
    sends_empty,
    unknown,
)
from lab.tls.code_points import SignatureScheme as Scheme

_NOTHING_IN_COMMON = "none of the server's signature algorithms is one that rustls has in TLS 1.3"
_NOT_LOADED = "keyUsage has no digitalSignature: BoringSSL refuses to load it with its EC key"
_VERSION_1 = "rustls refuses to load a certificate that is not of version 3"
_CRITICAL = "rustls refuses to load a certificate with a critical extension that it does not know"
_KNOWN_EXTENSIONS = {
    *("basicConstraints", "keyUsage", "extendedKeyUsage", "subjectAltName", "nameConstraints")
}
# The octets of algorithms that rustls takes for ones of TLS 1.3, whether it can make them or not.
_ECDSA_OF_TLS13 = {
    Scheme.ECDSA_SECP256R1_SHA256,
    Scheme.ECDSA_SECP384R1_SHA384,
    Scheme.ECDSA_SECP521R1_SHA512,
}
_OTHERS_OF_TLS13 = range(Scheme.RSA_PSS_RSAE_SHA256, Scheme.RSA_PSS_PSS_SHA512 + 1)


def rustls(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what rustls sends of one certificate, which was given without a resolver."""
    (candidate,) = candidates
    if candidate.leaf.version != 3:
        return breaks_off(_VERSION_1)
    if not _KNOWN_EXTENSIONS.issuperset(candidate.leaf.critical_extensions):
        return unknown(_CRITICAL)
    common = [one for one in question.schemes if one in _ECDSA_OF_TLS13 or one in _OTHERS_OF_TLS13]
    if question.is_tls13 and not common:
        rare = question.has_rare_schemes
        return unknown(RARE_SCHEMES) if rare else breaks_off(_NOTHING_IN_COMMON)
    if question.signing(candidate, any_curve=False):
        return sends(candidate, GIVEN)
    return sends_empty(NO_SCHEME)


def boringssl(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what BoringSSL sends of the one certificate that gRPC gives it."""
    (candidate,) = candidates
    if candidate.family is Family.EC and not candidate.may_sign:
        return breaks_off(_NOT_LOADED)
    if not question.takes_type(candidate):
        return breaks_off(NO_TYPE)
    if not question.signing(candidate, old=SHA1):
        return breaks_off(NO_SCHEME)
    return sends(candidate, GIVEN)
