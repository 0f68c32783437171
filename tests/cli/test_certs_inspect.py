"""``python -m lab.certs inspect``: what it prints, and what its exit code says."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from lab import certs as door
from lab.pki import catalogue, profiles
from lab.pki.authority import Authority
from lab.pki.files.lab_set import Role, SetPaths, load_set
from lab.pki.identity import KeyKind, cached, certificates_pem
from lab.pki.lab_ca import new_lab_authority
from tests.support.doors import run
from tests.support.pki_fixtures import utc_now


@pytest.fixture
def folder(certs: Path, tmp_path: Path) -> Path:
    """A set that may be changed."""
    return Path(shutil.copytree(certs, tmp_path / "certs"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def inspect(*words: str | Path) -> int:
    return door.main(["inspect", *map(str, words)])


def test_a_set_that_is_in_order(certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = SetPaths(directory=certs)
    files = [
        *(paths.certificate(role) for role in Role),
        *(paths.key(role) for role in Role),
        paths.client_pfx,
    ]
    assert inspect("--password", "changeit", *files) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.endswith("\nNo problems found.\n")
    leaf = load_set(certs, now=utc_now()).client.certificate
    for line in (
        "certificate CN=mtls-client",
        "  issuer      CN=mTLS Lab Root CA",
        f"  serial      {leaf.serial_number:x}",
        f"  valid       {leaf.not_valid_before_utc:%Y-%m-%d %H:%M:%S} to "
        f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC",
        "              364 days left",
        "  SAN         DNS:localhost, IP:127.0.0.1, IP:::1",
        "  EKU         clientAuth",
        "  key usage   digitalSignature (critical)",
        "  CA          no (critical)",
        "  key         EC secp256r1",
        "  signature   ecdsa-with-SHA256",
        "  as client   OpenSSL accepts it",
        "  as server   OpenSSL refuses it: unsuitable certificate purpose (26)",
        "  as client   OpenSSL refuses it: unsuitable certificate purpose (26)",
        "private key EC secp256r1, not encrypted",
        "private key EC secp256r1, encrypted",
    ):
        assert line in out.splitlines()


def broken(certs: Path, folder: Path) -> Path:
    """A client that has expired and is sent without its key, with a name that attacks."""
    ca = Authority(identity=load_set(certs, now=utc_now()).ca)
    profile = profiles.Profile(
        subject=profiles.common_name("evil\x1b[31m\n"),
        lifetime=timedelta(days=1),
        starts=timedelta(days=-3),
        names=tuple(x509.DNSName(f"n{number}.test") for number in range(30)),
    )
    made = ca.issue(profile, cached(KeyKind.EC_P256, 400), now=utc_now())
    path = folder / "c.crt"
    path.write_bytes(certificates_pem(made.chain))
    return path


def test_problems(certs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = broken(certs, tmp_path)
    assert inspect(path, certs / "client.key", certs / "ca.crt") == 1
    out, err = capsys.readouterr()
    assert err == "" and "\x1b" not in out
    assert "CN=evil\\x1b[31m\\n" in out
    assert "n19.test, and 10" in " ".join(out.split())
    assert "expired 2 days ago" in out
    assert "── 3 problems ──" in out
    flat = " ".join(out.split())
    assert "the certificate has expired so OpenSSL refuses it OpenSSL certificate has" in flat
    assert "OpenSSL certificate has expired (10) seen notAfter is" in flat
    assert (
        "see RFC 5280 section 4.1.2.5 fix issue a new certificate; check the clock of the" in flat
    )
    assert "the certificate has no extendedKeyUsage so OpenSSL accepts it" in flat
    assert "the private key matches no certificate or request in these files" in flat
    assert max(map(len, out.splitlines())) <= 80


def test_a_role(certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect("--as", "client", certs / "server.crt") == 1
    assert "the certificate has an extendedKeyUsage without clientAuth" in " ".join(
        capsys.readouterr().out.split()
    )
    assert inspect("--as", "server", certs / "server.crt") == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["no-such-file"], "no-such-file: no such file"),
        (["client.pfx"], "client.pfx: the PKCS#12 file needs a password"),
        (["client.pfx", "--password", "no"], "the password does not open the PKCS#12 file"),
        (["."], "is a folder. Name a file in it"),
        (["text"], "but text or data of another kind"),
    ],
)
def test_what_cannot_be_read_is_one_line(folder: Path, words: list[str], says: str) -> None:
    (folder / "text").write_text("text")
    done = run("lab.certs", "inspect", *words, cwd=folder)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("lab.certs inspect: ") and says in line


def test_a_password_is_asked_for_on_a_terminal(
    certs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "changeit"

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", answer)
    assert inspect(certs / "client.pfx", certs / "client.crt") == 0
    assert asked == [f"Password of {certs / 'client.pfx'}: "]
    assert "No problems" in capsys.readouterr().out


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, certs: Path) -> None:
    def interrupt(prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", interrupt)
    assert inspect(certs / "client.pfx") == 130


def test_an_unknown_argument() -> None:
    with pytest.raises(SystemExit) as caught:
        inspect()
    assert caught.value.code == 2


def test_each_meaning_has_its_exit_code(
    certs: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing wrong, refused, advice, not looked at, expires: each is told from the others."""
    client, key, ca = folder / "client.crt", folder / "client.key", folder / "ca.crt"
    assert inspect(client, key, ca) == 0
    assert inspect(broken(certs, tmp_path), ca) == 1
    assert inspect(folder / "no-such-file") == 2
    der = tmp_path / "client.der"
    certificate = load_set(certs, now=utc_now()).client.certificate
    der.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    assert inspect(der, ca) == 3
    sealed = tmp_path / "sealed.key"
    sealed.write_bytes(load_set(certs, now=utc_now()).client.key_pem(b"secret"))
    assert inspect(client, sealed, ca) == 4
    assert inspect("--password", "secret", client, sealed, ca) == 0
    (tmp_path / "certs.zip").write_bytes(b"PK\3\4")
    assert inspect(client, tmp_path / "certs.zip") == 4
    assert inspect("--expires-within", "365d", client, ca) == 5
    assert inspect("--expires-within", "52w", client, ca) == 0
    assert inspect("--expires-within", "9000h", client, ca) == 5
    out, _ = capsys.readouterr()
    assert out.count("No problems found.") == 3


