"""Identities from a user's files: every form that openssl writes, and every way to be wrong."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.pki import errors, profiles
from lab.pki.authority import Authority
from lab.pki.catalogue import rsa_pss
from lab.pki.errors import PkiError
from lab.pki.files.identity_files import load_authority, load_identity
from lab.pki.identity import (
    Identity,
    KeyKind,
    PrivateKey,
    cached,
    certificates_pem,
)
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from tests.support.pki_fixtures import (
    client_under,
    leaf_key,
    new_authority,
    utc_now,
)

NOW = utc_now()
ROOT = new_authority(NOW)
MIDDLE = Authority(
    identity=ROOT.issue(profiles.intermediate_ca("Lab Issuing CA"), leaf_key(9), now=NOW)
)
UPPER = Authority(
    identity=ROOT.issue(profiles.intermediate_ca("Upper", path_length=1), leaf_key(8), now=NOW)
)
LOWER = Authority(identity=UPPER.issue(profiles.intermediate_ca("Lower"), leaf_key(7), now=NOW))
CLIENT = client_under(MIDDLE, NOW)
DEEP = client_under(LOWER, NOW)
STRANGER = new_authority(NOW, name="Stranger", number=3).identity.certificate
SECRET = "contraseña".encode()


def never() -> bytes:
    raise AssertionError("nobody should be asked")


def put(folder: Path, data: bytes, name: str = "identity") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def traditional(key: PrivateKey, password: bytes | None = None) -> bytes:
    """OpenSSL's older form, ``BEGIN EC PRIVATE KEY``."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


def assert_same(loaded: Identity, wanted: Identity) -> None:
    assert loaded.chain == wanted.chain
    assert loaded.key_pem() == wanted.key_pem()


def test_pem_apart(tmp_path: Path) -> None:
    certificate = put(tmp_path, CLIENT.chain_pem(), "c.pem")
    key = put(tmp_path, CLIENT.key_pem(), "k.pem")
    assert_same(load_identity(certificate, key, never), CLIENT)


@pytest.mark.parametrize("key_first", [True, False])
def test_pem_together(tmp_path: Path, key_first: bool) -> None:
    parts = [CLIENT.key_pem(), CLIENT.chain_pem()]
    path = put(tmp_path, b"".join(parts if key_first else reversed(parts)))
    assert_same(load_identity(path), CLIENT)


@pytest.mark.parametrize("kind", [KeyKind.EC_P256, KeyKind.RSA_2048])
@pytest.mark.parametrize("password", [SECRET, None])
def test_older_key_form(tmp_path: Path, kind: KeyKind, password: bytes | None) -> None:
    identity = ROOT.issue(profiles.client(), cached(kind, 2), now=NOW)
    data = identity.chain_pem() + traditional(cached(kind, 2), password)
    assert_same(load_identity(put(tmp_path, data), None, password), identity)


def test_pem_order_and_repetitions_are_kept(tmp_path: Path) -> None:
    certificates = (*CLIENT.chain, STRANGER, *reversed(CLIENT.chain))
    path = put(tmp_path, CLIENT.key_pem() + certificates_pem(certificates))
    assert load_identity(path).chain == certificates


@pytest.mark.parametrize("password", [SECRET, lambda: SECRET])
def test_encrypted_key(tmp_path: Path, password: object) -> None:
    path = put(tmp_path, CLIENT.chain_pem() + CLIENT.key_pem(SECRET))
    assert_same(load_identity(path, None, password), CLIENT)  # type: ignore[arg-type]


def test_pkcs12(tmp_path: Path) -> None:
    data = CLIENT.pkcs12(SECRET, friendly_name="x", authorities=ROOT.identity.chain)
    assert_same(load_identity(put(tmp_path, data), None, lambda: SECRET), CLIENT)


def test_pkcs12_is_put_in_order_without_root_and_strangers(tmp_path: Path) -> None:
    leaf, lower, upper = DEEP.chain
    shuffled = Identity(
        chain=(leaf, upper, STRANGER, ROOT.identity.certificate, lower), key=DEEP.key
    )
    data = shuffled.pkcs12(SECRET, friendly_name="x")
    assert_same(load_identity(put(tmp_path, data), None, SECRET), DEEP)


def test_pkcs12_of_one_self_signed_certificate(tmp_path: Path) -> None:
    data = ROOT.identity.pkcs12(SECRET, friendly_name="x", authorities=ROOT.identity.chain)
    assert_same(load_identity(put(tmp_path, data), None, SECRET), ROOT.identity)


def plain_pkcs12(certificate: x509.Certificate | None, *, key: bool = True) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        None,
        CLIENT.key if key else None,
        certificate,
        None,
        serialization.NoEncryption(),
    )


def test_pkcs12_without_a_password_asks_for_none(tmp_path: Path) -> None:
    path = put(tmp_path, plain_pkcs12(CLIENT.certificate))
    assert load_identity(path, None, never).chain == CLIENT.chain[:1]


