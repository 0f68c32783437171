"""Loading a set from disk: every fault has its own error, which names the file and the remedy."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519

from lab.pki import errors
from lab.pki.files import pem
from lab.pki.files.lab_set import (
    SET_HEADERS,
    Role,
    SetPaths,
    load_authorities,
    load_role,
    load_set,
    set_rows,
)
from tests.support.pki_fixtures import (
    leaf_key,
    new_authority,
    server_under,
    utc_now,
)

NEW_SET = "make a new set: python -m lab.certs --dir "


def test_each_role_is_loaded(lab_folder: Path) -> None:
    whole = load_set(lab_folder, now=utc_now())
    for role in Role:
        files = load_role(lab_folder, role, now=utc_now())
        assert files.identity == whole.identity(role)
        assert files.identity.key_pem() == whole.identity(role).key_pem()
        assert files.authorities == whole.ca.chain
        assert files.ca_path == lab_folder / "ca.crt"
        assert files.certificate_path == lab_folder / f"{role.value}.crt"
        assert files.key_path == lab_folder / f"{role.value}.key"
    assert load_authorities(lab_folder, now=utc_now()) == whole.ca.chain


def test_a_server_needs_its_three_files_only(lab_folder: Path) -> None:
    for name in ("ca.key", "client.crt", "client.key", "client.pfx"):
        (lab_folder / name).unlink()
    load_role(lab_folder, Role.SERVER, now=utc_now())


def test_an_empty_folder_asks_for_no_force(tmp_path: Path) -> None:
    with pytest.raises(errors.MissingFileError) as caught:
        load_role(tmp_path, Role.SERVER, now=utc_now())
    assert str(caught.value) == (
        f"{tmp_path / 'ca.crt'}: no such file. "
        f"Put it there, or make a new set: python -m lab.certs --dir {tmp_path}."
    )


def test_a_folder_with_a_space_is_quoted(tmp_path: Path) -> None:
    assert SetPaths(directory=tmp_path / "my certs").command().endswith('my certs"')


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def damage(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"AAAA\n", *lines[2:]]))


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def encrypt(path: Path) -> None:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )


def agree_only(path: Path) -> None:
    key = x25519.X25519PrivateKey.generate()
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def write(data: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(data)

    return change


@pytest.mark.parametrize(
    ("name", "change", "error", "problem"),
    [
        ("ca.crt", Path.unlink, errors.MissingFileError, "no such file"),
        ("server.crt", Path.unlink, errors.MissingFileError, "no such file"),
        ("server.key", Path.unlink, errors.MissingFileError, "no such file"),
        ("server.key", make_folder, errors.UnreadableFileError, "is not a regular file"),
        ("ca.crt", write(b""), errors.WrongFormatError, "no PEM certificate but nothing"),
        ("ca.crt", truncate, errors.WrongFormatError, "but PEM that is cut off"),
        ("ca.crt", damage, errors.WrongFormatError, "contains a damaged certificate"),
        (
            "server.crt",
            write(b"\x30\x03"),
            errors.WrongFormatError,
            "but damaged or other binary (DER) data",
        ),
        (
            "server.crt",
            write("-----BEGIN".encode("utf-16")),
            errors.WrongFormatError,
            "UTF-16 text, as PowerShell's > writes it",
        ),
        (
            "server.crt",
            write(b"-----BEGIN X-----\n-----END X-----\n-----BEGIN Y Z-----\n-----END Y Z-----"),
            errors.WrongFormatError,
            "PEM of another kind: X, Y Z",
        ),
        ("server.crt", write(b"\xfe\xed\xfe\xed\0"), errors.WrongFormatError, "a Java key store"),
        (
            "server.crt",
            write(b" " * (pem.CERTIFICATES.octets + 1)),
            errors.WrongFormatError,
            "larger than 1 MiB",
        ),
        (
            "server.key",
            truncate,
            errors.WrongFormatError,
            "no PEM private key but PEM that is cut off",
        ),
        ("server.key", damage, errors.WrongFormatError, "contains a damaged private key"),
        ("server.key", encrypt, errors.PasswordNeededError, "is encrypted, and the lab does not"),
        ("server.key", agree_only, errors.WrongFormatError, "cannot sign a TLS handshake"),
        (
            "server.key",
            write(
                leaf_key(77).private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            ),
            errors.KeyMismatchError,
            "does not belong to the certificate in ",
        ),
    ],
)
def test_faults(
    lab_folder: Path,
    name: str,
    change: Callable[[Path], None],
    error: type[errors.PkiError],
    problem: str,
) -> None:
    path = lab_folder / name
    change(path)
    with pytest.raises(error) as caught:
        load_role(lab_folder, Role.SERVER, now=utc_now())
    text = str(caught.value)
    assert caught.value.path == path
    assert text.startswith(f"{path}: ") and problem in text
    assert len(text.splitlines()) == 1


def test_a_mismatch_offers_a_new_set(lab_folder: Path) -> None:
    (lab_folder / "server.key").write_bytes((lab_folder / "client.key").read_bytes())
    with pytest.raises(errors.KeyMismatchError) as caught:
        load_role(lab_folder, Role.SERVER, now=utc_now())
    assert str(caught.value) == (
        f"{lab_folder / 'server.key'}: the private key does not belong to the certificate in "
        f"{lab_folder / 'server.crt'}. Use the key that belongs to the certificate, or "
        f"{NEW_SET}{lab_folder} --force."
    )


def test_leaf_behind_its_authority(lab_folder: Path) -> None:
    path = lab_folder / "server.crt"
    path.write_bytes((lab_folder / "ca.crt").read_bytes() + path.read_bytes())
    with pytest.raises(errors.KeyMismatchError, match="certificate 2 of 2") as caught:
        load_role(lab_folder, Role.SERVER, now=utc_now())
    assert caught.value.path == path


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="needs a user whom file modes can stop"
)
def test_unreadable(lab_folder: Path) -> None:
    (lab_folder / "server.key").chmod(0)
    with pytest.raises(errors.UnreadableFileError, match="cannot be read: Permission denied"):
        load_role(lab_folder, Role.SERVER, now=utc_now())


def test_times(lab_folder: Path) -> None:
    end = load_role(lab_folder, Role.SERVER, now=utc_now()).identity.certificate
    load_role(lab_folder, Role.SERVER, now=end.not_valid_after_utc)
    with pytest.raises(errors.ExpiredError) as expired:
        load_role(lab_folder, Role.SERVER, now=end.not_valid_after_utc + timedelta(seconds=1))
    assert str(expired.value) == (
        f"{lab_folder / 'server.crt'}: expired at {end.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC. "
        f"Renew it, or {NEW_SET}{lab_folder} --force."
    )
    load_role(lab_folder, Role.SERVER, now=end.not_valid_before_utc)
    with pytest.raises(errors.NotYetValidError, match=r"is not valid before .*set this machine's"):
        load_role(lab_folder, Role.SERVER, now=end.not_valid_before_utc - timedelta(seconds=1))


def test_an_expired_authority_is_named(lab_folder: Path) -> None:
    with pytest.raises(errors.ExpiredError) as caught:
        load_role(lab_folder, Role.CLIENT, now=utc_now() + timedelta(days=4000))
    assert caught.value.path == lab_folder / "ca.crt"


def test_one_valid_authority_of_several_is_enough(lab_folder: Path) -> None:
    old = new_authority(utc_now() - timedelta(days=4000), name="Old CA").identity
    path = lab_folder / "ca.crt"
    path.write_bytes(old.chain_pem() + path.read_bytes())
    assert len(load_authorities(lab_folder, now=utc_now())) == 2


def test_text_around_pem_is_skipped(lab_folder: Path) -> None:
    for name in ("server.crt", "server.key"):
        path = lab_folder / name
        text = "Certificate: ñ\n".encode("latin-1")
        path.write_bytes(text + path.read_bytes().replace(b"\n", b"\r\n") + text)
    load_role(lab_folder, Role.SERVER, now=utc_now())


def test_intermediates_behind_the_leaf_are_kept(lab_folder: Path) -> None:
    now = utc_now()
    root = new_authority(now)
    identity = server_under(root, now)
    (lab_folder / "server.crt").write_bytes(identity.chain_pem() + root.identity.chain_pem())
    (lab_folder / "server.key").write_bytes(identity.key_pem())
    chain = load_role(lab_folder, Role.SERVER, now=now).identity.chain
    assert chain == (identity.certificate, root.identity.certificate)


def test_a_half_replaced_set_is_not_loaded(lab_folder: Path) -> None:
    SetPaths(directory=lab_folder).pending.mkdir()
    with pytest.raises(errors.SetInterruptedError, match=r"was interrupted.*--force") as caught:
        load_role(lab_folder, Role.SERVER, now=utc_now())
    assert caught.value.path == lab_folder


def test_rows(lab_folder: Path) -> None:
    rows = set_rows(SetPaths(directory=lab_folder), load_set(lab_folder, now=utc_now()))
    assert SET_HEADERS == ("file", "subject", "SAN", "EKU", "valid until")
    assert [row[:4] for row in rows] == [
        ("ca.crt", "CN=mTLS Lab Root CA", "-", "-"),
        ("server.crt", "CN=localhost", "DNS:localhost, IP:127.0.0.1, IP:::1", "serverAuth"),
        ("client.crt", "CN=mtls-client", "-", "clientAuth"),
        ("client.pfx", "CN=mtls-client", "-", "clientAuth"),
    ]
    assert all(row[4].endswith(" UTC") for row in rows)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a system with named pipes")
def test_what_is_given_by_hand_may_come_from_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"secret\n",), daemon=True)
    writer.start()
    assert pem.read_input(path, remedy="") == b"secret\n"
    with pytest.raises(errors.UnreadableFileError, match="is not a regular file"):
        pem.read_file(path, remedy="")
