"""A certificate under inspection, with what several checks ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from lab.inspecting.results import TlsRole
from lab.x509.certificates import CertificateDescription
from lab.x509.chains import issued
from lab.x509.problems import NEUTRAL_WORDING, Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateUnderCheck:
    """A certificate under inspection, readable to its end.

    ``has_key`` and ``issues`` tell whether its key, and a certificate that it issued, are among
    the files. ``role`` is the role that the user named, None if none.
    """

    certificate: x509.Certificate
    description: CertificateDescription
    now: datetime
    has_key: bool = False
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
    def is_leaf(self) -> bool:
        """Whether it is checked as one to be presented in a handshake.

        A CA is, if it names hosts, or if the user named a role and its key is among the files.
        """
        if self.role is not None and self.has_key:
            return True
        named = bool(self.description.subject_alt_names)
        return not self.issues and (not self.is_authority or named)

    @property
    def roles(self) -> tuple[TlsRole, ...]:
        """The role that the user named; else those in the extendedKeyUsage; else both."""
        if self.role is not None:
            return (self.role,)
        purposes = self.description.extended_key_usage or ()
        return tuple(role for role in TlsRole if role.purpose in purposes) or tuple(TlsRole)

    @property
    def wording(self) -> Wording:
        """The words of problems: with the names of both ends, if it is meant for one role."""
        if len(self.roles) > 1:
            return NEUTRAL_WORDING
        (role,) = self.roles
        return Wording(role=role.value, other=role.other.value, purpose=role.purpose)
