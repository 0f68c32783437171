"""Checks of one certificate on its own, for mutual TLS.

Rules: each check is a function from a subject to findings. What OpenSSL does with each flaw was
measured, at its security level 2, with and without X509_V_FLAG_X509_STRICT.

This module must not know chains, files or keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtensionOID

from lab.inspecting.certificate_under_check import CertificateUnderCheck
from lab.inspecting.results import (
    FileProblem,
    FoundProblem,
    Grade,
    Suitability,
    TlsRole,
)
from lab.inspecting.strict_problems import strict_flaws
from lab.x509.describe import moment

SOON = timedelta(days=30)
"""A certificate expires soon if less than this is left, and less than a third of its lifetime."""

MAX_CERTIFICATE = 102_400
"""OpenSSL's default limit for a Certificate message in bytes."""

_MIN_RSA_BITS = 2048
_TLS_CURVES = ("secp256r1", "secp384r1", "secp521r1")  # RFC 9846, 4.3.3
_WEAK_DIGESTS = (hashes.MD5, hashes.SHA1)
# Extensions that OpenSSL supports, so they may be critical.
_KNOWN_EXTENSIONS = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.OCSP_NO_CHECK,
    }
)
# The keyUsage bits of which OpenSSL requires one in each role.
_USES = {
    TlsRole.CLIENT: frozenset({"digitalSignature", "keyAgreement"}),
    TlsRole.SERVER: frozenset({"digitalSignature", "keyAgreement", "keyEncipherment"}),
}
_PURPOSES = {TlsRole.CLIENT: "clientAuth", TlsRole.SERVER: "serverAuth"}


def suitability(subject: CertificateUnderCheck) -> tuple[Suitability, ...]:
    """Return whether OpenSSL accepts the certificate itself from a client and from a server."""
    return tuple(
        Suitability(role=role, obstacles=tuple(_obstacles(subject, role))) for role in TlsRole
    )


def _obstacles(subject: CertificateUnderCheck, role: TlsRole) -> Iterator[str]:
    purposes, usage = subject.description.extended_key_usage, subject.description.key_usage
    if purposes is not None and _PURPOSES[role] not in purposes:
        yield f"extendedKeyUsage lacks {_PURPOSES[role]}"
    if usage is not None and not _USES[role].intersection(usage):
        yield "keyUsage lacks digitalSignature"


def _meant(subject: CertificateUnderCheck) -> tuple[TlsRole, ...]:
    """Return the role that was given; else those in the extendedKeyUsage; else both."""
    if subject.role is not None:
        return (subject.role,)
    purposes = subject.description.extended_key_usage or ()
    return tuple(role for role in TlsRole if _PURPOSES[role] in purposes) or tuple(TlsRole)


