"""Chains: the way up, however the certificates lie, and an end to every walk."""

from __future__ import annotations

from dataclasses import replace

from lab.pki import malformed_certificates, profiles
from lab.pki.authority import Authority
from lab.pki.identity import KeyKind, cached
from lab.x509.chains import End, issued, path_of
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


def test_up_to_the_root_in_any_order() -> None:
    for pool in ((UPPER, CA), (CA, UPPER, LEAF, CA)):
        path = path_of(LEAF, pool)
        assert (path.certificates, path.above, path.end) == (
            (LEAF, UPPER, CA),
            (UPPER, CA),
            End.ROOT,
        )


def test_ends() -> None:
    assert path_of(LEAF, ()).end is End.MISSING
    assert path_of(LEAF, (UPPER,)).end is End.MISSING
    twin = new_authority(NOW, number=1).identity.certificate
    path = path_of(LEAF, (UPPER, twin))
    assert (path.certificates, path.end) == ((LEAF, UPPER), End.WRONG_KEY)
    assert path_of(LEAF, (UPPER, twin, CA)).end is End.ROOT
    assert path_of(CA, ()).end is End.ROOT


def test_two_cas_that_issued_each_other() -> None:
    """A loop, as cross-signed CAs make."""
    one, other = (
        Authority(identity=new_authority(NOW, name=name, number=number).identity)
        for name, number in (("One", 2), ("Other", 3))
    )
    a = one.issue(profiles.intermediate_ca("Other"), other.identity.key, now=NOW).certificate
    b = other.issue(profiles.intermediate_ca("One"), one.identity.key, now=NOW).certificate
    path = path_of(a, (a, b))
    assert (path.certificates, path.end) == ((a, b), End.MISSING)


def test_old_hashes_are_verified_too() -> None:
    key = leaf_key(9)
    good = malformed_certificates.with_sha1(LEAF, key)  # type: ignore[arg-type]
    assert issued(UPPER, good)
    assert not issued(UPPER, malformed_certificates.tampered(good))
    assert not issued(CA, good)
    rsa = replace(profiles.root_ca("M"))
    other = Authority(
        identity=ROOT.issue(rsa, cached(KeyKind.RSA_1024), now=NOW)
    ).identity.certificate
    assert not issued(other, good)
