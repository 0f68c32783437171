"""Paths: from a certificate up to the root, through the certificates of a pool, all in DER.

Rules: who issued a certificate is settled as OpenSSL does it, by the issuer's name, the authority
key identifier and the signature, never by the order of certificates in a file. What comes from a
file is hostile: every path is bounded.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.x509.certificates import CertificateDescription, der_of, describe
from lab.x509.names import same_name

if TYPE_CHECKING:
    from cryptography import x509

MAX_DEPTH = 100
"""OpenSSL's default limit."""

_about = functools.lru_cache(maxsize=1024)(describe)  # of one's own files, never of a peer's
_CACHED_BYTES = 8192
_MAX_SAME_NAME = 8  # a signature costs time, and any number of certificates may share a name


class End(enum.Enum):
    """How a path ends."""

    ROOT = "at a certificate that signed itself"
    MISSING = "where the issuer is not in the pool"
    WRONG_IDENTIFIER = "where those with the issuer's name are not what the key identifier names"
    WRONG_KEY = "where those with the issuer's name did not sign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A certificate and those above it, each behind the one it issued."""

    certificates: tuple[bytes, ...]
    end: End

    @property
    def above(self) -> tuple[bytes, ...]:
        """All but the first."""
        return self.certificates[1:]


def path_of(leaf: bytes, pool: Sequence[bytes]) -> Path:
    """Return the path from ``leaf`` upwards through ``pool``; where there are several, the first
    that a search in the order of the pool finds, a root before others.
    """
    found = [leaf]
    while True:
        current = found[-1]
        if is_self_signed(current):
            return Path(certificates=tuple(found), end=End.ROOT)
        end, issuer = End.MISSING, None
        for candidate in _of_name(_about(current).issuer_der, pool):
            reason = _issuing(candidate, current)
            if reason is None:
                issuer = candidate
                break
            end = reason
        if issuer is None and end is End.MISSING and is_self_issued(found[-1]):
            end = _issuing(current, current) or end
        if issuer is None or issuer in found or len(found) > MAX_DEPTH:
            return Path(certificates=tuple(found), end=end)
        found.append(issuer)


def parsed_path(
    leaf: x509.Certificate, pool: Sequence[x509.Certificate]
) -> tuple[tuple[x509.Certificate, ...], End]:
    """Return the same path, and how it ends, for certificates that are parsed already."""
    parsed = {der_of(certificate): certificate for certificate in (*pool, leaf)}
    path = path_of(der_of(leaf), tuple(parsed))
    return tuple(parsed[data] for data in path.certificates), path.end


def issuers_of(leaf: bytes, pool: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the certificates of the pool that are on any path upwards from ``leaf``."""
    found: list[bytes] = []
    waiting = [leaf]
    while waiting and len(found) <= MAX_DEPTH:
        current = waiting.pop()
        for candidate in _of_name(_about(current).issuer_der, pool):
            if candidate not in found and _issuing(candidate, current) is None:
                found.append(candidate)
                waiting.append(candidate)
    return tuple(found)


def _of_name(name: bytes, pool: Sequence[bytes]) -> list[bytes]:
    """Return the certificates of this subject, roots first."""
    found = [data for data in pool if same_name(_about(data).subject_der, name)]
    return sorted(found, key=lambda data: not is_self_issued(data))[:_MAX_SAME_NAME]


def is_self_issued(certificate: bytes) -> bool:
    """Return whether its subject is its issuer (RFC 5280 section 3.2)."""
    description = _about(certificate)
    return same_name(description.subject_der, description.issuer_der)


def is_self_signed(certificate: bytes) -> bool:
    """Return whether a certificate signed itself; a signature that cannot be verified counts."""
    return is_self_issued(certificate) and _issuing(certificate, certificate) is None


def signature_is_wrong(certificate: bytes, issuer: bytes) -> bool:
    """Return whether ``issuer`` has the name of the certificate's issuer and did not sign it."""
    below, above = describe(certificate), describe(issuer)
    if not same_name(below.issuer_der, above.subject_der):
        return False
    if len(certificate) + len(issuer) > _CACHED_BYTES:
        return _signed_by(above, below) is False
    return _is_wrong(certificate, issuer)


@functools.lru_cache(maxsize=256)
def _is_wrong(certificate: bytes, issuer: bytes) -> bool:
    """Return it for short certificates of a name, which come again with each connection."""
    return _signed_by(describe(issuer), describe(certificate)) is False


def _signed_by(above: CertificateDescription, below: CertificateDescription) -> bool | None:
    """Return whether the key of ``above`` signed ``below``; None if that is not known."""
    from lab.x509.signatures import signature_verifies  # here: it takes long to load

    return signature_verifies(above.public_key, below.signed, below.algorithm, below.signature)


@functools.lru_cache(maxsize=4096)
def _issuing(issuer: bytes, certificate: bytes) -> End | None:
    """Return why one of the issuer's name did not issue a certificate, None where it did."""
    above, below = _about(issuer), _about(certificate)
    if not identifies(below, above):
        return End.WRONG_IDENTIFIER
    return End.WRONG_KEY if _signed_by(above, below) is False else None


def identifies(certificate: CertificateDescription, issuer: CertificateDescription) -> bool:
    """Return whether the authority key identifier of ``certificate`` may mean ``issuer``.

    OpenSSL compares what both have (RFC 5280 section 4.2.1.1): the key identifier, and the serial
    number and the issuer of the issuer's own certificate.
    """
    pairs = (
        (certificate.authority_key_identifier, issuer.subject_key_identifier),
        (certificate.authority_serial, issuer.serial),
    )
    if any(one is not None and other is not None and one != other for one, other in pairs):
        return False
    named = certificate.authority_issuer
    return named is None or same_name(named, issuer.issuer_der)
