"""Name constraints: which names are within them."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509

from lab.x509.name_constraints import permits


def dns(name: str) -> x509.GeneralName:
    return x509.DNSName(name)


def address(text: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(text))


NET = x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))
MAIL = x509.RFC822Name("a@b.test")


@pytest.mark.parametrize(
    ("permitted", "excluded", "name", "fits"),
    [
        ([dns("lab.test")], None, dns("lab.test"), True),
        ([dns("lab.test")], None, dns("A.LAB.test"), True),
        ([dns(".lab.test")], None, dns("a.lab.test"), True),
        ([dns("lab.test")], None, dns("xlab.test"), False),
        ([dns("lab.test")], None, dns("lab.test.evil"), False),
        ([dns("")], None, dns("anything"), True),
        ([NET], None, address("192.0.2.7"), True),
        ([NET], None, address("192.0.3.7"), False),
        ([NET], None, address("2001:db8::1"), False),
        ([dns("lab.test")], None, address("192.0.2.7"), True),
        ([dns("lab.test")], None, MAIL, True),
        (None, [dns("lab.test")], dns("a.lab.test"), False),
        (None, [dns("lab.test")], dns("other.test"), True),
        ([dns("lab.test")], [dns("a.lab.test")], dns("b.lab.test"), True),
        ([dns("lab.test")], [dns("a.lab.test")], dns("a.lab.test"), False),
    ],
)
def test_permitted(
    permitted: list[x509.GeneralName] | None,
    excluded: list[x509.GeneralName] | None,
    name: x509.GeneralName,
    fits: bool,
) -> None:
    assert permits(x509.NameConstraints(permitted, excluded), name) is fits
