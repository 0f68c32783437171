"""``--cert``, ``--key`` and ``--ca`` of doors that dial: all forms work, each failure is a line."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import client
from lab.api import ArgumentError
from lab.cli import identity_options
from lab.pki.files.lab_set import Role, SetPaths, load_set
from tests.support.doors import ServerProcess, run, served
from tests.support.pki_fixtures import utc_now

DOORS = ("lab.client", "lab.trace")
SECRET = "contraseña"


@pytest.fixture(scope="module")
def files(certs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the client in every form, and of other kinds."""
    folder = tmp_path_factory.mktemp("files")
    identity = load_set(certs, now=utc_now()).client
    sealed = identity.key_pem(SECRET.encode())
    (folder / "both.pem").write_bytes(identity.key_pem() + identity.chain_pem())
    (folder / "both-sealed.pem").write_bytes(identity.chain_pem() + sealed)
    (folder / "sealed.key").write_bytes(sealed)
    (folder / "client.pfx").write_bytes(identity.pkcs12(SECRET.encode(), friendly_name="x"))
    for name in ("client.crt", "client.key", "server.key", "ca.crt"):
        (folder / name).write_bytes((certs / name).read_bytes())
    (folder / "text").write_text("hello")
    return folder


@pytest.fixture(scope="module")
def server(certs: Path) -> Iterator[ServerProcess]:
    with served("--certs", certs, "--port", "0") as process:
        yield process


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "words", [["--cert", "client.crt", "--key", "client.key"], ["--cert", "both.pem"]]
)
def test_pem(server: ServerProcess, files: Path, door: str, words: list[str]) -> None:
    done = run(door, server.url, *words, "--ca", "ca.crt", cwd=files)
    assert done.code == 0, done.err
    assert "accepted" in done.out or 'Authenticated as: "mtls-client"' in done.out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "words",
    [
        ["client.pfx"],
        ["both-sealed.pem"],
        ["client.crt", "--key", "sealed.key"],
    ],
)
def test_a_password_is_asked_for_on_a_terminal(
    server: ServerProcess,
    files: Path,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: SECRET)
    assert client.main([server.url, "--ca", "ca.crt", "--cert", *words]) == 0
    out = capsys.readouterr().out
    assert f"[CLIENT] Client cert: {words[0]}\n[CLIENT] CA trust:    ca.crt\n" in out
    assert 'Authenticated as: "mtls-client"' in out
    monkeypatch.setattr("getpass.getpass", lambda prompt: "no")
    assert client.main([server.url, "--ca", "ca.crt", "--cert", *words]) == 2
    assert "the password does not open" in capsys.readouterr().err


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--cert", "none"], "none: no such file"),
        (["--cert", "."], ".: is not a regular file"),
        (["--cert", "text"], "text: contains no PEM certificate but text or data of another kind"),
        (
            ["--cert", "client.key"],
            "client.key: contains no PEM certificate but PEM of another kind",
        ),
        (["--cert", "client.crt"], "client.crt: contains no private key"),
        (["--cert", "client.crt", "--key", "none"], "none: no such file"),
        (["--cert", "client.crt", "--key", "text"], "text: contains no PEM private key but text"),
        (
            ["--cert", "client.crt", "--key", "ca.crt"],
            "ca.crt: contains no PEM private key but PEM",
        ),
        (["--cert", "client.crt", "--key", "server.key"], "server.key: the private key does not"),
        (["--cert", "client.crt", "--key", "sealed.key"], "sealed.key: the private key is encry"),
        (["--cert", "both-sealed.pem"], "both-sealed.pem: the private key is encrypted"),
        (["--cert", "client.pfx"], "client.pfx: the PKCS#12 file needs a password"),
        (["--cert", "client.pfx", "--key", "client.key"], "client.pfx: is a PKCS#12 file, which"),
        (["--key", "client.key"], "--key goes with --cert. Give the certificate"),
        (["--cert", "both.pem", "--ca", "none"], "none: no such file"),
        (["--cert", "both.pem", "--ca", "text"], "text: contains no PEM certificate but text"),
    ],
)
def test_each_failure_is_one_line(
    server: ServerProcess, files: Path, door: str, words: list[str], says: str
) -> None:
    trust = [] if "--ca" in words else ["--ca", "ca.crt"]
    done = run(door, server.url, *words, *trust, cwd=files)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"{door}: {says}"), line


def test_one_identity_at_a_time() -> None:
    done = run("lab.client", "--cert", "x", "--no-cert")
    assert done.code == 2
    assert "not allowed with argument --cert" in done.err


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("client.crt", None, "client.crt: no such file"),
        ("client.key", None, "client.key: no such file"),
        ("ca.crt", b"", "ca.crt: contains no PEM certificate but nothing"),
        ("client.key", b"other", "client.key: contains no PEM private key but text"),
    ],
)
def test_a_folder_that_is_not_whole(
    server: ServerProcess,
    certs: Path,
    tmp_path: Path,
    name: str,
    data: bytes | None,
    says: str,
) -> None:
    paths = SetPaths(directory=certs)
    for path in (
        paths.certificate(Role.CA),
        paths.certificate(Role.CLIENT),
        paths.key(Role.CLIENT),
    ):
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    if data is not None:
        (tmp_path / name).write_bytes(data)
    done = run("lab.client", server.url, "--certs", tmp_path)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("lab.client: ") and says in line
    assert "python -m lab.certs --dir" in line or "-----BEGIN" in line


def test_no_options_no_identity() -> None:
    assert (
        identity_options.identity_of(argparse.Namespace(cert=None, key=None, password_file=None))
        is None
    )
    with pytest.raises(ArgumentError):
        identity_options.identity_of(
            argparse.Namespace(cert=None, key=Path("key"), password_file=None)
        )
