"""``python -m lab.certs issue``: what it writes and prints, and what it refuses."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lab import certs as door
from lab.pki.files.identity_files import load_identity
from tests.support.doors import run, served


@pytest.fixture
def folder(certs: Path, tmp_path: Path) -> Path:
    """A set that may be changed."""
    return Path(shutil.copytree(certs, tmp_path / "certs"))


def issue(folder: Path, *words: str) -> int:
    return door.main(["issue", "--dir", str(folder), *words])


def test_a_good_client(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--cn", "alice", "--san", "URI:spiffe://lab.example/alice", "email:a@lab.example"]
    assert issue(folder, *words, "--days", "7") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"Wrote 3 files to {folder}:", ""]
    cells = re.split(r" {2,}", lines[3])
    assert cells[:4] == [
        "alice.crt",
        "CN=alice",
        "URI:spiffe://lab.example/alice, email:a@lab.example",
        "clientAuth",
    ]
    assert lines[4:] == [
        "",
        "Keep secret: alice.key, alice.pfx.",
        "The password of alice.pfx is changeit.",
    ]
    load_identity(folder / "alice.crt", folder / "alice.key")
    assert door.main(["inspect", *map(str, (folder / "alice.crt", folder / "ca.crt"))]) == 0


def test_a_broken_client(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "elsewhere" / "late"
    words = ["--cn", "mtls-client", "--out", str(out), "--pfx-password", "contraseña"]
    assert issue(folder, *words, "--scenario", "expired", "--days", "9") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[5:] == [
        "expired: The certificate has expired.",
        "As expired is made, its dates cannot be chosen.",
        "Keep secret: late.key, late.pfx.",
    ]
    load_identity(out.with_suffix(".pfx"), None, "contraseña".encode())


def test_a_name_that_a_scenario_does_not_take(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert issue(folder, "--cn", "x", "--scenario", "server-certificate") == 0
    assert "its subject cannot be chosen: it is CN=localhost." in capsys.readouterr().out


def test_lists_and_keys_that_pkcs12_cannot_hold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert issue(folder, "--cn", "x", "--scenario", "revoked") == 0
    assert "x.crl has the revocation lists that go with it." in capsys.readouterr().out
    assert issue(folder, "--cn", "y", "--scenario", "rsa-pss-key") == 0
    out = capsys.readouterr().out
    assert "Wrote 2 files" in out and "There is no PFX, which cannot hold such a key." in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--cn", ""], "the client's common name is empty"),
        (["--cn", "a/b"], "'a/b' is no good name for files"),
        (["--cn", "two words"], "'two words' is no good name for files. Name them with --out"),
        (["--cn", "ca", "--force"], "ca is what files of the lab's own set are called"),
        (["--cn", "x", "--san", "x.test"], "'x.test' is not a subjectAltName"),
        (["--cn", "x", "--days", "4000"], "a lifetime of 4000 days is not possible"),
        (["--cn", "x", "--pfx-password", ""], "the password of the PFX file is empty"),
        (["--cn", "x", "--scenario", "expird"], "no scenario 'expird'; did you mean expired?"),
        (["--cn", "x", "--scenario", "no-certificate"], "there is none to issue"),
        (["--cn", "x", "--scenario", "not-on-the-list"], "not about a client's certificate"),
        (["--cn", "x", "--dir", "none"], "none: no such folder"),
    ],
)
def test_refusals_touch_nothing(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(folder.parent)
    before = sorted(folder.parent.rglob("*"))
    assert issue(folder, *words) == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err
    assert err.startswith("lab.certs issue: ") and err.count("\n") == 1
    assert sorted(folder.parent.rglob("*")) == before


def test_it_replaces_only_by_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert issue(folder, "--cn", "alice") == 0
    before = (folder / "alice.key").read_bytes()
    capsys.readouterr()
    assert issue(folder, "--cn", "alice") == 2
    assert "holds alice.crt, alice.key, alice.pfx already, and nothing" in capsys.readouterr().err
    assert (folder / "alice.key").read_bytes() == before
    assert issue(folder, "--cn", "alice", "--force") == 0
    assert (folder / "alice.key").read_bytes() != before


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lab.cli.certs_issue.write_client", interrupt)
    assert issue(folder, "--cn", "x") == 130


@pytest.mark.parametrize(
    ("scenario", "result"),
    [("good", "accepted"), ("rsa-pss-key", "accepted"), ("expired", "certificate_expired")],
)
def test_the_server_thinks_as_the_scenario_says(folder: Path, scenario: str, result: str) -> None:
    assert issue(folder, "--cn", "x", "--scenario", scenario) == 0
    words: list[str | Path] = ["--cert", folder / "x.crt", "--key", folder / "x.key"]
    with served("--certs", folder, "--port", "0") as server:
        target = f"127.0.0.1:{server.port}"
        done = run("lab.trace", target, *words, "--ca", folder / "ca.crt", "--tls1.3")
    assert done.code == 0
    assert result in done.out