WRONG = errors.WrongFormatError
PEM_AND_KEY = CLIENT.chain_pem() + CLIENT.key_pem(SECRET)
PFX = CLIENT.pkcs12(SECRET, friendly_name="x")
DER = CLIENT.certificate.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("data", "password", "error", "words"),
    [
        (PEM_AND_KEY, None, errors.PasswordNeededError, "is encrypted, and no password was given"),
        (PEM_AND_KEY, b"", errors.PasswordNeededError, "is encrypted, and no password was given"),
        (PEM_AND_KEY, b"no", errors.WrongPasswordError, "does not open the private key"),
        (PFX, None, errors.PasswordNeededError, "the PKCS#12 file needs a password"),
        (PFX, b"no", errors.WrongPasswordError, "does not open the PKCS#12 file, or the file is"),
        (PFX[:-9], SECRET, errors.WrongPasswordError, "or the file is damaged"),
        (plain_pkcs12(CLIENT.certificate, key=False), None, WRONG, "contains no private key"),
        (plain_pkcs12(None), None, WRONG, "contains no certificate for its private key"),
        (CLIENT.chain_pem(), None, WRONG, "contains no private key. Name the key file too"),
        (CLIENT.key_pem(), None, WRONG, "no PEM certificate but PEM of another kind: PRIVATE KEY"),
        (DER, None, WRONG, "Make a file that it loads: openssl x509 -inform DER"),
        (b"\x30\x80", None, WRONG, "binary (DER) data"),
        (b"GIF89a", None, WRONG, "text or data of another kind"),
        (b"", None, WRONG, "nothing"),
        (
            CLIENT.chain_pem() + ROOT.identity.key_pem(),
            None,
            errors.KeyMismatchError,
            "does not belong to the certificate in the same file",
        ),
        (
            certificates_pem(reversed(CLIENT.chain)) + CLIENT.key_pem(),
            None,
            errors.KeyMismatchError,
            "belongs to certificate 2 of 2. Put that certificate first",
        ),
    ],
)
def test_one_file_wrong(
    tmp_path: Path,
    data: bytes,
    password: bytes | None,
    error: type[errors.PkiError],
    words: str,
) -> None:
    path = put(tmp_path, data)
    with pytest.raises(error) as caught:
        load_identity(path, None, password)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and words in text
    assert len(text.splitlines()) == 1


def test_a_certificate_of_no_known_version(tmp_path: Path) -> None:
    der = DER.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1)
    body = base64.encodebytes(der)
    pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
    with pytest.raises(errors.WrongFormatError, match="cannot be read here"):
        load_identity(put(tmp_path, pem + CLIENT.key_pem()))


def test_a_key_for_pss_only_is_written_again_as_one(tmp_path: Path) -> None:
    made = rsa_pss(new_lab_authority(NOW))
    loaded = load_identity(put(tmp_path, made.chain_pem() + made.key_pem()))
    assert_same(loaded, made)


def test_two_files_wrong(tmp_path: Path) -> None:
    certificate = put(tmp_path, CLIENT.chain_pem(), "c.pem")
    other = put(tmp_path, ROOT.identity.key_pem(), "k.pem")
    with pytest.raises(
        errors.KeyMismatchError, match="Name the key that belongs to the certificate"
    ):
        load_identity(certificate, other)
    with pytest.raises(
        errors.WrongFormatError, match="contains no PEM private key but PEM of another"
    ):
        load_identity(certificate, certificate)
    with pytest.raises(errors.WrongFormatError, match="Leave out the key file"):
        load_identity(put(tmp_path, PFX, "p"), other, SECRET)
    for pair in ((tmp_path / "none", None), (certificate, tmp_path / "none")):
        with pytest.raises(errors.MissingFileError, match="no such file") as caught:
            load_identity(*pair)
        assert caught.value.path == tmp_path / "none"


def put_ca(authority: Authority, folder: Path, password: bytes | None = None) -> tuple[Path, Path]:
    certificate, key = folder / "ca.crt", folder / "ca.key"
    certificate.write_bytes(authority.identity.chain_pem())
    key.write_bytes(authority.identity.key_pem(password))
    return certificate, key


def test_a_ca_issues_what_it_should(tmp_path: Path) -> None:
    authority = new_authority(NOW)
    loaded = load_authority(*put_ca(authority, tmp_path), None, now=NOW)
    assert loaded.identity == authority.identity
    client_under(loaded, NOW).certificate.verify_directly_issued_by(authority.identity.certificate)


def test_a_ca_under_another_one_is_sent_with_what_it_issues(tmp_path: Path) -> None:
    below = LabAuthority(authority=new_authority(NOW), now=NOW).intermediate()
    certificate, key = put_ca(below, tmp_path)
    certificate.write_bytes(certificates_pem(below.identity.chain))
    loaded = load_authority(certificate, key, None, now=NOW)
    assert len(client_under(loaded, NOW).chain) == 2


def test_an_encrypted_key_is_opened_or_asked_for(tmp_path: Path) -> None:
    paths = put_ca(new_authority(NOW), tmp_path, b"secret")
    load_authority(*paths, b"secret", now=NOW)
    load_authority(*paths, lambda: b"secret", now=NOW)
    with pytest.raises(PkiError, match="is encrypted, and no password was given"):
        load_authority(*paths, None, now=NOW)
    with pytest.raises(PkiError, match="the password does not open"):
        load_authority(*paths, b"other", now=NOW)


def mismatched(folder: Path) -> tuple[Path, Path]:
    certificate, key = put_ca(new_authority(NOW), folder)
    key.write_bytes(new_authority(NOW, number=1).identity.key_pem())
    return certificate, key


def expired(folder: Path) -> tuple[Path, Path]:
    return put_ca(new_authority(NOW - timedelta(days=40 * 365)), folder)


def a_leaf(folder: Path) -> tuple[Path, Path]:
    identity = client_under(new_authority(NOW), NOW)
    return put_ca(Authority(identity=identity), folder)


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
