"""Files of revocation lists: which of them a server can work with, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki.authority import (
    LIFETIME,
    Authority,
    revocation_list,
    revocation_lists_pem,
    self_signed,
)
from lab.pki.catalogue import REVOKED_SERIAL, fresh_crl, through_intermediate
from lab.pki.errors import (
    ExpiredError,
    NotYetValidError,
    PkiError,
    WrongFormatError,
)
from lab.pki.files.crl_files import ensure_revocation_lists, load_coverage
from lab.pki.files.identity_files import load_authority
from lab.pki.identity import KeyKind, certificates_pem, generate
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.pki.profiles import root_ca
from tests.support.pki_fixtures import large_list, new_authority, utc_now

NOW = utc_now()
DAY = timedelta(days=1)
OWN = new_authority(NOW)
OTHER = new_authority(NOW, name="Another CA", number=1)
NAMESAKE = new_authority(NOW, number=2)
OWN_CA, OTHER_CA = OWN.identity.certificate, OTHER.identity.certificate


def listed(
    authority: Authority = OWN,
    *serials: int,
    starts: timedelta = -DAY,
    lifetime: timedelta = LIFETIME,
) -> bytes:
    made = revocation_list(authority, serials, now=NOW, starts=starts, lifetime=lifetime)
    return revocation_lists_pem((made,))


def kept(folder: Path, data: bytes) -> Path:
    path = folder / "lab.crl"
    path.write_bytes(data)
    return path


def test_a_current_list_covers_its_ca(tmp_path: Path) -> None:
    found = load_coverage(kept(tmp_path, listed(OWN, 7, 8)), (OWN_CA,), now=NOW)
    assert found.until == NOW.replace(microsecond=0) - DAY + LIFETIME
    assert (found.revoked, found.uncovered) == (2, ())


def test_the_newest_of_two_lists_of_one_ca_counts(tmp_path: Path) -> None:
    old = listed(OWN, 1, starts=-3 * DAY, lifetime=2 * DAY)
    data = listed(OWN, 1, 2, 3) + old + listed(OWN, 1, 2, starts=-2 * DAY)
    assert load_coverage(kept(tmp_path, data), (OWN_CA,), now=NOW).revoked == 3


def test_the_list_that_ends_first_tells_until_when(tmp_path: Path) -> None:
    data = listed(OWN) + listed(OTHER, lifetime=3 * DAY)
    found = load_coverage(kept(tmp_path, data), (OWN_CA, OTHER_CA), now=NOW)
    assert found.until == NOW.replace(microsecond=0) + 2 * DAY


@pytest.mark.parametrize("rest", [b"", listed(OTHER, starts=-3 * DAY, lifetime=DAY)])
def test_one_ca_of_two_without_a_list_that_counts_is_told_of(tmp_path: Path, rest: bytes) -> None:
    found = load_coverage(kept(tmp_path, listed() + rest), (OWN_CA, OTHER_CA), now=NOW)
    assert found.uncovered == (OTHER_CA,)


def test_a_ca_that_has_expired_needs_no_list(tmp_path: Path) -> None:
    gone = new_authority(NOW - 40 * 365 * DAY, number=3).identity.certificate
    assert load_coverage(kept(tmp_path, listed()), (OWN_CA, gone), now=NOW).uncovered == ()


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", WrongFormatError, "contains no PEM CRL but nothing. Name a file"),
        (certificates_pem((OWN_CA,)), WrongFormatError, "PEM of another kind: CERTIFICATE"),
        (listed().replace(b"\nMI", b"\nZZ"), WrongFormatError, "contains a damaged CRL"),
        (listed() + certificates_pem((OWN_CA,)), WrongFormatError, "trust as a CA. Remove"),
        (
            listed(OTHER),
            WrongFormatError,
            "(the first one is issued by 'CN=Another CA'); with it, every",
        ),
        (listed(NAMESAKE), WrongFormatError, "contains no CRL signed by the CA"),
        (listed(starts=-3 * DAY, lifetime=DAY), ExpiredError, "the CRL expired at"),
        (listed(starts=DAY), NotYetValidError, "is not valid before"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(
    tmp_path: Path, data: bytes, error: type[PkiError], says: str
) -> None:
    path = kept(tmp_path, data)
    with pytest.raises(error) as caught:
        load_coverage(path, (OWN_CA,), now=NOW)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_no_list_is_that_of_a_ca_whose_key_is_of_an_unknown_kind(tmp_path: Path) -> None:
    prime256v1 = bytes.fromhex("2a8648ce3d030107")
    der = OWN_CA.public_bytes(Encoding.DER).replace(prime256v1, prime256v1[:-1] + b"\x7f")
    strange = x509.load_der_x509_certificate(der)
    found = load_coverage(kept(tmp_path, listed()), (OWN_CA, strange), now=NOW)
    assert found.uncovered == (strange,)


@pytest.mark.parametrize(
    ("make", "says"),
    [(lambda path: None, "no such file. Put it there"), (Path.mkdir, "is not a regular file")],
)
def test_a_file_that_cannot_be_read(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "lab.crl"
    make(path)
    with pytest.raises(PkiError, match=says):
        load_coverage(path, (OWN_CA,), now=NOW)


def test_a_list_may_be_large_and_has_a_bound_of_its_own(tmp_path: Path) -> None:
    path = kept(tmp_path, large_list(OWN, 1000))
    assert path.stat().st_size > 4 << 20
    now = utc_now()  # the list begins shortly before it is made
    assert load_coverage(path, (OWN_CA,), now=now).revoked == 1000
    path.write_bytes(path.read_bytes().ljust((16 << 20) + 1))
    with pytest.raises(PkiError, match="is larger than 16 MiB, the limit for CRLs"):
        load_coverage(path, (OWN_CA,), now=NOW)


def put_ca(authority: Authority, folder: Path, password: bytes | None = None) -> tuple[Path, Path]:
    certificate, key = folder / "ca.crt", folder / "ca.key"
    certificate.write_bytes(authority.identity.chain_pem())
    key.write_bytes(authority.identity.key_pem(password))
    return certificate, key


def test_a_list_is_made_once(tmp_path: Path) -> None:
    path, ca = tmp_path / "lab.crl", new_lab_authority(NOW)
    assert ensure_revocation_lists(path, ca)
    made = path.read_bytes()
    assert made.count(b"BEGIN X509 CRL") == len(fresh_crl(ca)) == 3
    assert not ensure_revocation_lists(path, ca)
    assert path.read_bytes() == made


def test_a_list_outlives_the_process(tmp_path: Path) -> None:
    """The intermediate is made anew each time, with the same key: its list still counts."""
    paths = put_ca(
        Authority(identity=self_signed(root_ca(), generate(KeyKind.RSA_2048), now=NOW)), tmp_path
    )
    first, second = (
        LabAuthority(authority=load_authority(*paths, None, now=NOW), now=NOW) for _ in range(2)
    )
    _, lower, _ = fresh_crl(first)
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
