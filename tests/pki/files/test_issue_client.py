"""One more client: as it was asked for, all of its files or none, and nobody else's touched."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.pki import catalogue, profiles
from lab.pki.errors import (
    PkiError,
    PlanError,
    SetExistsError,
    SetFaultyError,
    SetWriteError,
)
from lab.pki.files import issue_client
from lab.pki.files.identity_files import load_identity
from lab.pki.files.issue_client import (
    ClientPaths,
    ClientPlan,
    deviations,
    good_client,
    lab_authority_for,
    write_client,
)
from lab.pki.identity import Identity
from lab.pki.lab_ca import LabAuthority
from tests.support.pki_fixtures import new_authority, utc_now

NOW = utc_now()
CA = new_authority(NOW).identity
SPIFFE = x509.UniformResourceIdentifier("spiffe://lab.example/client")
PLAN = ClientPlan(cn="alice", names=(SPIFFE,), days=7)
LAB_CA = lab_authority_for(PLAN, CA, now=NOW)


def write(stem: Path, make: Any = good_client, **more: Any) -> Identity:
    return write_client(ClientPaths(stem=stem), make, LAB_CA, pfx_password="secret", **more)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*")}


def test_the_files_hold_what_was_asked_for(tmp_path: Path) -> None:
    made = write(tmp_path / "new" / "alice")
    folder = tmp_path / "new"
    assert set(content(folder)) == {"alice.crt", "alice.key", "alice.pfx"}
    leaf = made.certificate
    assert leaf.subject == profiles.common_name("alice")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(names.value) == [SPIFFE]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=7)
    leaf.verify_directly_issued_by(CA.certificate)
    assert load_identity(folder / "alice.crt", folder / "alice.key").chain == made.chain
    pfx = pkcs12.load_pkcs12((folder / "alice.pfx").read_bytes(), b"secret")
    assert pfx.cert is not None and pfx.cert.certificate == leaf
    assert [each.certificate for each in pfx.additional_certs] == [CA.certificate]
    assert deviations(PLAN, leaf) == ()


def test_the_chain_is_in_the_file(tmp_path: Path) -> None:
    made = write(tmp_path / "alice", catalogue.through_intermediate)
    assert len(made.chain) == 2
    assert (tmp_path / "alice.crt").read_bytes() == made.chain_pem()


@pytest.mark.skipif(os.name != "posix", reason="needs a user whom file modes can stop")
def test_secrets_are_private_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write(tmp_path / "alice")
    finally:
        os.umask(before)
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {".crt": 0o666, ".key": 0o600, ".pfx": 0o600}


@pytest.mark.parametrize("ending", [".crt", ".key", ".pfx", ".crl"])
def test_it_replaces_only_by_force(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"alice{ending}").write_text("mine")
    (tmp_path / "bob.key").write_text("his")
    with pytest.raises(SetExistsError, match="nothing was touched"):
        write(tmp_path / "alice")
    assert content(tmp_path) == {f"alice{ending}": b"mine", "bob.key": b"his"}
    made = write(tmp_path / "alice", replace=True)
    assert set(content(tmp_path)) == {"alice.crt", "alice.key", "alice.pfx", "bob.key"}
    assert load_identity(tmp_path / "alice.crt", tmp_path / "alice.key").chain == made.chain


def test_a_failing_move_leaves_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "alice")
    before = content(tmp_path)
    true_replace = os.replace

    def fail(source: Any, target: Any) -> None:
        if Path(source).suffix == ".pfx" and Path(target).parent == tmp_path:
            monkeypatch.undo()
            raise PermissionError(13, "Permission denied")
        true_replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(SetWriteError, match="the files cannot be written: Permission denied"):
        write(tmp_path / "alice", replace=True)
    assert content(tmp_path) == before


def test_files_that_hold_something_else_are_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = good_client(LAB_CA)

    def wrong(*_: object) -> Identity:
        return other

    monkeypatch.setattr(issue_client, "load_identity", wrong)
    with pytest.raises(SetFaultyError):
        write(tmp_path / "alice")
    assert content(tmp_path) == {}


def test_revocation_lists_go_with_it(tmp_path: Path) -> None:
    lists = catalogue.fresh_crl(LAB_CA)
    made = write(tmp_path / "alice", catalogue.revoked, lists=lists)
    crl = x509.load_pem_x509_crl((tmp_path / "alice.crl").read_bytes())
    entry = crl.get_revoked_certificate_by_serial_number(made.certificate.serial_number)
    assert entry is not None
    # What is replaced by one without a list keeps none.
    write(tmp_path / "alice", replace=True)
    assert not (tmp_path / "alice.crl").exists()


def test_a_key_that_pkcs12_cannot_hold(tmp_path: Path) -> None:
    made = write(tmp_path / "alice", catalogue.rsa_pss)
    assert set(content(tmp_path)) == {"alice.crt", "alice.key"}
    assert load_identity(tmp_path / "alice.crt", tmp_path / "alice.key").key_pem() == made.key_pem()


def test_every_file_has_its_own_key() -> None:
    assert good_client(LAB_CA).key_pem() != good_client(LAB_CA).key_pem()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (catalogue.expired, ["its dates cannot be chosen"]),
        (catalogue.not_yet_valid, []),
        (catalogue.client_self_signed, []),
        (
            catalogue.version_1,
            ["its subjectAltName cannot be chosen: it is none"],
        ),
        (
            catalogue.ca_as_leaf,
            [
                "its subject cannot be chosen: it is CN=mTLS Lab Intermediate CA",
                "its subjectAltName cannot be chosen: it is none",
                "its dates cannot be chosen",
            ],
        ),
    ],
)
def test_what_a_recipe_does_not_keep(make: catalogue.Recipe, words: list[str]) -> None:
    assert list(deviations(PLAN, make(LAB_CA).certificate)) == words


@pytest.mark.parametrize("days", [0, -1, 3651, 10**9])
def test_nothing_outlives_its_ca(days: int) -> None:
    with pytest.raises(PlanError, match="no certificate outlives its CA"):
        lab_authority_for(replace(PLAN, days=days), CA, now=NOW)


def test_the_longest_life() -> None:
    most = (CA.certificate.not_valid_after_utc - NOW).days
    leaf = good_client(lab_authority_for(replace(PLAN, days=most), CA, now=NOW)).certificate
    assert leaf.not_valid_after_utc <= CA.certificate.not_valid_after_utc


@pytest.mark.parametrize("change", [{"cn": ""}, {"cn": "x" * 65}, {"pfx_password": ""}])
def test_plans_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        replace(PLAN, **change)


@pytest.mark.parametrize(
    "name",
    [
        "ca",
        "Server",
        "client",
        "",
        "..",
        ".hidden",
        "a b",
        "ñ",
        "-x",
        "a" * 101,
        "a\nb",
        "a/b",
        "/a",
    ],
)
def test_names_that_no_files_should_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(PkiError) as caught:
        ClientPaths.of(tmp_path, name)
    assert len(str(caught.value).splitlines()) == 1
    if "/" not in name:
        with pytest.raises(PkiError):
            ClientPaths(stem=Path(name))


def test_a_lab_authority_makes_lab_clients_unless_told_otherwise() -> None:
    ca = LabAuthority(authority=LAB_CA.authority, now=NOW)
    assert ca.client().certificate.subject == profiles.common_name(profiles.CLIENT_NAME)
