"""Paths: from a certificate up to the root, through the certificates of a pool.

Rules: who issued a certificate is settled by the issuer's name and by the signature, never by the
order of certificates in a file. What comes from a file is hostile: every path is bounded.
"""

from __future__ import annotations

import enum
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from lab.x509.name_constraints import violating_name

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
        same_name = [candidate for candidate in pool if candidate.subject == current.issuer][
            :_MAX_SAME_NAME
        ]
        issuer = next((candidate for candidate in same_name if issued(candidate, current)), None)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Restrictions:
    """What a certificate demands of those below it, or of whoever reads it.

    ``path_length`` is how many CAs may stand below it, None for any number. ``unknown_critical``
    are the dotted numbers of critical extensions that OpenSSL does not know.
    """

    path_length: int | None = None
    unknown_critical: tuple[str, ...] = ()


# What OpenSSL's X509_supported_extension knows; policies and freshest CRLs not among the critical
# ones that are met.
_SUPPORTED = frozenset(
    {
        *(f"2.5.29.{number}" for number in (15, 17, 18, 19, 30, 32, 33, 35, 36, 37, 54)),
        "2.16.840.1.113730.1.1",
        "1.3.6.1.5.5.7.1.7",
        "1.3.6.1.5.5.7.1.8",
        "1.3.6.1.5.5.7.1.14",
    }
)


def restrictions_of(der: bytes) -> Restrictions:
    """Return the restrictions in a certificate; none where it cannot be read."""
    try:
        extensions = list(_load(der).extensions)
    except Exception:  # the library has no one type for what hostile DER makes it do
        return Restrictions()
    constraints = next(
        (item.value for item in extensions if isinstance(item.value, x509.BasicConstraints)), None
    )
    return Restrictions(
        path_length=constraints.path_length if constraints else None,
        unknown_critical=tuple(
            item.oid.dotted_string
            for item in extensions
            if item.critical and item.oid.dotted_string not in _SUPPORTED
        ),
    )


def signature_is_wrong(der: bytes, issuer: bytes) -> bool:
    """Return whether ``issuer`` has the name of the certificate's issuer and did not sign it."""
    try:
        certificate, above = _load(der), _load(issuer)
        return certificate.issuer == above.subject and not issued(above, certificate)
    except Exception:  # as above
        return False


def forbidden_name(ca: bytes, below: bytes) -> str:
    """Return the first name in ``below`` that the constraints of ``ca`` forbid, "" for none."""
    try:
        for extension in _load(ca).extensions:
            if isinstance(extension.value, x509.NameConstraints):
                name = violating_name(extension.value, _load(below))
                if isinstance(name, x509.DirectoryName):
                    return name.value.rfc4514_string()
                return str(name.value) if name else ""
    except Exception:  # as above
        pass
    return ""


def _load(der: bytes) -> x509.Certificate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(der)
