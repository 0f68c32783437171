"""Paths: from a certificate up to the root, through the certificates of a pool.

Rules: who issued a certificate is settled by the issuer's name and by the signature, never by the
order of certificates in a file. What comes from a file is hostile: every path is bounded.

This module must not know files, nor what makes a certificate good.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

MAX_DEPTH = 100
"""OpenSSL's default limit."""

_MAX_SAME_NAME = 8  # a signature costs time, and any number of certificates may share a name


class End(enum.Enum):
    """How a path ends."""

    ROOT = "at a certificate that signed itself"
    MISSING = "where the issuer is not in the pool"
    WRONG_KEY = "where those with the issuer's name did not sign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A certificate and those above it, each behind the one it issued."""

    certificates: tuple[x509.Certificate, ...]
    end: End

    @property
    def above(self) -> tuple[x509.Certificate, ...]:
        """All but the first."""
        return self.certificates[1:]


def path_of(leaf: x509.Certificate, pool: Sequence[x509.Certificate]) -> Path:
    """Return the path from ``leaf`` upwards through ``pool``."""
    found = [leaf]
    while len(found) <= MAX_DEPTH:
        current = found[-1]
        if issued(current, current):
            return Path(certificates=tuple(found), end=End.ROOT)
        same_name = [each for each in pool if each.subject == current.issuer][:_MAX_SAME_NAME]
        issuer = next((each for each in same_name if issued(each, current)), None)
        if issuer is None or issuer in found:
            end = End.WRONG_KEY if same_name and issuer is None else End.MISSING
            return Path(certificates=tuple(found), end=end)
        found.append(issuer)
    return Path(certificates=tuple(found), end=End.MISSING)


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Return whether ``issuer`` has the name and the key that ``certificate`` was signed with."""
    try:
        if certificate.issuer != issuer.subject:
            return False
        digest = certificate.signature_hash_algorithm
        if isinstance(digest, hashes.SHA1 | hashes.MD5):
            _verify_old(issuer.public_key(), certificate, digest)
        else:
            certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _verify_old(
    key: object, certificate: x509.Certificate, digest: hashes.SHA1 | hashes.MD5
) -> None:
    """Verify a digest that the library refuses to verify; raise InvalidSignature if it is wrong."""
    signature, data = certificate.signature, certificate.tbs_certificate_bytes
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(digest))
    else:
        raise TypeError("a key of another kind")
