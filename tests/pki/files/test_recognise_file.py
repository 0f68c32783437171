"""Files that OpenSSL does not load: what they are, and that the command mends them."""

from __future__ import annotations

import base64
import json
import random
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from lab.pki.errors import WrongFormatError
from lab.pki.files import pem
from lab.pki.files.file_formats import kind_of
from lab.pki.files.identity_files import load_identity
from lab.pki.files.recognise_file import recognise
from lab.pki.identity import KeyKind, cached
from tests.support.pki_fixtures import client_under, new_authority, utc_now

NOW = utc_now()
ROOT = new_authority(NOW)
CLIENT = client_under(ROOT, NOW)
CERTIFICATE = CLIENT.chain_pem()
CHAIN = CERTIFICATE + ROOT.identity.chain_pem()
KEY = CLIENT.key_pem()
DER = CLIENT.certificate.public_bytes(serialization.Encoding.DER)
KEY_DER = CLIENT.key.private_bytes(
    serialization.Encoding.DER,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
PKCS7 = pkcs7.serialize_certificates([*CLIENT.chain], serialization.Encoding.DER)
PKCS7_PEM = pkcs7.serialize_certificates([*CLIENT.chain], serialization.Encoding.PEM)


def indented(data: bytes) -> bytes:
    return b"".join(b"    " + line for line in data.splitlines(keepends=True))


def json_of(data: bytes) -> bytes:
    return json.dumps({"a": {"tls": [data.decode()]}}).encode()


def secret_of(data: bytes) -> bytes:
    encoded = base64.b64encode(data)
    return b"apiVersion: v1\nkind: Secret\ndata:\n  tls.crt: " + encoded + b"\n"


LAYOUTS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("indented BEGIN or END lines", indented),
    ("YAML with indented PEM", lambda data: b"tls:\n  cert: |\n" + indented(data)),
    ("a whole PEM block in one line", lambda data: data.replace(b"\n", b" ")),
    ("a whole PEM block in one line", lambda data: data.replace(b"\n", b"")),
    ("quotes around", lambda data: b'"' + data + b'"\n'),
    ("quotes around", lambda data: b"key='" + data.strip() + b"'\n"),
    ("carriage returns only", lambda data: data.replace(b"\n", b"\r")),
    ("\\n written out", lambda data: data.replace(b"\n", b"\\n")),
    ("\\n written out", lambda data: b'TLS="' + data.replace(b"\n", b"\\r\\n") + b'"\n'),
    ("JSON", json_of),
    ("Secret of Kubernetes", secret_of),
    ("base64 once more", base64.encodebytes),
    ("base64 once more", base64.b64encode),
    ("not five dashes", lambda data: data.replace(b"-----", b"----")),
    ("not five dashes", lambda data: data.replace(b"-----", b"")),
    ("without its END line", lambda data: data[: data.index(b"-----END")]),
    ("UTF-16", lambda data: data.decode().encode("utf-16")),
    ("UTF-16", lambda data: data.decode().encode("utf-16-le")),
    ("text before BEGIN", lambda data: b"cert: " + data),
    ("an empty line", lambda data: data.replace(b"\n", b"\n\n").replace(b"-\n\n", b"-\n")),
]


def mended(path: Path, command: str) -> list[Path]:
    """Run a command; return the files that it makes."""
    before = set(path.parent.iterdir())
    subprocess.run(command, shell=True, check=True, executable="/bin/bash", timeout=60)
    return sorted(set(path.parent.iterdir()) - before)


