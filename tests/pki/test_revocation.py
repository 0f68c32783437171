from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.keys import KeyKind, cached
from lab.pki.revocation import LIFETIME, revocation_list, revocation_lists_pem
from tests.support.pki_fixtures import new_authority, utc_now


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.EC_P256, KeyKind.ED25519])
def test_a_list_names_its_issuer_its_time_and_what_is_revoked(kind: KeyKind) -> None:
    now = utc_now()
    root = self_signed(profiles.root_ca(), cached(kind, 300), now=now)
    made = revocation_list(Authority(identity=root), (7, 1 << 150), now=now)
    assert made.issuer == root.certificate.subject
    assert sorted(entry.serial_number for entry in made) == [7, 1 << 150]
    assert made.last_update_utc == now.replace(microsecond=0) - profiles.CLOCK_SKEW
    assert made.next_update_utc == made.last_update_utc + LIFETIME
    assert made.is_signature_valid(root.key.public_key())
    wanted = root.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    found = made.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found.key_identifier == wanted.digest
    assert made.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 1


def test_a_list_may_lie_in_the_past_and_be_empty() -> None:
    now = utc_now()
    starts, lifetime = timedelta(days=-9), timedelta(days=2)
    made = revocation_list(new_authority(now), (), now=now, starts=starts, lifetime=lifetime)
    assert list(made) == []
    assert made.next_update_utc == now.replace(microsecond=0) - timedelta(days=7)


def test_lists_are_written_one_behind_the_other() -> None:
    now = utc_now()
    lists = [revocation_list(new_authority(now, number=n), (n,), now=now) for n in (1, 2)]
    first, second = (revocation_lists_pem((each,)) for each in lists)
    assert revocation_lists_pem(lists) == first + second
    assert [x509.load_pem_x509_crl(pem) for pem in (first, second)] == lists
