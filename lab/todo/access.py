"""Who the client is, and whether it is let in.

Rules: an identity is read only from a certificate that the TLS handshake has verified; a header
never makes one. A policy judges the identity alone and knows neither request nor route.

This module must not know HTTP messages, sockets or TLS.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from lab.x509.certificates import describe


class UnreadableCertificate(ValueError):
    """OpenSSL verified a certificate whose subject cannot be decoded here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdentity:
    """The names of a verified client certificate.

    ``common_name`` is the subject's last (most specific) CN, or None; ``subject`` the whole name
    in RFC 4514 form, most specific part first; ``serial`` the certificate's serial number;
    ``certificate`` its DER; ``not_after`` its end, a moment of UTC; ``alternative_names`` the
    subjectAltName, each name with its type in front (``DNS:…``, ``URI:…``, ``email:…``), and empty
    where it cannot be decoded: who is known by none of these names is not let in by one. Text is
    as the certificate has it: whoever shows it escapes it.
    """

    common_name: str | None
    subject: str
    serial: int
    certificate: bytes
    not_after: datetime
    alternative_names: tuple[str, ...] = ()

    @classmethod
    @functools.lru_cache(maxsize=256)  # clients come again, and may have many connections
    def from_der(cls, certificate: bytes) -> ClientIdentity:
        """Reads a verified certificate; raises UnreadableCertificate."""
        try:
            parsed = x509.load_der_x509_certificate(certificate)
            names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            subject = parsed.subject.rfc4514_string()
            serial = parsed.serial_number
            not_after = parsed.not_valid_after_utc
        except ValueError as error:
            raise UnreadableCertificate(
                f"the client certificate cannot be decoded: {error}"
            ) from error
        return cls(
            common_name=str(names[-1].value) if names else None,
            subject=subject,
            serial=serial,
            certificate=certificate,
            not_after=not_after,
            # OpenSSL takes names that cryptography does not, such as DNS names beyond ASCII.
            alternative_names=describe(certificate).subject_alt_names,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why a client is not let in. ``status`` is 401 (who are you?) or 403 (not you)."""

    status: int
    message: str


Policy = Callable[[ClientIdentity | None], Denial | None]
"""Judges a client, None being one without a certificate; None as the answer lets it in."""


def certificate_required(client: ClientIdentity | None) -> Denial | None:
    """The policy that lets in every client with a verified certificate."""
    if client is None:
        return Denial(
            status=401,
            message="a client certificate is required, and none was presented in the TLS handshake",
        )
    return None


def anyone(client: ClientIdentity | None) -> Denial | None:
    """The policy of a server that asks for no certificate: every client is let in."""
    return None