def openssl_loads(path: Path, what: str = "x509") -> bool:
    words = ["openssl", what, "-in", str(path), "-noout"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("data", [CERTIFICATE, KEY], ids=["certificate", "key"])
@pytest.mark.parametrize(
    ("obstacle", "layout"),
    LAYOUTS,
    ids=[f"{number} {obstacle}" for number, (obstacle, _) in enumerate(LAYOUTS)],
)
def test_a_layout_is_named_and_its_command_mends_it(
    tmp_path: Path, obstacle: str, layout: Callable[[bytes], bytes], data: bytes
) -> None:
    what = "x509" if data is CERTIFICATE else "pkey"
    path = tmp_path / "odd file.pem"
    path.write_bytes(layout(data))
    assert not openssl_loads(path, what)
    found = recognise(path.read_bytes(), path)
    assert found.name == "PEM"
    assert obstacle in found.obstacle
    (block,) = found.blocks
    assert kind_of(block.data) == block.label
    (made,) = mended(path, found.command)
    assert openssl_loads(made, what)
    assert recognise(made.read_bytes(), made).obstacle == ""


def test_blocks_that_are_glued_together(tmp_path: Path) -> None:
    path = tmp_path / "chain.crt"
    path.write_bytes(CERTIFICATE.rstrip() + ROOT.identity.chain_pem())
    found = recognise(path.read_bytes(), path)
    assert "glued" in found.obstacle and len(found.blocks) == 2
    (made,) = mended(path, found.command)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(made)
    assert context.cert_store_stats()["x509"] == 2


@pytest.mark.parametrize(
    ("data", "name", "obstacle", "what"),
    [
        (DER, "DER", "is binary (DER) data", "x509"),
        (KEY_DER, "DER", "is binary (DER) data", "pkey"),
        (PKCS7, "PKCS#7", "is binary PKCS#7", "x509"),
        (PKCS7_PEM, "PKCS#7", "is PKCS#7", "x509"),
        (PKCS7_PEM.replace(b"PKCS7", b"CERTIFICATE"), "PEM", "PKCS#7 under the label", "x509"),
        (
            CERTIFICATE.replace(b"CERTIFICATE", b"PRIVATE KEY"),
            "PEM",
            "has the structure of CERTIFICATE under the label PRIVATE KEY",
            "x509",
        ),
        (
            KEY.replace(b"PRIVATE KEY", b"CERTIFICATE"),
            "PEM",
            "has the structure of PRIVATE KEY under the label CERTIFICATE",
            "pkey",
        ),
        (base64.encodebytes(DER), "DER", "base64 without BEGIN", "x509"),
        (base64.encodebytes(KEY_DER), "DER", "base64 without BEGIN", "pkey"),
    ],
)
def test_other_forms_are_converted(
    tmp_path: Path, data: bytes, name: str, obstacle: str, what: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    found = recognise(data, path)
    assert found.name == name and obstacle in found.obstacle
    (made,) = mended(path, found.command)
    assert openssl_loads(made, what)


def test_pkcs12_in_base64(tmp_path: Path) -> None:
    store = pkcs12.serialize_key_and_certificates(
        None, CLIENT.key, CLIENT.certificate, None, serialization.BestAvailableEncryption(b"x")
    )
    path = tmp_path / "file"
    path.write_bytes(base64.encodebytes(store))
    found = recognise(path.read_bytes(), path)
    assert (found.name, found.blocks) == ("PKCS#12 in base64", ())
    (made,) = mended(path, found.command)
    assert made.read_bytes() == store


def test_data_behind_der_is_kept_and_named() -> None:
    found = recognise(DER + b"junk", Path("file"))
    assert [block.label for block in found.blocks] == [
        "CERTIFICATE",
        "4 bytes behind the first object",
    ]
    assert "behind its first object" in found.obstacle
    assert recognise(DER + b"\n", Path("file")).obstacle == "is binary (DER) data"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (CERTIFICATE.decode().encode("utf-32"), "UTF-32 text"),
        (
            CLIENT.key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            "a public key (DER)",
        ),
        (CERTIFICATE.replace(b"BEGIN CERTIFICATE", b"BEGIN EC PRIVATE KEY"), "cut off"),
    ],
    ids=["UTF-32", "public key", "another label"],
)
def test_what_cannot_be_mended_gets_no_command(data: bytes, name: str) -> None:
    found = recognise(data, Path("file"))
    assert name in found.name and not found.command


def test_a_layout_around_what_cannot_be_read_gets_no_command() -> None:
    numbered = b"".join(b"%4d  %s" % pair for pair in enumerate(CERTIFICATE.splitlines(True)))
    for data in (
        numbered,
        b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n",
    ):
        found = recognise(data, Path("file"))
        assert found.obstacle and not found.command


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), cached(KeyKind.RSA_2048)])
def test_a_key_of_openssh(
    tmp_path: Path, key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
) -> None:
    path = tmp_path / "id"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    found = recognise(path.read_bytes(), path)
    assert found.obstacle == "is a private key of OpenSSH"
    if "ssh-keygen" in found.command:
        if shutil.which("ssh-keygen") is None:
            pytest.skip("needs ssh-keygen")
        found_command = found.command.replace("-p -m", "-p -N '' -m")
    else:
        found_command = found.command.replace("python ", f"{shutil.which('python3')} ", 1)
    (made,) = mended(path, found_command)
    assert openssl_loads(made, "pkey")


