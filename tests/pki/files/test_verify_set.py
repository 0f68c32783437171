"""The proof of a set fails where the set is wrong, and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from lab.pki import profiles
from lab.pki.errors import ExpiredError, SetFaultyError, WrongFormatError
from lab.pki.files import verify_set
from lab.pki.files.lab_set import Role, SetPaths
from lab.pki.files.verify_set import load_verified_set
from lab.pki.identity import Identity
from lab.pki.profiles import DEFAULT_PFX_PASSWORD, general_name
from tests.support.pki_fixtures import (
    LOCAL_NAMES,
    leaf_key,
    new_authority,
    utc_now,
)

NOW = utc_now()
ROOT = new_authority(NOW)
STRANGER = new_authority(NOW, name="Stranger", number=5)


def put(folder: Path, role: Role, identity: Identity) -> None:
    paths = SetPaths(directory=folder)
    paths.certificate(role).write_bytes(identity.chain_pem())
    paths.key(role).write_bytes(identity.key_pem())


def put_pfx(folder: Path, identity: Identity, root: Identity) -> None:
    SetPaths(directory=folder).client_pfx.write_bytes(
        identity.pkcs12(
            DEFAULT_PFX_PASSWORD.encode(), friendly_name="client", authorities=root.chain
        )
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole set, each part of which a test may replace."""
    client = ROOT.issue(profiles.client(), leaf_key(2), now=NOW)
    put(tmp_path, Role.CA, ROOT.identity)
    put(tmp_path, Role.SERVER, ROOT.issue(profiles.server(LOCAL_NAMES), leaf_key(1), now=NOW))
    put(tmp_path, Role.CLIENT, client)
    put_pfx(tmp_path, client, ROOT.identity)
    return tmp_path


def prove(folder: Path, password: str = DEFAULT_PFX_PASSWORD) -> None:
    load_verified_set(SetPaths(directory=folder), now=NOW, pfx_password=password)


def test_a_good_set(folder: Path) -> None:
    prove(folder)


def test_time_is_the_callers(folder: Path) -> None:
    later = NOW + timedelta(days=364)
    load_verified_set(SetPaths(directory=folder), now=later, pfx_password=DEFAULT_PFX_PASSWORD)
    with pytest.raises(ExpiredError):
        load_verified_set(
            SetPaths(directory=folder),
            now=NOW + timedelta(days=366),
            pfx_password=DEFAULT_PFX_PASSWORD,
        )


def test_a_set_of_the_past_is_proved_at_its_time(tmp_path: Path) -> None:
    then = NOW - timedelta(days=5000)
    root = new_authority(then)
    client = root.issue(profiles.client(), leaf_key(2), now=then)
    put(tmp_path, Role.CA, root.identity)
    put(tmp_path, Role.SERVER, root.issue(profiles.server(LOCAL_NAMES), leaf_key(1), now=then))
    put(tmp_path, Role.CLIENT, client)
    put_pfx(tmp_path, client, root.identity)
    load_verified_set(SetPaths(directory=tmp_path), now=then, pfx_password=DEFAULT_PFX_PASSWORD)


def other_root(folder: Path) -> None:
    client = STRANGER.issue(profiles.client(), leaf_key(2), now=NOW)
    put(folder, Role.CLIENT, client)
    put_pfx(folder, client, ROOT.identity)


def client_for_servers(folder: Path) -> None:
    wrong = replace(profiles.client(), extended_key_usage=(ExtendedKeyUsageOID.SERVER_AUTH,))
    client = ROOT.issue(wrong, leaf_key(2), now=NOW)
    put(folder, Role.CLIENT, client)
    put_pfx(folder, client, ROOT.identity)


def server_without_key_identifier(folder: Path) -> None:
    lax = replace(profiles.server(LOCAL_NAMES), authority_key_identifier=False)
    put(folder, Role.SERVER, ROOT.issue(lax, leaf_key(1), now=NOW))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_root, "unable to get local issuer certificate|certificate verify failed"),
        (client_for_servers, "certificate purpose"),
        (server_without_key_identifier, "Missing Authority Key Identifier"),
    ],
)
def test_wrong_sets(folder: Path, change: Callable[[Path], None], words: str) -> None:
    change(folder)
    with pytest.raises(SetFaultyError, match=words):
        prove(folder)


def test_every_name_is_tried(folder: Path) -> None:
    odd = (*LOCAL_NAMES, general_name("::1"), general_name("todo.example.test"))
    put(folder, Role.SERVER, ROOT.issue(profiles.server(odd), leaf_key(1), now=NOW))
    prove(folder)


def test_pfx_with_another_password(folder: Path) -> None:
    with pytest.raises(SetFaultyError, match="does not open"):
        prove(folder, "another")


def test_pfx_without_the_authority(folder: Path) -> None:
    client = ROOT.issue(profiles.client(), leaf_key(2), now=NOW)
    put(folder, Role.CLIENT, client)
    put_pfx(folder, client, STRANGER.identity)
    with pytest.raises(SetFaultyError, match="lacks") as caught:
        prove(folder)
    assert caught.value.path == folder / "client.pfx"


def test_a_file_of_another_kind(folder: Path) -> None:
    (folder / "server.crt").write_bytes(b"")
    with pytest.raises(WrongFormatError):
        prove(folder)


def test_a_handshake_has_an_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_set, "_MAX_ROUNDS", 1)
    with pytest.raises(SetFaultyError, match="no end after 1 rounds"):
        prove(folder)
