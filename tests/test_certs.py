"""The door of the certificates: what it prints, and how it refuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from lab import certs
from lab.pki.files.lab_set import load_set
from tests.support.pki_fixtures import utc_now

EC = ["--key-type", "ec"]


def test_a_set_and_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert certs.main(EC) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Wrote 7 files to certs:", ""]
    # Columns are two spaces apart at least, and no cell has two spaces in it.
    cells = [re.split(r" {2,}", line) for line in lines[2:7]]
    assert [row[:4] for row in cells] == [
        ["file", "subject", "SAN", "EKU"],
        ["ca.crt", "CN=mTLS Lab Root CA", "-", "-"],
        ["server.crt", "CN=localhost", "DNS:localhost, IP:127.0.0.1, IP:::1", "serverAuth"],
        ["client.crt", "CN=mtls-client", "-", "clientAuth"],
        ["client.pfx", "CN=mtls-client", "-", "clientAuth"],
    ]
    end = load_set(Path("certs"), now=utc_now()).client.certificate.not_valid_after_utc
    assert cells[3][4] == f"{end:%Y-%m-%d %H:%M:%S} UTC"
    assert lines[7:] == [
        "",
        "Verified: read back; server and client shook hands in TLS 1.2 and in TLS 1.3.",
        "Keep secret: ca.key, server.key, client.key, client.pfx.",
        "The password of client.pfx is changeit.",
    ]


def test_all_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--dir", str(tmp_path), "--hostname", "todo.test", "192.0.2.1", "--hostname", "b"]
    options += ["--client-cn", "Añadir", "--days", "7", "--pfx-password", "contraseña"]
    assert certs.main([*EC, *options]) == 0
    printed = capsys.readouterr().out
    assert "IP:::1, DNS:todo.test, IP:192.0.2.1, DNS:b" in printed
    assert "CN=Añadir" in printed
    assert "contraseña" not in printed and "password" not in printed
    files = load_set(tmp_path, now=utc_now())
    for identity in (files.server, files.client):
        leaf = identity.certificate
        assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 7
    pfx = pkcs12.load_pkcs12((tmp_path / "client.pfx").read_bytes(), "contraseña".encode())
    assert pfx.cert is not None and pfx.cert.certificate == files.client.certificate


def test_certificates_are_replaced_only_by_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*EC, "--dir", str(tmp_path)]
    assert certs.main(options) == 0
    before = (tmp_path / "ca.key").read_bytes()
    capsys.readouterr()
    assert certs.main(options) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"lab.certs: {tmp_path}: holds ca.crt, ca.key, server.crt, server.key, client.crt, "
        "client.key, client.pfx already, and nothing was touched. Name another directory, or "
        f"replace the set: python -m lab.certs --dir {tmp_path} --force.\n"
    )
    assert (tmp_path / "ca.key").read_bytes() == before
    assert certs.main([*options, "--force"]) == 0
    assert (tmp_path / "ca.key").read_bytes() != before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--hostname", "*.test"], "wildcards are not supported"),
        (["--client-cn", ""], "the client's common name is empty"),
        (["--days", "0"], "Ask for 1 to 3650 days"),
        (["--pfx-password", ""], "the password of the PFX file is empty"),
    ],
)
def test_refusals_touch_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert certs.main(["--dir", str(tmp_path / "certs"), *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err
    assert err.startswith("lab.certs: ") and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--days", "x"], ["--key-type", "dsa"], ["--forc"]])
def test_unknown_arguments(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        certs.main(options)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(certs, "write_set", interrupt)
    assert certs.main(["--dir", str(tmp_path)]) == 130


def test_as_a_program_on_a_narrow_encoding(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab.certs", *EC, "--dir", tmp_path, "--client-cn", "待办"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "CN=\\u5f85\\u529e" in done.stdout
