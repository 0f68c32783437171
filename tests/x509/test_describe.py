"""Certificates in words, the rarer forms of names and purposes among them."""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.pki import profiles
from lab.x509.describe import described, row
from tests.support.pki_fixtures import leaf_key, new_authority, utc_now

NAMES = (
    x509.UniformResourceIdentifier("spiffe://lab.test/client"),
    x509.RFC822Name("ana@lab.test"),
    x509.DirectoryName(profiles.common_name("Añadir")),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
)


def test_all_forms() -> None:
    profile = replace(
        profiles.client("a,b"),
        names=NAMES,
        extended_key_usage=(
            ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
            x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"),
        ),
    )
    now = utc_now()
    certificate = new_authority(now).issue(profile, leaf_key(), now=now).certificate
    seen = described(certificate)
    assert seen.subject_alt_names == (
        "URI:spiffe://lab.test/client",
        "email:ana@lab.test",
        "dirName:CN=Añadir",
        "RID:1.2.3",
        "otherName",
    )
    assert row(certificate)[:3] == (
        "CN=a\\,b",
        ", ".join(seen.subject_alt_names),
        "anyExtendedKeyUsage, 1.3.6.1.4.1.99999.2",
    )
