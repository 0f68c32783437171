"""A certificate under inspection, with what the checks ask of it again and again.

This module must not know what is wrong with a certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509

from lab.inspecting.results import TlsRole
from lab.x509.certificates import CertificateDescription
from lab.x509.chains import issued

_Value = TypeVar("_Value", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateUnderCheck:
    """A certificate under inspection, readable to its end.

    ``shown`` and ``issues`` tell whether its key, and a certificate that it issued, are among the
    files. ``role`` is what it is meant for, None where nobody said.
    """

    certificate: x509.Certificate
    description: CertificateDescription
    now: datetime
    shown: bool = False
    issues: bool = False
    role: TlsRole | None = None

    @property
    def self_signed(self) -> bool:
        """Whether it signed itself."""
        return issued(self.certificate, self.certificate)

    @property
    def is_authority(self) -> bool:
        """Whether OpenSSL takes it for a CA's.

        Without basicConstraints a root still counts, if it is from before version 3 or has the
        keyUsage of a CA.
        """
        if self.description.is_ca is not None:
            return self.description.is_ca
        old = self.certificate.version is x509.Version.v1
        return self.self_signed and (old or "keyCertSign" in (self.description.key_usage or ()))

    @property
    def is_end(self) -> bool:
        """Whether it is to be judged as one to be shown in a handshake.

        A CA is, where it names hosts, or where somebody means to show it and has its key.
        """
        if self.role is not None and self.shown:
            return True
        named = bool(self.description.subject_alt_names)
        return not self.issues and (not self.is_authority or named)

    def extension(self, kind: type[_Value]) -> x509.Extension[_Value] | None:
        """The extension of this kind, if there is one."""
        try:
            return self.certificate.extensions.get_extension_for_class(kind)
        except x509.ExtensionNotFound:
            return None
