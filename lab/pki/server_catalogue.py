"""Server identities: a good one, and others for a client to refuse.

Rules: as in :mod:`lab.pki.catalogue`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.pki import malformed_certificates, profiles
from lab.pki.authority import self_signed
from lab.pki.catalogue import FOREIGN_DOMAIN, Recipe
from lab.pki.identity import Identity
from lab.pki.lab_ca import LabAuthority

_DAY = timedelta(days=1)


def server(**changes: Any) -> Recipe:
    """A server under the CA, with these fields of its profile changed."""
    return lambda shop: shop.server(**changes)


good_server = server()
expired = server(starts=-30 * _DAY, lifetime=29 * _DAY)
wrong_name = server(names=(x509.DNSName(FOREIGN_DOMAIN),))
common_name_only = server(names=())
eku_missing = server(extended_key_usage=())
eku_client_only = server(extended_key_usage=(ExtendedKeyUsageOID.CLIENT_AUTH,))


def request_extensions_lost(shop: LabAuthority) -> Identity:
    """Version 1, without extensions: what ``openssl x509 -req`` makes without ``-extfile``."""
    whole = shop.server()
    leaf = malformed_certificates.as_version_1(whole.certificate, shop.authority.identity.key)
    return replace(whole, chain=(leaf, *whole.chain[1:]))


def untrusted_ca(shop: LabAuthority) -> Identity:
    """Issued by a root that the client does not trust."""
    return shop.server(issuer=shop.other_root())


def server_self_signed(shop: LabAuthority) -> Identity:
    """Issued by itself."""
    good = shop.server()
    names = good.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return self_signed(profiles.server(tuple(names.value)), good.key, now=shop.now)


def intermediate_not_sent(shop: LabAuthority) -> Identity:
    """The leaf alone, of a chain that needs the intermediate."""
    whole = shop.server(issuer=shop.intermediate())
    return replace(whole, chain=whole.chain[:1])
