"""Name constraints of a CA (RFC 5280 section 4.2.1.10), on names as a description has them.

Rules: names of other forms than host names, addresses, e-mail addresses, URIs and distinguished
names are taken as permitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from lab.x509.certificates import CertificateDescription
from lab.x509.names import common_names, email_addresses


def forbidden_names(
    ca: CertificateDescription, below: CertificateDescription, *, is_leaf: bool = True
) -> list[str]:
    """Return the names in a certificate that the constraints of a CA above it forbid."""
    permitted, excluded = ca.permitted_names, ca.excluded_names
    if not permitted and not excluded:
        return []
    return [
        name for name in _names(below, is_leaf=is_leaf) if not permits(permitted, excluded, name)
    ]


def _names(about: CertificateDescription, *, is_leaf: bool) -> list[str]:
    """Return the names that OpenSSL compares: a leaf without DNS names has its CN as one."""
    names = list(about.subject_alt_names)
    try:
        names += [f"email:{address}" for address in email_addresses(about.subject_der)]
        if is_leaf and not any(name.startswith("DNS:") for name in names):
            names += [f"DNS:{name}" for name in common_names(about.subject_der) if "." in name]
    except ValueError:  # it is reported as unreadable
        pass
    return names if not about.subject else [*names, f"dirName:{about.subject}"]


def permits(permitted: Sequence[str], excluded: Sequence[str], name: str) -> bool:
    """Return whether trees of names permit ``name``, all written as in a description."""
    kind = name.partition(":")[0]
    trees = [tree for tree in permitted if tree.partition(":")[0] == kind]
    return (not trees or any(_below(name, tree) for tree in trees)) and not any(
        _below(name, tree) for tree in excluded
    )


def _below(name: str, tree: str) -> bool:
    kind, _, value = name.partition(":")
    tree_kind, _, top = tree.partition(":")
    if kind != tree_kind:
        return False
    if kind == "IP":
        return _address_below(value, top)
    if kind == "dirName":
        return value == top or value.endswith(f",{top}")
    value, top = value.lower(), top.lower()
    if kind == "DNS":
        domain = top.lstrip(".")
        return not domain or value == domain or value.endswith(f".{domain}")
    if kind == "email":
        return value == top if "@" in top else _host_below(value.rpartition("@")[2], top)
    if kind == "URI":
        host = value.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
        return _host_below(host, top)
    return False


def _host_below(host: str, top: str) -> bool:
    return host.endswith(top) if top.startswith(".") else host == top


def _address_below(value: str, top: str) -> bool:
    try:
        return ip_address(value) in ip_network(top)
    except ValueError:
        return False
