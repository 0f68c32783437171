"""Public CAs by their names."""

from __future__ import annotations

import pytest

from lab.x509.public_cas import public_ca


@pytest.mark.parametrize(
    ("issuer", "name"),
    [
        ("CN=R12,O=Let's Encrypt,C=US", "Let's Encrypt"),
        ("O=DigiCert Inc", "DigiCert"),
        ("CN=x+O=Amazon,C=US", "Amazon"),
        ("CN=Entrust CA,O=Entrust\\, Inc.", "Entrust"),
        # Others that begin alike, or say it where no organization is named.
        ("O=Amazonia Bank", ""),
        ("CN=O=DigiCert", ""),
        ("OU=O=Sectigo", ""),
        ("CN=mTLS Lab Root CA", ""),
        ("", ""),
    ],
)
def test_an_issuer_that_names_itself(issuer: str, name: str) -> None:
    assert public_ca(issuer) == name
