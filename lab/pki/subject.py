"""A certificate under inspection, with what the checks ask of it again and again.

This module must not know what is wrong with a certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509

from lab.pki.chains import issued
from lab.tls.certificates import CertificateDescription

_Value = TypeVar("_Value", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A certificate under inspection, readable to its end."""

    certificate: x509.Certificate
    description: CertificateDescription
    now: datetime

    @property
    def self_signed(self) -> bool:
        """Whether it signed itself."""
        return issued(self.certificate, self.certificate)

    @property
    def is_authority(self) -> bool:
        """Whether it issues others: a CA, or a self-signed one that was made before version 3."""
        if self.description.is_ca is not None:
            return self.description.is_ca
        return self.self_signed and self.certificate.version is x509.Version.v1

    @property
    def is_end(self) -> bool:
        """Whether it is to be shown in a handshake: no CA, or one that names hosts."""
        return not self.is_authority or bool(self.description.subject_alt_names)

    def extension(self, kind: type[_Value]) -> x509.Extension[_Value] | None:
        """The extension of this kind, if there is one."""
        try:
            return self.certificate.extensions.get_extension_for_class(kind)
        except x509.ExtensionNotFound:
            return None
