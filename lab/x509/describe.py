"""Short descriptions of certificates that are parsed already, and their parts.

Rules: text of a certificate is given as it stands; whoever shows it escapes it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.x509.certificates import CertificateDescription, describe

DER = Encoding.DER
HEADERS = ("subject", "SAN", "EKU", "valid until")

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def row(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the cells under :data:`HEADERS`; what a certificate does not say is ``-``."""
    seen = described(certificate)
    return (
        seen.subject,
        ", ".join(seen.subject_alt_names) or "-",
        ", ".join(seen.extended_key_usage or ()) or "-",
        moment(certificate.not_valid_after_utc),
    )


def described(certificate: x509.Certificate) -> CertificateDescription:
    """Describe a certificate that is parsed already."""
    return describe(certificate.public_bytes(DER))


def moment(time: datetime) -> str:
    """Return a time of UTC in words, to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def extension(
    certificate: x509.Certificate, kind: type[_Extension]
) -> x509.Extension[_Extension] | None:
    """Return the extension of this kind, if there is one."""
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def public_key_bytes(item: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return the DER SubjectPublicKeyInfo, b"" where the library cannot read the key."""
    try:
        return item.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # the library has no one type for a key that it cannot read
        return b""
