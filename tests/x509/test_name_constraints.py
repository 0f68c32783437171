"""Name constraints: which names are within them."""

from __future__ import annotations

import pytest

from lab.x509.name_constraints import permits


@pytest.mark.parametrize(
    ("permitted", "excluded", "name", "fits"),
    [
        (["DNS:lab.test"], (), "DNS:lab.test", True),
        (["DNS:lab.test"], (), "DNS:A.LAB.test", True),
        (["DNS:.lab.test"], (), "DNS:a.lab.test", True),
        (["DNS:lab.test"], (), "DNS:xlab.test", False),
        (["DNS:lab.test"], (), "DNS:lab.test.evil", False),
        (["DNS:"], (), "DNS:anything", True),
        (["IP:192.0.2.0/24"], (), "IP:192.0.2.7", True),
        (["IP:192.0.2.0/24"], (), "IP:192.0.3.7", False),
        (["IP:192.0.2.0/24"], (), "IP:2001:db8::1", False),
        (["DNS:lab.test"], (), "IP:192.0.2.7", True),
        (["DNS:lab.test"], (), "email:a@b.test", True),
        (["email:b.test"], (), "email:a@b.test", True),
        (["email:a@b.test"], (), "email:c@b.test", False),
        (["email:.b.test"], (), "email:a@b.test", False),
        (["URI:lab.test"], (), "URI:spiffe://lab.test/a", True),
        (["URI:.lab.test"], (), "URI:https://user@a.lab.test:1/b", True),
        (["URI:lab.test"], (), "URI:https://a.lab.test/", False),
        (["dirName:O=Lab"], (), "dirName:CN=a,O=Lab", True),
        (["dirName:O=Lab"], (), "dirName:CN=a,O=Other", False),
        ((), ["DNS:lab.test"], "DNS:a.lab.test", False),
        ((), ["DNS:lab.test"], "DNS:other.test", True),
        (["DNS:lab.test"], ["DNS:a.lab.test"], "DNS:b.lab.test", True),
        (["DNS:lab.test"], ["DNS:a.lab.test"], "DNS:a.lab.test", False),
    ],
)
def test_names_within_constraints(
    permitted: list[str], excluded: list[str], name: str, fits: bool
) -> None:
    assert permits(permitted, excluded, name) is fits
