"""Certificate revocation lists (RFC 5280, 5): made by an authority, with an explicit ``now``.

This module must not know what was revoked, or who reads the list.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

from lab.pki.authority import Authority
from lab.pki.profiles import CLOCK_SKEW

LIFETIME = timedelta(days=30)


def revocation_list(
    authority: Authority,
    serials: Iterable[int],
    *,
    now: datetime,
    starts: timedelta = -CLOCK_SKEW,
    lifetime: timedelta = LIFETIME,
) -> x509.CertificateRevocationList:
    """Return the list of ``authority`` with these serial numbers on it.

    ``starts`` is where thisUpdate lies as seen from ``now``, ``lifetime`` the time from there to
    nextUpdate, after which the list counts no more.
    """
    issuer = authority.identity
    this_update = now.replace(microsecond=0) + starts
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(this_update + lifetime)
        # Both are demanded of a conforming CA (RFC 5280, 5.2.1 and 5.2.3).
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for serial in serials:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(this_update)
            .build()
        )
    if isinstance(issuer.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return builder.sign(issuer.key, None)
    return builder.sign(issuer.key, hashes.SHA256())


def revocation_lists_pem(lists: Iterable[x509.CertificateRevocationList]) -> bytes:
    """Return lists as PEM, one behind the other."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in lists)
