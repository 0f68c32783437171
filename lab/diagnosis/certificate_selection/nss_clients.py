"""What programs send that have their certificates in an NSS database: NSS itself, and Chromium."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from lab.diagnosis.certificate_selection.candidates import (
    FITS,
    GIVEN,
    NAME_UNKNOWN,
    NO_NAME,
    NO_SCHEME,
    NO_TYPE,
    PSS_PSS,
    RARE_SCHEMES,
    SHA1,
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

_NOT_FOR_CLIENTS = (
    "the certificate is not for TLS clients: it has an extendedKeyUsage without clientAuth, or a "
    "keyUsage without digitalSignature"
)
_EARLY = timedelta(days=1)  # NSS takes a certificate for valid so long before it begins
_NO_NAME_HERE = f"{NO_NAME}, unless the client's database has more of the chain than is at hand"
_OUT_OF_DATE = "the certificate has expired, or is not valid yet"
_NOTHING_IN_COMMON = "NSS has none of the server's signature algorithms"
_SEVERAL = "several fit: which is sent depends on the database, or on the user"
_PROPOSED = "it fits the request; the user, or a policy, still chooses it"
_RARE_KIND = "no run covers a certificate of a CA as a client's, or one with a Netscape type"
_NO_ED25519 = "no run covers Ed25519: this version of NSS cannot load such a key"
_IN_TLS13 = {
    Scheme.ECDSA_SECP256R1_SHA256,
    Scheme.ECDSA_SECP384R1_SHA384,
    Scheme.ECDSA_SECP521R1_SHA512,
    Scheme.RSA_PSS_RSAE_SHA256,
    Scheme.RSA_PSS_RSAE_SHA384,
    Scheme.RSA_PSS_RSAE_SHA512,
    *PSS_PSS,
}
_ONLY_IN_TLS12 = {
    Scheme.RSA_PKCS1_SHA1,
    Scheme.RSA_PKCS1_SHA256,
    Scheme.RSA_PKCS1_SHA384,
    Scheme.RSA_PKCS1_SHA512,
    Scheme.ECDSA_SHA1,
}


def any_certificate(
    question: SelectionQuestion, candidates: Sequence[Candidate]
) -> SelectionVerdict:
    """Return what NSS sends where it may take any certificate of the database."""
    return _nothing_in_common(question, candidates) or _among(
        question, candidates, NameMatch.TEXT, _EARLY, _sent_by_nss
    )


def named_certificate(
    question: SelectionQuestion, candidates: Sequence[Candidate]
) -> SelectionVerdict:
    """Return what NSS sends of one certificate that the program names."""
    (candidate,) = candidates
    if stopped := _nothing_in_common(question, candidates):
        return stopped
    if not _is_for_clients(candidate):
        return sends_empty(_NOT_FOR_CLIENTS)
    if question.signing(candidate, old=SHA1):
        return sends(candidate, GIVEN)
    return sends_empty(NO_SCHEME)


def chromium(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what Chromium sends where its user, or a policy, takes any that it proposes."""
    if rare := _uncovered(candidates):
        return unknown(rare)
    return _among(question, candidates, NameMatch.BYTES, timedelta(), _sent_by_chromium)


def _nothing_in_common(
    question: SelectionQuestion, candidates: Sequence[Candidate]
) -> SelectionVerdict | None:
    if rare := _uncovered(candidates):
        return unknown(rare)
    known = _IN_TLS13 if question.is_tls13 else _IN_TLS13 | _ONLY_IN_TLS12
    if not known.isdisjoint(question.schemes):
        return None
    return unknown(RARE_SCHEMES) if question.has_rare_schemes else breaks_off(_NOTHING_IN_COMMON)


def _uncovered(candidates: Sequence[Candidate]) -> str:
    if any(one.family is Family.ED25519 for one in candidates):
        return _NO_ED25519
    rare = any(one.leaf.is_ca or one.leaf.netscape_types for one in candidates)
    return _RARE_KIND if rare else ""


def _is_for_clients(candidate: Candidate) -> bool:
    return candidate.may_sign and candidate.has_purpose()


def _among(
    question: SelectionQuestion,
    candidates: Sequence[Candidate],
    match: NameMatch,
    early: timedelta,
    sent: Callable[[SelectionQuestion, Candidate], SelectionVerdict],
) -> SelectionVerdict:
    """Return what comes of the certificates that are for clients, in date, and of a named CA."""
    fitting, reasons = [], []
    for one in candidates:
        named = question.names_issuer(one, match)
        if not _is_for_clients(one):
            reasons.append(_NOT_FOR_CLIENTS)
        elif not one.is_valid_at(question.now, early=early):
            reasons.append(_OUT_OF_DATE)
        elif named is None:
            return unknown(NAME_UNKNOWN)
        elif not named:
            reasons.append(_NO_NAME_HERE)
        else:
            fitting.append(one)
    if not fitting:
        return sends_empty(reasons[0])
    return of_equals([sent(question, one) for one in fitting], _SEVERAL)


def _sent_by_nss(question: SelectionQuestion, candidate: Candidate) -> SelectionVerdict:
    if question.signing(candidate, old=SHA1):
        return sends(candidate, FITS)
    return sends_empty(NO_SCHEME)


def _sent_by_chromium(question: SelectionQuestion, candidate: Candidate) -> SelectionVerdict:
    if not question.takes_type(candidate):
        return breaks_off(NO_TYPE)
    if not question.signing(candidate, old=SHA1):
        return breaks_off(NO_SCHEME)
    return sends(candidate, _PROPOSED)
