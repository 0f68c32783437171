"""Name constraints of a CA (RFC 5280, 4.2.1.10).

Names of other forms than host names, addresses, e-mail addresses, URIs and distinguished names are
taken as permitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from cryptography import x509


def violating_name(
    constraints: x509.NameConstraints, certificate: x509.Certificate
) -> x509.GeneralName | None:
    """Return the first name of ``certificate`` that a CA with these constraints may not certify."""
    names: list[x509.GeneralName] = [x509.DirectoryName(certificate.subject)]
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            names += extension.value
    if not certificate.subject.rdns:
        del names[0]
    return next((name for name in names if not permits(constraints, name)), None)


def permits(constraints: x509.NameConstraints, name: x509.GeneralName) -> bool:
    """Return whether a CA with these constraints may issue for ``name``."""
    permitted = [
        subtree for subtree in constraints.permitted_subtrees or () if type(subtree) is type(name)
    ]
    excluded = constraints.excluded_subtrees or ()
    return (not permitted or _within(name, permitted)) and not _within(name, excluded)


def _within(name: x509.GeneralName, subtrees: Sequence[x509.GeneralName]) -> bool:
    return any(_below(name, subtree) for subtree in subtrees)


def _below(name: x509.GeneralName, subtree: x509.GeneralName) -> bool:
    if isinstance(name, x509.DNSName) and isinstance(subtree, x509.DNSName):
        host, domain = name.value.lower(), subtree.value.lower().lstrip(".")
        return not domain or host == domain or host.endswith(f".{domain}")
    if isinstance(name, x509.RFC822Name) and isinstance(subtree, x509.RFC822Name):
        address, wanted = name.value.lower(), subtree.value.lower()
        return address == wanted if "@" in wanted else _in_domain(address.partition("@")[2], wanted)
    if isinstance(name, x509.UniformResourceIdentifier) and isinstance(
        subtree, x509.UniformResourceIdentifier
    ):
        return _in_domain((urlsplit(name.value).hostname or "").lower(), subtree.value.lower())
    if isinstance(name, x509.DirectoryName) and isinstance(subtree, x509.DirectoryName):
        wanted_rdns = subtree.value.rdns
        return name.value.rdns[: len(wanted_rdns)] == wanted_rdns
    if isinstance(name, x509.IPAddress) and isinstance(subtree, x509.IPAddress):
        ip, network = name.value, subtree.value
        return (
            isinstance(ip, IPv4Address | IPv6Address)
            and isinstance(network, IPv4Network | IPv6Network)
            and ip in network
        )
    return False


def _in_domain(host: str, wanted: str) -> bool:
    """A host itself, or with a dot in front any host below it."""
    return host.endswith(wanted) if wanted.startswith(".") else host == wanted
