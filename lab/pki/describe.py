"""Certificates in words: the few things a person looks at first.

Rules: text of a certificate is given as it stands; whoever shows it escapes it.
This module must not know whether a certificate is good.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

HEADERS = ("subject", "SAN", "EKU", "valid until")

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

# The names of RFC 5280, 4.2.1.12.
_PURPOSES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
}


def row(certificate: x509.Certificate) -> tuple[str, ...]:
    """The cells under :data:`HEADERS`; what a certificate does not say is ``-``."""
    return (
        subject(certificate),
        ", ".join(alternative_names(certificate)) or "-",
        ", ".join(purposes(certificate)) or "-",
        moment(certificate.not_valid_after_utc),
    )


def subject(certificate: x509.Certificate) -> str:
    """The subject in the form of RFC 4514, such as ``CN=mtls-client``."""
    return certificate.subject.rfc4514_string()


def alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The subjectAltName as OpenSSL's configuration writes it, such as ``DNS:localhost``."""
    names = extension(certificate, x509.SubjectAlternativeName)
    return () if names is None else tuple(_general_name(name) for name in names)


def purposes(certificate: x509.Certificate) -> tuple[str, ...]:
    """The extendedKeyUsage by its names; a purpose without one as its dotted number."""
    usage = extension(certificate, x509.ExtendedKeyUsage)
    return () if usage is None else tuple(_PURPOSES.get(oid, oid.dotted_string) for oid in usage)


def moment(time: datetime) -> str:
    """A moment of UTC to the second."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """The value of the extension of this kind, if there is one."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _general_name(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DNSName):
        return f"DNS:{name.value}"
    if isinstance(name, x509.IPAddress):
        return f"IP:{name.value}"
    if isinstance(name, x509.UniformResourceIdentifier):
        return f"URI:{name.value}"
    if isinstance(name, x509.RFC822Name):
        return f"email:{name.value}"
    if isinstance(name, x509.DirectoryName):
        return f"dirName:{name.value.rfc4514_string()}"
    if isinstance(name, x509.RegisteredID):
        return f"RID:{name.value.dotted_string}"
    return "otherName"
