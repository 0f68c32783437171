"""Checks of one certificate on its own, for mutual TLS.

Rules: each check is a generator of problems. What OpenSSL does with each problem was measured, at
its security level 2, with and without X509_V_FLAG_X509_STRICT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtensionOID

from lab.inspecting.certificate_under_check import CertificateUnderCheck
from lab.inspecting.results import FoundProblem, Grade, Suitability, TlsRole
from lab.inspecting.strict_problems import strict_problems
from lab.x509 import problems
from lab.x509.certificates import moment

SOON = timedelta(days=30)
"""A certificate expires soon if less than this is left, and less than a third of its lifetime."""

MAX_CERTIFICATE = 102_400
"""OpenSSL's default limit for a Certificate message in bytes."""

_MIN_RSA_BITS = 2048
_MIN_EC_BITS = 224
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
_KEY_USAGES = {
    TlsRole.CLIENT: frozenset({"digitalSignature", "keyAgreement"}),
    TlsRole.SERVER: frozenset({"digitalSignature", "keyAgreement", "keyEncipherment"}),
}


def suitability(checked: CertificateUnderCheck) -> tuple[Suitability, ...]:
    """Return whether OpenSSL accepts the certificate itself from a client and from a server."""
    return tuple(
        Suitability(role=role, obstacles=tuple(_obstacles(checked, role))) for role in TlsRole
    )


def _obstacles(checked: CertificateUnderCheck, role: TlsRole) -> Iterator[str]:
    purposes, usage = checked.description.extended_key_usage, checked.description.key_usage
    if purposes is not None and role.purpose not in purposes:
        yield f"extendedKeyUsage lacks {role.purpose}"
    if usage is not None and not _KEY_USAGES[role].intersection(usage):
        yield "keyUsage lacks digitalSignature"


def certificate_problems(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    """Yield every problem of the certificate on its own."""
    for check in (*_CHECKS, *(_LEAF_CHECKS if checked.is_leaf else ())):
        yield from check(checked)
    yield from strict_problems(checked)


def _validity(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    begin = checked.certificate.not_valid_before_utc
    end = checked.certificate.not_valid_after_utc
    now, wording = checked.now, checked.wording
    if now > end:
        seen = f"notAfter is {moment(end)}, {_days(now - end)} ago"
        yield FoundProblem.of(problems.EXPIRED, Grade.REFUSED, seen, wording=wording)
    elif now < begin:
        seen = (
            f"notBefore is {moment(begin)}, in {_days(begin - now)}; "
            f"this machine's clock says {moment(now)}"
        )
        yield FoundProblem.of(problems.NOT_YET_VALID, Grade.REFUSED, seen, wording=wording)
    elif end - now < min(SOON, (end - begin) / 3):
        seen = f"notAfter is {moment(end)}, in {_days(end - now)}"
        yield FoundProblem.of(problems.EXPIRES_SOON, Grade.ACCEPTED, seen)


def _days(time: timedelta) -> str:
    if time < timedelta(days=1):
        return "less than a day"
    return "1 day" if time.days == 1 else f"{time.days} days"


def _key(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    key = _public_key(checked)
    kind = f"{checked.description.key_type} {checked.description.key_bits or ''}".strip()
    weak = isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey) and key.key_size < _MIN_RSA_BITS
    if weak or (isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < _MIN_EC_BITS):
        seen = f"the key is {kind}; OpenSSL's security level 2 requires 112 bits of security"
        yield FoundProblem.of(problems.WEAK, Grade.REFUSED, seen)
        return
    if isinstance(key, ec.EllipticCurvePublicKey):
        good = key.curve.name in _TLS_CURVES
    else:
        good = isinstance(key, rsa.RSAPublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    if not good and checked.is_leaf:
        seen = f"the key is {kind}, for which TLS 1.3 has no signature algorithm"
        yield FoundProblem.of(problems.KEY_TYPE, Grade.REFUSED, seen, wording=checked.wording)


def _public_key(checked: CertificateUnderCheck) -> object:
    try:
        return checked.certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _digest(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    # The signature of a trusted certificate is not verified.
    try:
        digest = checked.certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return
    if isinstance(digest, _WEAK_DIGESTS) and not checked.self_signed:
        seen = f"the signature is {checked.description.signature_algorithm} ({digest.name})"
        yield FoundProblem.of(problems.WEAK, Grade.REFUSED, seen)


def _critical(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    unknown = [
        f"extension {extension.oid.dotted_string}, which OpenSSL does not support"
        for extension in checked.certificate.extensions
        if extension.critical and extension.oid not in _KNOWN_EXTENSIONS
    ]
    if unknown:
        yield FoundProblem.of(problems.CRITICAL_EXTENSION, Grade.REFUSED, *unknown[:3])


def _purpose(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    purposes, wording = checked.description.extended_key_usage, checked.wording
    if purposes is None:
        seen = "OpenSSL accepts a certificate without it for every purpose"
        yield FoundProblem.of(problems.PURPOSE_MISSING, Grade.ACCEPTED, seen, wording=wording)
    elif not all(role.purpose in purposes for role in checked.roles):
        seen = f"extendedKeyUsage: {', '.join(purposes[:5]) or 'empty'}"
        yield FoundProblem.of(problems.WRONG_PURPOSE, Grade.REFUSED, seen, wording=wording)


def _usage(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    usage = checked.description.key_usage
    if usage is not None and "digitalSignature" not in usage:
        accepted = all(_KEY_USAGES[role].intersection(usage) for role in checked.roles)
        grade = Grade.ACCEPTED if accepted else Grade.REFUSED
        seen = f"keyUsage: {', '.join(usage) or 'empty'}"
        yield FoundProblem.of(problems.WRONG_KEY_USAGE, grade, seen)


def _names(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    purposes = checked.description.extended_key_usage or ()
    is_server = checked.role is TlsRole.SERVER or (
        checked.role is None and TlsRole.SERVER.purpose in purposes
    )
    if is_server and not checked.description.subject_alt_names:
        seen = "OpenSSL falls back to the CN for a host name, never for an IP address"
        yield FoundProblem.of(problems.SAN_MISSING, Grade.ACCEPTED, seen)


def _issuer(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    if checked.self_signed:
        seen = "a peer accepts it only if its CA file contains this certificate"
        yield FoundProblem.of(problems.SELF_SIGNED, Grade.REFUSED, seen, wording=checked.wording)


def _size(checked: CertificateUnderCheck) -> Iterator[FoundProblem]:
    size = len(checked.certificate.public_bytes(serialization.Encoding.DER))
    if size > MAX_CERTIFICATE:
        seen = f"{size} bytes; OpenSSL's default limit for the Certificate message is 102,400"
        yield FoundProblem.of(problems.TOO_LARGE, Grade.REFUSED, seen)


_Check = Callable[[CertificateUnderCheck], Iterator[FoundProblem]]

_CHECKS: tuple[_Check, ...] = (_validity, _key, _digest, _critical)
_LEAF_CHECKS: tuple[_Check, ...] = (_issuer, _purpose, _usage, _names, _size)
