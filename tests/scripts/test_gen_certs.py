"""The shell script and ``lab.certs`` make the same set; OpenSSL's own program likes both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtensionOID

from lab.pki.files.lab_set import (
    LabSet,
    Role,
    SetPaths,
    load_set,
)
from lab.pki.files.set_writing import SetPlan, write_set
from lab.pki.files.verify_set import load_verified_set
from lab.pki.profiles import DEFAULT_PFX_PASSWORD
from tests.support.pki_fixtures import utc_now

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "gen_certs.sh"
CONFIGURATIONS = SCRIPT.parent / "openssl"
NAMES = {"ca.crt", "ca.key", "server.crt", "server.key", "client.crt", "client.key", "client.pfx"}
BESIDE = {"ca.cnf", "server.cnf", "client.cnf", "server.csr", "client.csr", "ca.srl"}

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="needs the openssl program: install openssl"
)
needs_shell = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("bash") is None,
    reason="needs a POSIX shell: install bash",
)


def gen_certs(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", SCRIPT, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with every default, true keys included."""
    folder = tmp_path_factory.mktemp("ours") / "certs"
    write_set(folder, SetPlan(), now=utc_now())
    return folder


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A set by the script, and what the script printed."""
    folder = tmp_path_factory.mktemp("theirs") / "my certs"
    done = gen_certs(folder)
    assert done.returncode == 0, done.stderr
    yield folder, done.stdout


@pytest.fixture(scope="module")
def our_set(ours: Path) -> LabSet:
    """Read once: to check a key of 4096 bits takes half a second."""
    return load_set(ours, now=utc_now())


@pytest.fixture(scope="module")
def their_set(theirs: tuple[Path, str]) -> LabSet:
    return load_set(theirs[0], now=utc_now())


def key_bits(certificate: x509.Certificate) -> int:
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key.key_size


def profile(certificate: x509.Certificate) -> dict[str, object]:
    """All that a certificate says, but for what differs from one making to the next."""
    own = {x509.SubjectKeyIdentifier.oid, x509.AuthorityKeyIdentifier.oid}
    return {
        "version": certificate.version,
        "subject": certificate.subject.public_bytes(),
        "issuer": certificate.issuer.public_bytes(),
        "lifetime": certificate.not_valid_after_utc - certificate.not_valid_before_utc,
        "key": key_bits(certificate),
        "signature": certificate.signature_algorithm_oid,
        "extensions": {
            (each.oid, each.critical, None if each.oid in own else each.value.public_bytes())
            for each in certificate.extensions
        },
    }


@pytest.mark.parametrize(
    ("role", "name", "bits", "days"),
    [
        (Role.CA, "mTLS Lab Root CA", 4096, 3650),
        (Role.SERVER, "localhost", 2048, 365),
        (Role.CLIENT, "mtls-client", 2048, 365),
    ],
)
def test_our_defaults(our_set: LabSet, role: Role, name: str, bits: int, days: int) -> None:
    certificate = our_set.identity(role).certificate
    assert certificate.subject.rfc4514_string() == f"CN={name}"
    assert key_bits(certificate) == bits
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime == timedelta(days=days)


@needs_shell
@needs_openssl
@pytest.mark.parametrize("role", list(Role))
def test_same_profiles(our_set: LabSet, their_set: LabSet, role: Role) -> None:
    first, second = (profile(each.identity(role).certificate) for each in (our_set, their_set))
    assert first == second


def key_links(lab_set: LabSet) -> set[bool]:
    root = lab_set.ca.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    leaves = (lab_set.server.certificate, lab_set.client.certificate)
    return {
        leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        == x509.AuthorityKeyIdentifier(root.value.digest, None, None)
        for leaf in leaves
    }


@needs_shell
@needs_openssl
def test_the_script_makes_a_whole_and_proved_set(theirs: tuple[Path, str]) -> None:
    folder, printed = theirs
    assert {path.name for path in folder.iterdir()} == NAMES | BESIDE
    paths = SetPaths(directory=folder)
    made = load_verified_set(paths, now=utc_now(), pfx_password=DEFAULT_PFX_PASSWORD)
    assert key_links(made) == {True}
    serials = {made.identity(role).certificate.serial_number for role in Role}
    assert len(serials) == 3 and min(serials).bit_length() > 100
    for path in (*paths.secret_files(), paths.certificate(Role.CA)):
        assert path.stat().st_mode & 0o777 == (0o644 if path.name == "ca.crt" else 0o600)
    assert "$ openssl genrsa -out ca.key 4096\n" in printed
    for party in ("server", "client"):
        assert (
            f"$ openssl verify -x509_strict -purpose ssl{party} -CAfile ca.crt {party}.crt\n"
            f"{party}.crt: OK\n"
        ) in printed
    assert f"pass:{DEFAULT_PFX_PASSWORD}" not in printed


@needs_shell
@needs_openssl
def test_the_script_leaves_requests_configurations_and_serial_file(
    theirs: tuple[Path, str],
) -> None:
    folder, _ = theirs
    for party in ("server", "client"):
        request = x509.load_pem_x509_csr((folder / f"{party}.csr").read_bytes())
        certificate = x509.load_pem_x509_certificate((folder / f"{party}.crt").read_bytes())
        assert request.is_signature_valid
        assert request.public_key() == certificate.public_key()
        for wish in request.extensions:
            assert certificate.extensions.get_extension_for_oid(wish.oid).value == wish.value
    last = x509.load_pem_x509_certificate((folder / "client.crt").read_bytes())
    assert int((folder / "ca.srl").read_text(), 16) == last.serial_number
    for name in ("ca.cnf", "server.cnf", "client.cnf"):
        assert (folder / name).read_bytes() == (CONFIGURATIONS / name).read_bytes()
    assert {(folder / name).stat().st_mode & 0o777 for name in BESIDE} == {0o644}


def printed_steps(printed: str) -> list[tuple[str, list[str]]]:
    """The explanation of each step, and the commands under it."""
    steps: list[tuple[str, list[str]]] = []
    for part in printed.split("\n\n\n")[1:]:
        lines = part.splitlines()
        explanation = " ".join(line[1:].strip() for line in lines if line.startswith("#"))
        steps.append((explanation, [line[2:] for line in lines if line.startswith("$ ")]))
    return steps


@needs_shell
@needs_openssl
def test_the_script_explains_each_flag_before_its_command(theirs: tuple[Path, str]) -> None:
    evident = {"-in", "-out", "-key", "-name", "-CAfile", "-noout", "-text", "-A", "-E"}
    steps = printed_steps(theirs[1])
    assert [explanation[:2] for explanation, _ in steps] == [f"{n}." for n in range(1, 10)]
    explained = set(evident)
    for explanation, commands in steps:
        explained |= set(explanation.replace(",", " ").split())
        for command in commands:
            flags = {word for word in command.split() if word.startswith("-")}
            assert flags <= explained, f"{command}: nothing explains {flags - explained}"
    reasons = dict(zip(range(1, 10), (explanation for explanation, _ in steps), strict=True))
    for number, words in {
        1: "4096",
        2: "CA:true",
        4: "stay in the request",
        5: "clientAuth",
    }.items():
        assert words in reasons[number]


@needs_shell
@needs_openssl
def test_the_script_shows_the_extensions_at_the_end(theirs: tuple[Path, str]) -> None:
    _, printed = theirs
    at_the_end = " ".join(printed[printed.index("# 9.") :].split())
    for shown in (
        "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
        "X509v3 Extended Key Usage: TLS Web Server Authentication",
        "X509v3 Extended Key Usage: TLS Web Client Authentication",
    ):
        assert shown in at_the_end


@needs_shell
@needs_openssl
def test_a_request_signed_without_extfile_loses_its_extensions(
    theirs: tuple[Path, str], tmp_path: Path
) -> None:
    """What step 4 says of ``-extfile`` and ``-extensions``."""
    folder = shutil.copytree(theirs[0], tmp_path / "certs")
    lost = folder / "lost.crt"
    authority = ("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial")
    done = openssl(
        *("x509", "-req", "-in", folder / "server.csr", *authority, "-out", lost), folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    certificate = x509.load_pem_x509_certificate(lost.read_bytes())
    kept = {extension.oid for extension in certificate.extensions}
    assert not kept & {
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.EXTENDED_KEY_USAGE,
    }


@needs_shell
@needs_openssl
def test_a_ca_certificate_with_ca_false_is_no_ca(theirs: tuple[Path, str], tmp_path: Path) -> None:
    """What step 2 and ``ca.cnf`` say of basicConstraints."""
    folder = theirs[0]
    configuration = (folder / "ca.cnf").read_text()
    false = configuration.replace("CA:true", "CA:false")
    missing = "".join(
        line for line in configuration.splitlines(True) if not line.startswith("basicConstraints")
    )
    for text, verdicts in ((false, (2, 2)), (missing, (0, 2))):
        (tmp_path / "changed.cnf").write_text(text)
        ca = tmp_path / "ca.crt"
        made = openssl(
            *("req", "-new", "-x509", "-config", tmp_path / "changed.cnf"),
            *("-key", folder / "ca.key", "-out", ca),
            folder=tmp_path,
        )
        assert made.returncode == 0, made.stderr
        plain, strict = (
            openssl("verify", *flags, "-CAfile", ca, folder / "server.crt", folder=tmp_path)
            for flags in ((), ("-x509_strict",))
        )
        assert (plain.returncode, strict.returncode) == verdicts
        assert "invalid CA certificate" in strict.stderr


@needs_shell
@needs_openssl
@pytest.mark.parametrize("name", ["client.pfx", "ca.srl"])
def test_the_script_replaces_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    done = gen_certs(tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"gen_certs.sh: {tmp_path}: holds {name} already, and nothing was touched. "
        "Name another folder\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == [name]


@needs_shell
@needs_openssl
@pytest.mark.parametrize("command", ["genrsa", "pkcs12", "verify"])
def test_the_script_leaves_nothing_where_a_step_fails(tmp_path: Path, command: str) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    # It does nothing at all: the steps before the one that fails need not be right.
    (programs / "openssl").write_text(f'#!/bin/sh\n[ "$1" != {command} ]\n')
    (programs / "openssl").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = gen_certs(tmp_path / "certs", PATH=path)
    assert done.returncode == 2
    assert done.stderr == "gen_certs.sh: that command failed, and nothing was written\n"
    assert [each.name for each in tmp_path.iterdir()] == ["programs"]


@needs_shell
@needs_openssl
def test_the_script_undoes_half_a_move(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "openssl").write_text(
        "#!/bin/sh\n"
        '[ "$2" = -noout ] && echo "X509v3 Extended Key Usage"\n'
        "while [ $# -gt 0 ]; do\n"
        '  [ "$1" = -out ] && : > "$2"; [ "$1" = -CAcreateserial ] && : > ca.srl; shift\n'
        "done\n"
    )
    (programs / "mv").write_text(
        '#!/bin/sh\n[ "$2" != client.crt ] && exec /bin/mv "$@"\necho "no room" >&2; exit 1\n'
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = gen_certs(tmp_path / "certs", PATH=path)
    assert done.returncode != 0 and "no room" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["programs"]


def openssl(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the program with no configuration, so that no legacy provider is loaded."""
    (folder / "empty.cnf").write_text("")
    return subprocess.run(
        ["openssl", *map(str, arguments)],
        env={**os.environ, "OPENSSL_CONF": str(folder / "empty.cnf")},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_openssl
def test_openssl_verifies_our_chains(ours: Path, tmp_path: Path) -> None:
    for role, purpose in ((Role.SERVER, "sslserver"), (Role.CLIENT, "sslclient")):
        leaf = ours / f"{role.value}.crt"
        done = openssl(
            *("verify", "-x509_strict", "-purpose", purpose, "-CAfile", ours / "ca.crt", leaf),
            folder=tmp_path,
        )
        assert done.stdout.strip() == f"{leaf}: OK", done.stderr
    swapped = openssl(
        *("verify", "-purpose", "sslserver", "-CAfile", ours / "ca.crt", ours / "client.crt"),
        folder=tmp_path,
    )
    assert swapped.returncode != 0


@needs_openssl
def test_openssl_opens_our_pfx_without_its_legacy_provider(ours: Path, tmp_path: Path) -> None:
    done = openssl(
        *("pkcs12", "-info", "-nodes", "-in", ours / "client.pfx"),
        *("-passin", f"pass:{DEFAULT_PFX_PASSWORD}"),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("-----BEGIN CERTIFICATE-----") == 2
    assert done.stdout.count("-----BEGIN PRIVATE KEY-----") == 1
    assert "mtls-client" in done.stdout and "mTLS Lab Root CA" in done.stdout
    algorithms = "PBES2, PBKDF2, AES-256-CBC"
    assert done.stderr.count(algorithms) == 2 and "MAC: sha256" in done.stderr
    wrong = openssl(
        *("pkcs12", "-nodes", "-in", ours / "client.pfx", "-passin", "pass:wrong"), folder=tmp_path
    )
    assert wrong.returncode != 0