@pytest.mark.parametrize("text", ["", "30", "d", "1y", "1.5d", "999999d"])
def test_what_is_no_span_of_time(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        inspect("--expires-within", text, "x")
    assert caught.value.code == 2
    assert "such as 30d, 12h or 4w" in capsys.readouterr().err


def test_one_json_document(certs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect("--json", certs / "client.crt", certs / "ca.crt") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["problems"] == []
    entry = document["files"][0]["entries"][0]
    assert entry["verdicts"][0]["plain"]["accepted"] is True


def test_no_control_character_of_a_file_name_is_printed(folder: Path) -> None:
    """Neither of a file that is read, nor in a command that mends one, nor in an error."""
    name = "evil\x1b[31m\n.pem"
    text = (folder / "client.crt").read_bytes()
    (folder / name).write_bytes(b"".join(b"  " + line for line in text.splitlines(keepends=True)))
    done = run("lab.certs", "inspect", name, "ca.crt", cwd=folder)
    assert done.code == 1
    assert "\x1b" not in done.out + done.err
    assert "evil\\x1b[31m\\n.pem" in done.out
    assert "has indented BEGIN or END lines" in done.out
    done = run("lab.certs", "inspect", name.upper(), cwd=folder)
    assert done.code == 2
    assert "\x1b" not in done.err and len(done.err.splitlines()) == 1


def test_a_key_of_a_type_that_is_not_for_tls(tmp_path: Path) -> None:
    """SM2, as OpenSSL makes it; the library reads neither the key nor the certificate's."""
    command = "openssl genpkey -algorithm SM2 -out k.pem && openssl req -x509 -new -key k.pem "
    command += "-sm3 -subj /CN=sm2 -days 9 -out c.pem"
    made = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this OpenSSL has no SM2")
    done = run("lab.certs", "inspect", "c.pem", "k.pem", "--as", "client", cwd=tmp_path)
    assert done.err == ""
    assert "Traceback" not in done.out
    assert "  key         EC SM2" in done.out.splitlines()
    assert "the private key cannot be read by this tool" in done.out
    assert done.code in (1, 4)
    for words in (["--cert", "c.pem", "--key", "k.pem"], ["--ca", "c.pem"]):
        done = run("lab.trace", "127.0.0.1:1", *words, cwd=tmp_path)
        assert done.code != 0 and "Traceback" not in done.err


def test_an_identity_that_breaks_a_rule_of_spiffe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """OpenSSL accepts it, so that is what is said of OpenSSL."""
    ca = new_lab_authority(utc_now())
    for name, recipe, code, heading in (
        ("good", catalogue.workload_svid, 0, "No problems found."),
        (
            "two",
            catalogue.svid_two_uris,
            1,
            "does not have exactly one URI in its subjectAltName",
        ),
    ):
        file = tmp_path / f"{name}.crt"
        file.write_bytes(certificates_pem((recipe(ca).certificate, ca.root)))
        assert inspect(file, "--as", "spiffe") == code
        out = capsys.readouterr().out
        assert heading in " ".join(out.split())
        assert "OpenSSL refuses" not in out
        assert inspect(file) == 0  # no rule of SPIFFE was asked for
        capsys.readouterr()
