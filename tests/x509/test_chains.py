"""Chains: the way up, however the certificates lie, and an end to every walk."""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki import malformed_certificates, profiles
from lab.pki.authority import Authority
from lab.pki.identity import KeyKind, cached
from lab.x509.certificates import described
from lab.x509.chains import End, is_self_signed, issuers_of, parsed_path, path_of
from tests.support.pki_fixtures import (
    client_under,
    leaf_key,
    new_authority,
    utc_now,
)

NOW = utc_now()
ROOT = new_authority(NOW)
CA = ROOT.identity.certificate
MIDDLE = Authority(identity=ROOT.issue(profiles.intermediate_ca("M"), leaf_key(9), now=NOW))
LEAF, UPPER = client_under(MIDDLE, NOW).chain


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def test_up_to_the_root_in_any_order() -> None:
    for pool in ((UPPER, CA), (CA, UPPER, LEAF, CA)):
        assert parsed_path(LEAF, pool) == ((LEAF, UPPER, CA), End.ROOT)
        assert issuers_of(der(LEAF), list(map(der, pool))) == (der(UPPER), der(CA))


def test_ends() -> None:
    assert parsed_path(LEAF, ())[1] is End.MISSING
    assert parsed_path(LEAF, (UPPER,))[1] is End.MISSING
    twin = new_authority(NOW, number=1).identity.certificate
    assert parsed_path(LEAF, (UPPER, twin)) == ((LEAF, UPPER), End.WRONG_IDENTIFIER)
    assert parsed_path(LEAF, (UPPER, twin, CA))[1] is End.ROOT
    assert parsed_path(CA, ())[1] is End.ROOT


def test_without_key_identifiers_the_signature_tells() -> None:
    twin = new_authority(NOW, number=1).identity.certificate
    profile = replace(profiles.client(), authority_key_identifier=False)
    leaf = ROOT.issue(profile, leaf_key(2), now=NOW).certificate
    assert parsed_path(leaf, (twin,))[1] is End.WRONG_KEY
    assert parsed_path(leaf, (twin, CA)) == ((leaf, CA), End.ROOT)


def test_two_cas_that_issued_each_other() -> None:
    """A loop, as cross-signed CAs make."""
    one, other = (
        Authority(identity=new_authority(NOW, name=name, number=number).identity)
        for name, number in (("One", 2), ("Other", 3))
    )
    a = one.issue(profiles.intermediate_ca("Other"), other.identity.key, now=NOW).certificate
    b = other.issue(profiles.intermediate_ca("One"), one.identity.key, now=NOW).certificate
    assert parsed_path(a, (a, b)) == ((a, b), End.MISSING)
    # Where a root of that name is there, too, it is the way to go.
    root = other.identity.certificate
    leaf = client_under(other, NOW).certificate
    assert parsed_path(leaf, (a, b, root)) == ((leaf, root), End.ROOT)
    assert set(issuers_of(der(leaf), [der(a), der(b), der(root)])) == {der(a), der(b), der(root)}


def test_old_hashes_are_verified_too() -> None:
    key = leaf_key(9)
    good = malformed_certificates.with_sha1(LEAF, key)  # type: ignore[arg-type]
    assert parsed_path(good, (UPPER,)) == ((good, UPPER), End.MISSING)
    bad = malformed_certificates.tampered(good)
    assert parsed_path(bad, (UPPER,)) == ((bad,), End.WRONG_KEY)
    assert parsed_path(good, (CA,))[1] is End.MISSING
    other = ROOT.issue(profiles.root_ca("M"), cached(KeyKind.RSA_1024), now=NOW).certificate
    bare = replace(profiles.client(), authority_key_identifier=False)
    without = MIDDLE.issue(bare, leaf_key(2), now=NOW).certificate
    assert parsed_path(without, (other,))[1] is not End.ROOT


def test_self_signed() -> None:
    assert is_self_signed(der(CA))
    assert not is_self_signed(der(UPPER))
    assert not is_self_signed(der(malformed_certificates.tampered(CA)))


def test_names_are_compared_as_openssl_does() -> None:
    """In another string type, another case, and with other spaces."""
    number = CA.subject.public_bytes().hex()
    assert described(CA).subject == "CN=mTLS Lab Root CA"
    printable = x509.Name(
        [
            x509.NameAttribute(
                x509.NameOID.COMMON_NAME, "MTLS  lab Root CA ", x509.name._ASN1Type.PrintableString
            )
        ]
    )
    assert number != printable.public_bytes().hex()
    profile = replace(profiles.client(), issuer=printable)
    leaf = ROOT.issue(profile, leaf_key(2), now=NOW).certificate
    assert parsed_path(leaf, (CA,)) == ((leaf, CA), End.ROOT)
    assert path_of(der(leaf), [der(UPPER)]).end is End.MISSING
