"""What GnuTLS sends: the library by itself, and its program gnutls-cli."""

from __future__ import annotations

from collections.abc import Sequence

from lab.diagnosis.certificate_selection.candidates import (
    FITS,
    GIVEN,
    NAME_UNKNOWN,
    NO_NAME,
    NO_SCHEME,
    NO_TYPE,
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
from lab.diagnosis.certificate_selection.name_matching import NameMatch
from lab.tls.code_points import ClientCertificateType
from lab.tls.code_points import SignatureScheme as Scheme

_KNOWN_TYPES = {
    ClientCertificateType.RSA_SIGN,
    ClientCertificateType.DSS_SIGN,
    ClientCertificateType.ECDSA_SIGN,
}
_NO_KNOWN_TYPE = "GnuTLS knows none of the certificate types of the request"
_MAY_NOT_SIGN = "keyUsage has no digitalSignature"
_NO_TLS13 = "keyUsage has no digitalSignature, and with such a certificate TLS 1.3 is not offered"
_ED25519_IN_TLS12 = "GnuTLS finds no Ed25519 key by the names of CAs in TLS 1.2"
_NO_KIND = (
    "in TLS 1.3 GnuTLS finds keys by the names of CAs only if their kind is among the algorithms, "
    "as which those of RSASSA-PSS do not count for an RSA key"
)
# The schemes that let GnuTLS look for a kind of key in TLS 1.3.
_KINDS = {
    Family.RSA: {
        Scheme.RSA_PKCS1_SHA256,
        Scheme.RSA_PKCS1_SHA384,
        Scheme.RSA_PKCS1_SHA512,
        Scheme.RSA_PKCS1_SHA1,
    },
    Family.EC: {
        Scheme.ECDSA_SECP256R1_SHA256,
        Scheme.ECDSA_SECP384R1_SHA384,
        Scheme.ECDSA_SECP521R1_SHA512,
        Scheme.ECDSA_SHA1,
    },
    Family.ED25519: {Scheme.ED25519},
}
_SEVERAL = "the server names no CA, and the client has several certificates"


def library(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what a program sends that gave its certificates to the library, and no callback."""
    if _knows_no_type(question):
        return breaks_off(_NO_KNOWN_TYPE)
    if question.is_tls13 and not any(one.may_sign for one in candidates):
        return breaks_off(_NO_TLS13)
    if question.names:
        return _named(question, candidates)
    if len(candidates) > 1:
        return sends_empty(_SEVERAL)
    (candidate,) = candidates
    if not candidate.may_sign:
        return breaks_off(_MAY_NOT_SIGN)
    if question.signing(candidate, old=SHA1):
        return sends(candidate, FITS)
    return sends_empty(NO_SCHEME) if question.is_tls13 else breaks_off(NO_SCHEME)


def _named(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what comes of the first certificate of the first name that has one to look at."""
    if any(question.names_issuer(one, NameMatch.BYTES) is None for one in candidates):
        return unknown(NAME_UNKNOWN)
    reason = NO_NAME
    for name in question.names:
        for one in candidates:
            if all(name != certificate.issuer_der for certificate in one.chain):
                continue
            if reason := _left_out(question, one):
                continue
            if question.signing(one, old=SHA1):
                return sends(one, FITS)
            return sends_empty(NO_SCHEME) if question.is_tls13 else breaks_off(NO_SCHEME)
    return sends_empty(reason)


def _left_out(question: SelectionQuestion, one: Candidate) -> str:
    """Return why a certificate of a named CA is not looked at, "" where it is."""
    if not one.may_sign:
        return _MAY_NOT_SIGN
    if question.is_tls13:
        return "" if _KINDS[one.family].intersection(question.schemes) else _NO_KIND
    if one.family is Family.ED25519:
        return _ED25519_IN_TLS12
    return "" if question.takes_type(one) else NO_TYPE


def command(question: SelectionQuestion, candidates: Sequence[Candidate]) -> SelectionVerdict:
    """Return what gnutls-cli sends, which gives the library its one certificate by a callback."""
    (candidate,) = candidates
    if _knows_no_type(question):
        return breaks_off(_NO_KNOWN_TYPE)
    if not question.signing(candidate, old=SHA1):
        return sends_empty(NO_SCHEME) if question.is_tls13 else breaks_off(NO_SCHEME)
    if not candidate.may_sign and not question.is_tls13:
        return breaks_off(_MAY_NOT_SIGN)
    return sends(candidate, GIVEN)


def _knows_no_type(question: SelectionQuestion) -> bool:
    return not question.is_tls13 and _KNOWN_TYPES.isdisjoint(question.request.certificate_types)
