"""When the certificates that a server works with expire, and its revocation lists with them.

Rules: the files are those that OpenSSL was given, read for this alone. A list without nextUpdate
(RFC 5280 section 5.1.2.5 wants one) has no end that could be told.

This module must not know TLS connections, nor who asks.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from lab.pki import pem
from lab.pki.crl_files import lists_in
from lab.pki.describe import described
from lab.stream.contexts import ServerTls
from lab.tls.certificates import distinguished

_REMEDY = "Put it back where the server was told to find it"


class Kind(enum.Enum):
    """What expires: the server's own certificate, one that it sends along, a CA, or a list."""

    SERVER = "server"
    CHAIN = "chain"
    CA = "ca"
    CRL = "crl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """When one of them expires.

    ``subject`` is the name in RFC 4514 form, of a list its issuer's; ``serial`` the serial number
    in hexadecimal, of a list its CRL number, "" if it has none. ``at`` is a moment of UTC.
    """

    kind: Kind
    subject: str
    serial: str
    at: datetime


def expiries(tls: ServerTls) -> tuple[Expiry, ...]:
    """Those of all files of ``tls``, each once. Raises a PkiError where one cannot be read."""
    found = [
        *_of_certificates(tls.identity.certificate, Kind.SERVER, Kind.CHAIN),
        *_of_certificates(tls.client_ca, Kind.CA, Kind.CA),
    ]
    if tls.crl is not None:
        found += _of_lists(tls.crl)
    return tuple(dict.fromkeys(found))


def _of_certificates(path: Path, first: Kind, others: Kind) -> Iterator[Expiry]:
    data = pem.read_file(path, remedy=_REMEDY)
    for number, certificate in enumerate(pem.certificates_in(data, path)):
        yield Expiry(
            kind=others if number else first,
            subject=described(certificate).subject,
            serial=f"{certificate.serial_number:x}",
            at=certificate.not_valid_after_utc,
        )


def _of_lists(path: Path) -> Iterator[Expiry]:
    for revoked in lists_in(pem.read_file(path, remedy=_REMEDY), path, remedy=_REMEDY):
        if revoked.next_update_utc is not None:
            yield Expiry(
                kind=Kind.CRL,
                subject=distinguished(revoked.issuer),
                serial=_number(revoked),
                at=revoked.next_update_utc,
            )


def _number(revoked: x509.CertificateRevocationList) -> str:
    try:
        return f"{revoked.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number:x}"
    except (x509.ExtensionNotFound, ValueError):  # the library reads extensions when asked
        return ""
