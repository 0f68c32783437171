"""What is in a file: every form that there is, and what is said of other files."""

from __future__ import annotations

import base64
import random
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, x25519

from lab.inspecting.inspect_files import inspect
from lab.pki import errors
from lab.pki.authority import revocation_list, revocation_lists_pem
from lab.pki.files.file_contents import (
    MAX_OBJECTS,
    Contents,
    OtherBlock,
    StoredKey,
    read_contents,
)
from lab.pki.identity import KeyKind, cached, certificates_pem
from tests.inspecting.test_inspect_files import request
from tests.support.extent import amount
from tests.support.inspecting import as_item
from tests.support.pki_fixtures import client_under, new_authority, utc_now

NOW = utc_now()
ROOT = new_authority(NOW)
CLIENT = client_under(ROOT, NOW)
CRL = revocation_list(ROOT, [1, 2], now=NOW)
SECRET = "contraseña".encode()
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


def never(path: Path) -> bytes:
    raise AssertionError("nobody should be asked")


def nothing(path: Path) -> None:
    return None


def secret(path: Path) -> bytes:
    return SECRET


def wrong(path: Path) -> bytes:
    return b"no"


def put(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


def key_bytes(encoding: serialization.Encoding, password: bytes | None = None) -> bytes:
    return CLIENT.key.private_bytes(
        encoding,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


def test_several_things_in_one_pem_file_in_their_order(tmp_path: Path) -> None:
    csr = request()
    data = b"".join(
        (
            b"Bag Attributes\n",
            CLIENT.key_pem(),
            csr.public_bytes(PEM),
            b"-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----\n",
            certificates_pem((*CLIENT.chain, *ROOT.identity.chain)),
            revocation_lists_pem([CRL]),
        )
    )
    contents = read_contents(put(tmp_path, data), never)
    key, *rest = contents.items
    assert isinstance(key, StoredKey)
    assert (key.kind, key.encrypted) == ("EC secp256r1", False)
    assert contents.form == "PEM"
    authority = ROOT.identity.certificate
    expected: list[Any] = [
        csr,
        OtherBlock(label="DH PARAMETERS"),
        CLIENT.certificate,
        authority,
        CRL,
    ]
    assert rest == [as_item(one) for one in expected]
    assert contents.certificates() == (
        CLIENT.certificate.public_bytes(DER),
        authority.public_bytes(DER),
    )


@pytest.mark.parametrize(
    "data",
    [
        CLIENT.certificate.public_bytes(DER),
        request().public_bytes(DER),
        CRL.public_bytes(DER),
        key_bytes(DER),
    ],
)
def test_der(tmp_path: Path, data: bytes) -> None:
    contents = read_contents(put(tmp_path, data), never)
    assert contents.form == "DER"
    (item,) = contents.items
    if not isinstance(item, StoredKey | OtherBlock):
        assert item.der == data


@pytest.mark.parametrize("encoding", [PEM, DER])
def test_encrypted_keys(tmp_path: Path, encoding: serialization.Encoding) -> None:
    path = put(tmp_path, key_bytes(encoding, SECRET))
    (key,) = read_contents(path, secret).items
    assert isinstance(key, StoredKey)
    assert (key.kind, key.encrypted) == ("EC secp256r1", True)
    (closed,) = read_contents(path, nothing).items
    assert closed == StoredKey(kind="", encrypted=True, public=None)
    with pytest.raises(errors.WrongPasswordError, match="does not open the private key"):
        read_contents(path, wrong)


def test_pkcs12(tmp_path: Path) -> None:
    data = CLIENT.pkcs12(SECRET, friendly_name="x", authorities=ROOT.identity.chain)
    path = put(tmp_path, data)
    contents = read_contents(path, secret)
    key, *certificates = contents.items
    assert contents.form == "PKCS#12"
    assert isinstance(key, StoredKey) and key.encrypted
    assert certificates == list(map(as_item, (CLIENT.certificate, ROOT.identity.certificate)))
    with pytest.raises(errors.PasswordNeededError):
        read_contents(path, nothing)
    with pytest.raises(errors.WrongPasswordError):
        read_contents(path, wrong)


def test_keys_that_are_not_for_tls_are_named(tmp_path: Path) -> None:
    for key, kind in (
        (x25519.X25519PrivateKey.generate(), "X25519"),
        (dsa.generate_private_key(1024), "DSA 1024"),
        (cached(KeyKind.RSA_1024), "RSA 1024"),
    ):
        pem = key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (found,) = read_contents(put(tmp_path, pem), never).items
        assert isinstance(found, StoredKey) and found.kind == kind


ONE = certificates_pem([CLIENT.certificate])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "but nothing"),
        (b"GIF89a", "but text or data of another kind"),
        (b"\x30\x03\x02\x01", "but damaged or other binary (DER) data"),
        (ONE * (MAX_OBJECTS + 1), "the limit is 500"),
        (b" " * ((1 << 24) + 1), "larger than 16 MiB"),
    ],
)
def test_other_files(tmp_path: Path, data: bytes, words: str) -> None:
    path = put(tmp_path, data)
    with pytest.raises(errors.WrongFormatError) as caught:
        read_contents(path, never)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (ONE.replace(b"MII", b"MIA"), "unreadable"),
        (b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", "unreadable"),
        (b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", "key-unreadable"),
        (ONE.replace(b"MII", b"M*I"), "file-not-loadable"),
        (ONE.replace(b"CERTIFICATE", b"X509 CRL"), "file-not-loadable"),
        (ONE.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST"), "file-not-loadable"),
        (ONE.replace(b"CERTIFICATE", b"PRIVATE KEY"), "file-not-loadable"),
    ],
)
def test_what_is_damaged_is_an_item_all_the_same(tmp_path: Path, data: bytes, code: str) -> None:
    inspection = inspect([read_contents(put(tmp_path, data), never)], now=NOW)
    assert inspection.files[0].entries
    assert code in {problem.code for _, problem in inspection.problems()}


def test_what_is_no_certificate_has_no_other_problem(tmp_path: Path) -> None:
    """It is not called self-signed, nor its key unfit: nothing of it was read."""
    data = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    inspection = inspect([read_contents(put(tmp_path, data), never)], now=NOW)
    found = {problem.code: problem for _, problem in inspection.problems()}
    assert set(found) == {"openssl-refuses", "unreadable"}
    assert "_ssl.c" not in found["openssl-refuses"].said[0]


def test_a_pkcs7_without_certificates_gets_no_command_that_extracts_them(tmp_path: Path) -> None:
    data = b"-----BEGIN PKCS7-----\nMAA=\n-----END PKCS7-----\n"
    contents = read_contents(put(tmp_path, data), never)
    assert (contents.items, contents.command) == ((), "")
    assert "no certificate was found in it" in contents.obstacle


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(errors.MissingFileError):
        read_contents(tmp_path / "none", never)


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_end_in_an_inspection_or_a_typed_error(tmp_path: Path, seed: int) -> None:
    chosen = random.Random(seed)
    whole = (
        CLIENT.certificate.public_bytes(DER),
        ROOT.identity.certificate.public_bytes(DER),
        request().public_bytes(DER),
        CRL.public_bytes(DER),
    )[seed]
    path = tmp_path / "file"
    read: list[Contents] = []
    for _ in range(amount(75, 300)):
        data = bytearray(whole)
        for _ in range(chosen.randint(1, 3)):
            data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
        path.write_bytes(bytes(data))
        try:
            contents = read_contents(path, nothing)
        except errors.PkiError:
            continue
        inspect([contents], now=NOW)
        read.append(contents)
    assert read


def test_the_trust_settings_of_openssl_are_not_looked_at(tmp_path: Path) -> None:
    """OpenSSL refuses what is below a CA that is rejected for a purpose (verify code 28)."""
    plain = ROOT.identity.certificate.public_bytes(DER)
    for settings, labels in ((b"\x30\x00", ["trust settings of a TRUSTED CERTIFICATE"]), (b"", [])):
        body = base64.encodebytes(plain + settings)
        begin, end = (b"-----%s TRUSTED CERTIFICATE-----\n" % word for word in (b"BEGIN", b"END"))
        contents = read_contents(put(tmp_path, begin + body + end), never)
        certificate, *rest = contents.items
        assert certificate == as_item(ROOT.identity.certificate)
        assert [item.label for item in rest if isinstance(item, OtherBlock)] == labels
