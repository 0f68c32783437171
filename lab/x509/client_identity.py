"""The names of a verified client certificate.

Rules: an identity is read only from a certificate that the TLS handshake has verified; a header
never makes one.
"""

from __future__ import annotations

import functools
import warnings
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

    ``common_name`` is the subject's last (most specific) CN, or None, also where it is no text;
    ``subject`` the whole name in RFC 4514 form, most specific part first; ``serial`` the
    certificate's serial number; ``certificate`` its DER; ``not_after`` its end, a moment of UTC;
    ``alternative_names`` the subjectAltName, each name with its type in front (``DNS:…``,
    ``URI:…``, ``email:…``), and empty where it cannot be decoded: who is known by none of these
    names is not let in by one. Text is as the certificate has it: whoever shows it escapes it.
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
        """Read a verified certificate; raise UnreadableCertificate if it cannot be decoded."""
        with warnings.catch_warnings():
            # The library warns of what OpenSSL has accepted; a client must not fill the log so.
            warnings.simplefilter("ignore")
            try:
                parsed = x509.load_der_x509_certificate(certificate)
                names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
                subject = parsed.subject.rfc4514_string()
                serial = parsed.serial_number
                not_after = parsed.not_valid_after_utc
            except Exception as error:  # the library has no one type for what it cannot read
                raise UnreadableCertificate(
                    "the client certificate is valid to OpenSSL, but this server cannot read who "
                    f"it names: {error}"
                ) from error
        name = names[-1].value if names else None
        return cls(
            common_name=name if isinstance(name, str) else None,
            subject=subject,
            serial=serial,
            certificate=certificate,
            not_after=not_after,
            # OpenSSL takes names that cryptography does not, such as DNS names beyond ASCII.
            alternative_names=describe(certificate).subject_alt_names,
        )
