"""Name constraints of a CA (RFC 5280, 4.2.1.10), for host names and addresses.

Names of other forms are taken as permitted. This module must not know certificates.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from cryptography import x509


def permits(constraints: x509.NameConstraints, name: x509.GeneralName) -> bool:
    """Return whether a CA with these constraints may issue for ``name``."""
    permitted = [each for each in constraints.permitted_subtrees or () if type(each) is type(name)]
    excluded = constraints.excluded_subtrees or ()
    return (not permitted or _within(name, permitted)) and not _within(name, excluded)


def _within(name: x509.GeneralName, subtrees: Sequence[x509.GeneralName]) -> bool:
    return any(_below(name, subtree) for subtree in subtrees)


def _below(name: x509.GeneralName, subtree: x509.GeneralName) -> bool:
    if isinstance(name, x509.DNSName) and isinstance(subtree, x509.DNSName):
        host, domain = name.value.lower(), subtree.value.lower().lstrip(".")
        return not domain or host == domain or host.endswith(f".{domain}")
    if isinstance(name, x509.IPAddress) and isinstance(subtree, x509.IPAddress):
        address, network = name.value, subtree.value
        return (
            isinstance(address, IPv4Address | IPv6Address)
            and isinstance(network, IPv4Network | IPv6Network)
            and address in network
        )
    return False
