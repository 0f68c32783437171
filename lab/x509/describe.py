"""Certificates in words: the few things a person looks at first.

Rules: text of a certificate is given as it stands; whoever shows it escapes it.
This module must not know whether a certificate is good.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.x509.certificates import CertificateDescription, describe

HEADERS = ("subject", "SAN", "EKU", "valid until")

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


def row(certificate: x509.Certificate) -> tuple[str, ...]:
    """The cells under :data:`HEADERS`; what a certificate does not say is ``-``."""
    seen = described(certificate)
    return (
        seen.subject,
        ", ".join(seen.subject_alt_names) or "-",
        ", ".join(seen.extended_key_usage or ()) or "-",
        moment(certificate.not_valid_after_utc),
    )


def described(certificate: x509.Certificate) -> CertificateDescription:
    """The core's description of a certificate that is parsed already."""
    return describe(certificate.public_bytes(Encoding.DER))


def moment(time: datetime) -> str:
    """A moment of UTC to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """The value of the extension of this kind, if there is one."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