def flaws(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    """Yield every flaw of the certificate on its own."""
    for check in _CHECKS:
        yield from check(subject)
    if subject.is_end:
        for check in _END_CHECKS:
            yield from check(subject)
    yield from strict_flaws(subject)


def _validity(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    begin = subject.certificate.not_valid_before_utc
    end = subject.certificate.not_valid_after_utc
    reference = "RFC 5280 section 4.1.2.5"
    if subject.now > end:
        yield FoundProblem(
            flaw=FileProblem.EXPIRED,
            grade=Grade.REFUSED,
            summary="the certificate has expired",
            evidence=(f"notAfter is {moment(end)}, {_days(subject.now - end)} ago",),
            reference=reference,
            fix="renew it",
        )
    elif subject.now < begin:
        yield FoundProblem(
            flaw=FileProblem.NOT_YET_VALID,
            grade=Grade.REFUSED,
            summary="the certificate is not valid yet",
            evidence=(
                f"notBefore is {moment(begin)}, in {_days(begin - subject.now)}; "
                f"this machine's clock says {moment(subject.now)}",
            ),
            reference=reference,
            fix="correct the clock, or wait; issue with notBefore a little in the past",
        )
    elif end - subject.now < min(SOON, (end - begin) / 3):
        yield FoundProblem(
            flaw=FileProblem.EXPIRES_SOON,
            grade=Grade.ACCEPTED,
            summary="the certificate expires soon",
            evidence=(f"notAfter is {moment(end)}, in {_days(end - subject.now)}",),
            reference=reference,
            fix="renew it, and automate the renewal",
        )


def _days(time: timedelta) -> str:
    if time < timedelta(days=1):
        return "less than a day"
    return "1 day" if time.days == 1 else f"{time.days} days"


def _key(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    key = _public_key(subject)
    kind = f"{subject.description.key_type} {subject.description.key_bits or ''}".strip()
    weak = isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey) and key.key_size < _MIN_RSA_BITS
    if weak or (isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < 224):
        yield FoundProblem(
            flaw=FileProblem.KEY_TOO_WEAK,
            grade=Grade.REFUSED,
            summary="the key is too weak",
            evidence=(f"{kind}; OpenSSL's security level 2 requires 112 bits of security",),
            reference="NIST SP 800-57 part 1 section 5.6.1",
            fix="generate an RSA 2048 or EC P-256 key, and have it certified",
        )
        return
    if isinstance(key, ec.EllipticCurvePublicKey):
        good = key.curve.name in _TLS_CURVES
    else:
        good = isinstance(key, rsa.RSAPublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    if not good and subject.is_end:
        yield FoundProblem(
            flaw=FileProblem.KEY_NOT_FOR_TLS,
            grade=Grade.REFUSED,
            summary="TLS 1.3 has no signature algorithm for this key",
            evidence=(kind,),
            reference="RFC 9846 section 4.3.3",
            fix="generate an EC P-256 or RSA 2048 key, and have it certified",
        )


def _public_key(subject: CertificateUnderCheck) -> object:
    try:
        return subject.certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _digest(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    # The signature of a trusted certificate is not verified.
    try:
        digest = subject.certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return
    if isinstance(digest, _WEAK_DIGESTS) and not subject.self_signed:
        yield FoundProblem(
            flaw=FileProblem.DIGEST_TOO_WEAK,
            grade=Grade.REFUSED,
            summary="the signature uses a broken hash function",
            evidence=(f"{subject.description.signature_algorithm} ({digest.name})",),
            reference="RFC 9155 section 1",
            fix="issue it again with SHA-256",
        )


def _critical(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    unknown = [
        extension.oid.dotted_string
        for extension in subject.certificate.extensions
        if extension.critical and extension.oid not in _KNOWN_EXTENSIONS
    ]
    if unknown:
        yield FoundProblem(
            flaw=FileProblem.UNKNOWN_CRITICAL_EXTENSION,
            grade=Grade.REFUSED,
            summary="it has a critical extension that OpenSSL does not support",
            evidence=tuple(f"extension {oid}" for oid in unknown[:3]),
            reference="RFC 5280 section 4.2",
            fix="issue it without the extension, or mark it non-critical",
        )


def _purpose(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    purposes = subject.description.extended_key_usage
    reference = "RFC 5280 section 4.2.1.12"
    if purposes is None:
        yield FoundProblem(
            flaw=FileProblem.EKU_MISSING,
            grade=Grade.ACCEPTED,
            summary="the certificate has no extendedKeyUsage",
            evidence=("OpenSSL accepts a certificate without it for every purpose",),
            reference=reference,
            fix="issue it with clientAuth or serverAuth: other implementations may require it",
        )
        return
    lacking = [_PURPOSES[role] for role in _meant(subject) if _PURPOSES[role] not in purposes]
    if lacking:
        yield FoundProblem(
            flaw=FileProblem.EKU_LACKS_PURPOSE,
            grade=Grade.REFUSED,
            summary=f"the extendedKeyUsage lacks {' and '.join(lacking)}",
            evidence=(f"extendedKeyUsage: {', '.join(purposes[:5]) or 'empty'}",),
            reference=reference,
            fix="issue it with clientAuth for a client, serverAuth for a server",
        )


def _usage(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    usage = subject.description.key_usage
    if usage is None or "digitalSignature" in usage:
        return
    taken = all(_USES[role].intersection(usage) for role in _meant(subject))
    yield FoundProblem(
        flaw=FileProblem.KEY_USAGE_LACKS_SIGNATURE,
        grade=Grade.ACCEPTED if taken else Grade.REFUSED,
        summary="the keyUsage does not allow signatures, which the handshake requires",
        evidence=(f"keyUsage: {', '.join(usage) or 'empty'}",),
        reference="RFC 9846 section 4.5.1.2",
        fix="issue it with digitalSignature",
    )


def _names(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    purposes = subject.description.extended_key_usage or ()
    is_server = subject.role is TlsRole.SERVER or (
        subject.role is None and "serverAuth" in purposes
    )
    if subject.description.subject_alt_names or not is_server:
        return
    yield FoundProblem(
        flaw=FileProblem.SAN_MISSING,
        grade=Grade.ACCEPTED,
        summary="the server certificate has no subjectAltName",
        evidence=("OpenSSL falls back to the CN for a host name, never for an IP address",),
        reference="RFC 9525 section 6.3",
        fix="issue it with the server's names in subjectAltName",
    )


def _own(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    if subject.self_signed:
        yield FoundProblem(
            flaw=FileProblem.SELF_SIGNED,
            grade=Grade.REFUSED,
            summary="the certificate is self-signed, not issued by a CA",
            evidence=("a peer accepts it only if its CA file contains this certificate",),
            reference="RFC 5280 section 6.1",
            fix="have it issued by the CA that the peer trusts",
        )


def _size(subject: CertificateUnderCheck) -> Iterator[FoundProblem]:
    octets = len(subject.certificate.public_bytes(serialization.Encoding.DER))
    if octets > MAX_CERTIFICATE:
        yield FoundProblem(
            flaw=FileProblem.TOO_LARGE,
            grade=Grade.REFUSED,
            summary="the certificate is larger than OpenSSL accepts",
            evidence=(f"{octets} bytes; its default limit for the Certificate message is 102,400",),
            reference="RFC 9846 section 4.5.1",
            fix="issue a smaller one",
        )


_Check = Callable[[CertificateUnderCheck], Iterator[FoundProblem]]

_CHECKS: tuple[_Check, ...] = (_validity, _key, _digest, _critical)
_END_CHECKS: tuple[_Check, ...] = (_own, _purpose, _usage, _names, _size)
