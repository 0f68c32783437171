"""A user's CA from files: every fault is one line; and the list that goes with it lasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki.authority import Authority, self_signed
from lab.pki.catalogue import REVOKED_SERIAL, fresh_crl, through_intermediate
from lab.pki.errors import PkiError
from lab.pki.files.ca_files import ensure_revocation_lists, load_authority
from lab.pki.identity import certificates_pem
from lab.pki.keys import KeyKind, generate, public_bytes
from lab.pki.lab_ca import LabAuthority, client_key, new_lab_authority
from lab.pki.profiles import root_ca
from lab.pki.revocation import revocation_list
from tests.support.pki_fixtures import client_under, new_authority, utc_now

NOW = utc_now()


def put(authority: Authority, folder: Path, password: bytes | None = None) -> tuple[Path, Path]:
    certificate, key = folder / "ca.crt", folder / "ca.key"
    certificate.write_bytes(authority.identity.chain_pem())
    key.write_bytes(authority.identity.key_pem(password))
    return certificate, key


def test_a_ca_issues_what_it_should(tmp_path: Path) -> None:
    authority = new_authority(NOW)
    loaded = load_authority(*put(authority, tmp_path), None, now=NOW)
    assert loaded.identity == authority.identity
    client_under(loaded, NOW).certificate.verify_directly_issued_by(authority.identity.certificate)


def test_a_ca_under_another_one_is_sent_with_what_it_issues(tmp_path: Path) -> None:
    below = LabAuthority(authority=new_authority(NOW), now=NOW).intermediate()
    certificate, key = put(below, tmp_path)
    certificate.write_bytes(certificates_pem(below.identity.chain))
    loaded = load_authority(certificate, key, None, now=NOW)
    assert len(client_under(loaded, NOW).chain) == 2


def test_an_encrypted_key_is_opened_or_asked_for(tmp_path: Path) -> None:
    paths = put(new_authority(NOW), tmp_path, b"secret")
    load_authority(*paths, b"secret", now=NOW)
    load_authority(*paths, lambda: b"secret", now=NOW)
    with pytest.raises(PkiError, match="is encrypted, and no password was given"):
        load_authority(*paths, None, now=NOW)
    with pytest.raises(PkiError, match="the password does not open"):
        load_authority(*paths, b"other", now=NOW)


def mismatched(folder: Path) -> tuple[Path, Path]:
    certificate, key = put(new_authority(NOW), folder)
    key.write_bytes(new_authority(NOW, number=1).identity.key_pem())
    return certificate, key


def expired(folder: Path) -> tuple[Path, Path]:
    return put(new_authority(NOW - timedelta(days=40 * 365)), folder)


def a_leaf(folder: Path) -> tuple[Path, Path]:
    identity = client_under(new_authority(NOW), NOW)
    return put(Authority(identity=identity), folder)


def without_certificate(folder: Path) -> tuple[Path, Path]:
    return folder / "ca.crt", folder / "ca.key"


@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        (mismatched, "does not belong to the certificate"),
        (expired, "expired at"),
        (a_leaf, "is not a CA certificate"),
        (without_certificate, "no such file. Make the lab's CA"),
    ],
)
def test_what_is_wrong_with_a_ca_is_one_line(
    faulty: Callable[[Path], tuple[Path, Path]], says: str, tmp_path: Path
) -> None:
    certificate, key = faulty(tmp_path)
    with pytest.raises(PkiError) as caught:
        load_authority(certificate, key, None, now=NOW)
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_is_made_once(tmp_path: Path) -> None:
    path, ca = tmp_path / "lab.crl", new_lab_authority(NOW)
    assert ensure_revocation_lists(path, ca)
    made = path.read_bytes()
    assert made.count(b"BEGIN X509 CRL") == len(fresh_crl(ca)) == 2
    assert not ensure_revocation_lists(path, ca)
    assert path.read_bytes() == made


def test_a_list_outlives_the_process(tmp_path: Path) -> None:
    """The intermediate is made anew each time, with the same key: its list still counts."""
    paths = put(
        Authority(identity=self_signed(root_ca(), generate(KeyKind.RSA_2048), now=NOW)), tmp_path
    )
    first, second = (
        LabAuthority(authority=load_authority(*paths, None, now=NOW), now=NOW) for _ in range(2)
    )
    _, lower = fresh_crl(first)
    intermediate = through_intermediate(second).chain[1]
    key = second.intermediate().identity.key.public_key()
    assert intermediate.public_key() == key
    assert lower.is_signature_valid(key)
    other = LabAuthority(authority=new_authority(NOW), now=NOW)
    assert other.intermediate().identity.key.public_key() != key


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda ca: b"", "contains no PEM CRL but nothing"),
        (
            lambda ca: b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
            "contains a damaged CRL",
        ),
        (
            lambda ca: revocation_list(ca.authority, (1,), now=NOW).public_bytes(Encoding.PEM),
            f"does not revoke the serial number {REVOKED_SERIAL:#x}",
        ),
        (
            lambda ca: revocation_list(ca.other_root(), (REVOKED_SERIAL,), now=NOW).public_bytes(
                Encoding.PEM
            ),
            "does not revoke the serial number",
        ),
        (
            lambda ca: revocation_list(
                ca.authority, (REVOKED_SERIAL,), now=NOW - timedelta(days=60)
            ).public_bytes(Encoding.PEM),
            "the CRL expired at",
        ),
    ],
)
def test_what_is_wrong_with_a_list_is_one_line(
    content: Callable[[LabAuthority], bytes], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "lab.crl"
    path.write_bytes(content(new_lab_authority(NOW)))
    with pytest.raises(PkiError) as caught:
        ensure_revocation_lists(path, new_lab_authority(NOW))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(PkiError, match="cannot be written"):
        ensure_revocation_lists(tmp_path / "no" / "folder", new_lab_authority(NOW))


def test_derived_keys_are_apart() -> None:
    """What is derived from the CA's key is no key that a client has."""
    ca = new_lab_authority(NOW)
    keys = {public_bytes(ca.intermediate(number=n).identity.key.public_key()) for n in (0, 1)}
    assert len(keys) == 2
    assert public_bytes(client_key().public_key()) not in keys