@pytest.mark.parametrize(
    ("data", "what", "command"),
    [
        (b"\xfe\xed\xfe\xed\0\0\0\2", "a Java key store (JKS)", "keytool -importkeystore"),
        (b"\xce\xce\xce\xce\0\0\0\2", "a Java key store (JCEKS)", "-srcstoretype JCEKS"),
        (b"\0\0\0\2\0\0\0\x14abc", "a Bouncy Castle key store (BKS)", "-srcstoretype BKS"),
        (b"PK\3\4abc", "a zip archive", "unzip '/x/a b'"),
        (b"PuTTY-User-Key-File-3: ssh-rsa\n", "a key of PuTTY", "puttygen"),
        (b"\x1f\x8b\x08", "data compressed by gzip", "gunzip"),
    ],
)
def test_other_kinds_are_named_with_what_converts_them(
    data: bytes, what: str, command: str
) -> None:
    found = recognise(data, Path("/x/a b"))
    assert (found.name, found.obstacle) == (what, f"is {what}")
    assert command in found.command
    assert not found.blocks


@pytest.mark.parametrize(
    "data",
    [
        CERTIFICATE,
        CHAIN,
        CERTIFICATE.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + CERTIFICATE,
        b"subject=CN = x\n" + CERTIFICATE + b"text\n",
        CERTIFICATE.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        CERTIFICATE.rstrip(),
        CERTIFICATE.replace(b"-----\n", b"-----  \n"),
        CERTIFICATE.replace(b"-----\nM", b"-----\n\nM"),
        b"".join(CERTIFICATE.splitlines()[1:-1]).join(
            (b"-----BEGIN CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----\n")
        ),
    ],
)
def test_what_openssl_loads_has_no_obstacle(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert openssl_loads(path)
    assert recognise(data, path).obstacle == ""


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        (indented, "has indented BEGIN or END lines, which OpenSSL does not load as PEM. Make a"),
        (json_of, "is JSON with PEM in its strings"),
        (lambda data: data.replace(b"\n", b" "), "has a whole PEM block in one line"),
    ],
)
def test_the_options_for_files_treat_layouts_alike(
    tmp_path: Path, layout: Callable[[bytes], bytes], words: str
) -> None:
    """For a certificate, for a key and for a CA."""
    good, odd = tmp_path / "good", tmp_path / "odd"
    good.write_bytes(CERTIFICATE)
    odd.write_bytes(layout(CERTIFICATE))
    key, odd_key = tmp_path / "key", tmp_path / "odd-key"
    key.write_bytes(KEY)
    odd_key.write_bytes(layout(KEY))
    for load in (
        lambda: load_identity(odd, key),
        lambda: load_identity(good, odd_key),
        lambda: pem.certificate_blocks(odd.read_bytes(), odd),
    ):
        with pytest.raises(WrongFormatError, match="Make a file that it loads") as caught:
            load()
        assert words in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    "data",
    [
        b"-" * MEBIBYTE,
        b" " * MEBIBYTE,
        b"-----BEGIN A-----" * 60_000,
        b"-----BEGIN A-----\n" * 60_000,
        b"-----BEGIN A-----\n" + b"A: b\n" * 200_000 + b"-----END A-----",
        b"-----BEGIN A-----\n" + b"A:  b\n " * 150_000 + b"\n-----END A-----\n",
        b"-----BEGIN A-----\n" + b"-" * MEBIBYTE,
        b"a: " + b"A" * MEBIBYTE,
        b"[" * MEBIBYTE,
        b'{"a":"-----BEGIN' + b"[" * MEBIBYTE,
        b"BEGIN A\n" * 130_000,
        b"\\n" * 500_000 + b"-----\\n-----BEGIN A",
        b"0\x80" * 500_000,
    ],
)
def test_no_file_takes_long(data: bytes) -> None:
    start = time.perf_counter()
    recognise(data, Path("file"))
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("seed", range(5))
def test_no_file_raises(seed: int) -> None:
    chosen = random.Random(seed)
    whole = (CHAIN, PKCS7, DER, json_of(KEY), secret_of(CERTIFICATE))[seed]
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chosen.randint(1, 5)):
            data[chosen.randrange(len(data))] = chosen.randrange(256)
        recognise(bytes(data[: chosen.randrange(len(data))]), Path("file"))
