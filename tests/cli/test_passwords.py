"""Passwords that no command line shows: in a file or the environment, for each command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.cli.identity_options import given_password
from lab.cli.tls_options import VARIABLE
from lab.pki.errors import MissingFileError
from tests.support.doors import run, served


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("secret\n")
    return file


@pytest.fixture
def encrypted(certs: Path, tmp_path: Path) -> Path:
    """client.key, encrypted with that password."""
    key = tmp_path / "encrypted.key"
    words: list[str | Path] = [
        "openssl",
        "pkey",
        "-in",
        certs / "client.key",
        "-aes256",
        "-out",
        key,
    ]
    subprocess.run([*words, "-passout", "pass:secret"], check=True)
    return key


def test_the_file_comes_before_the_environment(
    password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert given_password(None) is None
    monkeypatch.setenv(VARIABLE, "from the environment")
    assert given_password(None) == b"from the environment"
    assert given_password(password) == b"secret"
    with pytest.raises(MissingFileError):
        given_password(password.with_name("missing"))


def test_a_clients_key_is_opened_by_a_file_or_the_environment(
    certs: Path, encrypted: Path, password: Path
) -> None:
    identity = ("--cert", certs / "client.crt", "--key", encrypted, "--ca", certs / "ca.crt")
    with served("--certs", certs, "--port", "0") as server:
        assert run("lab.client", server.url, *identity, "--password-file", password).code == 0
        assert run("lab.client", server.url, *identity, MTLS_LAB_PASSWORD="secret").code == 0
        done = run("lab.client", server.url, *identity)
        assert done.code == 2
        assert "--password-file" in done.err and VARIABLE in done.err
        done = run("lab.trace", server.url, *identity, "--password-file", password)
        assert done.code == 0


def test_files_are_inspected_with_a_password_file(certs: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("changeit")
    pfx = certs / "client.pfx"
    assert run("lab.certs", "inspect", pfx, "--password-file", password).code == 0
    assert run("lab.certs", "inspect", pfx, MTLS_LAB_PASSWORD="changeit").code == 0
    assert run("lab.certs", "inspect", pfx).code != 0


def test_a_pfx_gets_the_password_of_a_file(certs: Path, tmp_path: Path, password: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(certs, folder)
    issue = ("lab.certs", "issue", "--dir", folder)
    assert run(*issue, "--cn", "alice", "--pfx-password-file", password).code == 0
    assert run(*issue, "--cn", "bob", MTLS_LAB_PFX_PASSWORD="secret").code == 0
    new = ("--dir", tmp_path / "new", "--key-type", "ec")
    made = run("lab.certs", *new, "--pfx-password-file", password)
    assert made.code == 0
    assert "The password of" not in made.out
    for pfx in (folder / "alice.pfx", folder / "bob.pfx", tmp_path / "new" / "client.pfx"):
        assert pkcs12.load_key_and_certificates(pfx.read_bytes(), b"secret")[1] is not None
    done = run(*issue, "--cn", "carol", "--pfx-password-file", tmp_path / "missing")
    assert done.code == 2
    assert "missing" in done.err
