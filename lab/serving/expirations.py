"""When the certificates that a server works with expire, and its revocation lists with them.

Rules: what is told of is what was loaded, never what is in a file by now. A list without nextUpdate
(RFC 5280 section 5.1.2.5 wants one) has no end that could be told.

This module must not know files, TLS connections, nor who asks.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from lab.pki.files.crl_files import ListEnd
from lab.x509.certificates import described, distinguished


class Kind(enum.Enum):
    """What expires: the server's own certificate, one that it sends along, a CA, or a list."""

    SERVER = "server"
    CHAIN = "chain"
    CA = "ca"
    CRL = "crl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiration:
    """When one of them expires.

    ``subject`` is the name in RFC 4514 form, of a list its issuer's; ``serial`` the serial number
    in hexadecimal, of a list its CRL number, "" if it has none. ``at`` is a moment of UTC.
    """

    kind: Kind
    subject: str
    serial: str
    at: datetime


def expiries(
    chain: Sequence[x509.Certificate],
    authorities: Iterable[x509.Certificate],
    lists: Iterable[ListEnd],
) -> tuple[Expiration, ...]:
    """Those of a server's chain, its CAs, and its lists.

    Of several that differ in ``at`` alone, such as two lists of one CA without numbers, the last:
    until then there is one.
    """
    found = [
        *(_of(each, Kind.CHAIN if number else Kind.SERVER) for number, each in enumerate(chain)),
        *(_of(each, Kind.CA) for each in authorities),
        *map(_of_list, lists),
    ]
    last: dict[tuple[Kind, str, str], Expiration] = {}
    for each in found:
        key = (each.kind, each.subject, each.serial)
        last[key] = max(last.get(key, each), each, key=lambda expiry: expiry.at)
    return tuple(last.values())


def _of(certificate: x509.Certificate, kind: Kind) -> Expiration:
    return Expiration(
        kind=kind,
        subject=described(certificate).subject,
        serial=f"{certificate.serial_number:x}",
        at=certificate.not_valid_after_utc,
    )


def _of_list(end: ListEnd) -> Expiration:
    return Expiration(
        kind=Kind.CRL,
        subject=distinguished(end.issuer),
        serial="" if end.number is None else f"{end.number:x}",
        at=end.at,
    )
