"""What Java sends, by its two key managers.

Both go through the kinds of keys in the order of the server's algorithms, those of
signature_algorithms_cert where there is that extension, and look only then for a certificate.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.certificate_selection.candidates import (
    FITS,
    NAME_UNKNOWN,
    NO_NAME,
    NO_SCHEME,
    NO_TYPE,
    PSS_PSS,
    RARE_SCHEMES,
    SHA1,
    SHA224,
    Candidate,
    Family,
    SelectionQuestion,
    SelectionVerdict,
    breaks_off,
    of_equals,
    sends,
    sends_empty,
    unknown,
)
from lab.diagnosis.certificate_selection.name_matching import NameMatch
from lab.tls.code_points import SignatureScheme as Scheme

_FAMILIES = {
    **dict.fromkeys((Scheme.ED25519, Scheme.ED448), Family.ED25519),
    **dict.fromkeys(
        (
            Scheme.ECDSA_SECP256R1_SHA256,
            Scheme.ECDSA_SECP384R1_SHA384,
            Scheme.ECDSA_SECP521R1_SHA512,
            Scheme.ECDSA_SHA224,
            Scheme.ECDSA_SHA1,
        ),
        Family.EC,
    ),
    **dict.fromkeys(
        (
            Scheme.RSA_PSS_RSAE_SHA256,
            Scheme.RSA_PSS_RSAE_SHA384,
            Scheme.RSA_PSS_RSAE_SHA512,
            Scheme.RSA_PKCS1_SHA256,
            Scheme.RSA_PKCS1_SHA384,
            Scheme.RSA_PKCS1_SHA512,
            Scheme.RSA_PKCS1_SHA224,
            Scheme.RSA_PKCS1_SHA1,
        ),
        Family.RSA,
    ),
}
_NOT_IN_TLS13 = {scheme for scheme in _FAMILIES if "RSA_PKCS1" in scheme.name} | SHA224
_KNOWN_IN_TLS13 = {*_FAMILIES, *PSS_PSS} - SHA224
_NOTHING_IN_COMMON = "Java has none of the server's signature algorithms in TLS 1.3"
_NO_SIGNATURE = (
    "the certificate is chosen, and then its key can make none of the signatures that the server "
    "takes"
)
_BADLY_SIGNED = "a certificate of the chain is signed in a way that the server does not list"
_RARE_SIGNATURE = "no run covers a signature in the chain, or in which order it is"
_SEVERAL = "several fit: which is sent depends on their aliases in the key store"


def simple(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what the key manager SunX509 chooses, which looks at key types and names only."""
    if question.is_tls13 and _KNOWN_IN_TLS13.isdisjoint(question.schemes):
        return _nothing_in_common(question)
    fitting, misfit = _by_name(question, candidates)
    if not fitting:
        return misfit
    families = _families(question)
    best = min(families.index(one.family) for one in fitting)
    equals = [one for one in fitting if families.index(one.family) == best]
    return of_equals([_signed(question, one) for one in equals], _SEVERAL)


def pkix(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what the key manager PKIX (NewSunX509) chooses, which also looks into certificates.

    A certificate that is not for clients, or out of date, is sent where there is no better one.
    """
    if question.is_tls13 and _KNOWN_IN_TLS13.isdisjoint(question.schemes):
        return _nothing_in_common(question)
    fitting, misfit = _by_name(question, candidates)
    if not fitting:
        return misfit
    listed = question.cert_schemes or question.schemes
    signed = [_is_signed(one, listed) for one in fitting]
    if None in signed:
        return unknown(_RARE_SIGNATURE)
    fitting = [one for one, well in zip(fitting, signed, strict=True) if well]
    if not fitting:
        return sends_empty(_BADLY_SIGNED)
    families = _families(question)

    def rank(one: Candidate) -> tuple[int, int]:
        mismatch = not (one.may_sign and one.has_purpose("anyExtendedKeyUsage"))
        order = 2 if mismatch else 0 if one.is_valid_at(question.now) else 1
        return order, families.index(one.family)

    best = min(map(rank, fitting))
    equals = [one for one in fitting if rank(one) == best]
    return of_equals([_signed(question, one) for one in equals], _SEVERAL)


def _nothing_in_common(question: SelectionQuestion) -> SelectionVerdict:
    return unknown(RARE_SCHEMES) if question.has_rare_schemes else breaks_off(_NOTHING_IN_COMMON)


def _is_signed(one: Candidate, schemes: Sequence[Scheme]) -> bool | None:
    """Return whether the chain is signed so; a key store leaves out what is not of the chain."""
    signed = one.is_signed_by(schemes, whole_chain=True)
    return signed if signed or one.is_in_order else None


def _by_name(
    question: SelectionQuestion, candidates: Sequence[Candidate]
) -> tuple[list[Candidate], SelectionVerdict]:
    """Return those that fit by kind of key, type and names, and what comes of none."""
    families = _families(question)
    fitting, reasons, rare = [], [], False
    for one in candidates:
        named = question.names_issuer(one, NameMatch.NORMALISED)
        rare |= named is None
        if one.family not in families:
            reasons.append(NO_SCHEME)
        elif not question.takes_type(one):
            reasons.append(NO_TYPE)
        elif not named:
            reasons.append(NO_NAME)
        else:
            fitting.append(one)
    if rare:
        return [], unknown(NAME_UNKNOWN)
    return fitting, sends_empty(reasons[0] if reasons else "")


def _families(question: SelectionQuestion) -> list[Family]:
    """Return the kinds of keys that are looked for, in order."""
    signing = {
        _FAMILIES[scheme]
        for scheme in question.schemes
        if scheme in _FAMILIES and not (question.is_tls13 and scheme in _NOT_IN_TLS13)
    }
    asked = question.cert_schemes or question.schemes
    known = _FAMILIES.keys() - SHA224 if question.is_tls13 else _FAMILIES.keys()
    order = [_FAMILIES[scheme] for scheme in asked if scheme in known]
    return [family for family in dict.fromkeys(order) if family in signing]


def _signed(question: SelectionQuestion, one: Candidate) -> SelectionVerdict:
    """Return what comes of a certificate that was chosen, before its key is tried."""
    by_sha1 = one.family is Family.EC and Scheme.ECDSA_SHA1 in question.schemes
    if by_sha1 or question.signing(one, any_curve=False, old=SHA1 | SHA224):
        return sends(one, FITS)
    return breaks_off(_NO_SIGNATURE)
