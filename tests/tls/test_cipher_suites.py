"""Cipher suites: OpenSSL names them as the registry does."""

from __future__ import annotations

import subprocess

from lab.tls.cipher_suites import CipherSuite


def test_openssl_has_the_same_name_for_each_of_its_suites() -> None:
    listing = subprocess.run(
        ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = {}
    for line in listing.splitlines():
        number, _, name = line.split()[:3]
        high, low = (int(part, 16) for part in number.split(","))
        names[high << 8 | low] = name
    assert len(names) > 50
    assert {number: str(CipherSuite(number)) for number in names} == names
