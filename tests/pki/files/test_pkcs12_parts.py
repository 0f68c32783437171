"""PKCS#12 files: their encryption and their keys, without the password."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.inspecting.inspect_files import inspect
from lab.pki.files.file_contents import StoredKey, read_contents
from lab.pki.files.pkcs12_parts import Pkcs12Parts, pkcs12_parts
from lab.x509 import der
from lab.x509.der import Element
from tests.support.pki_fixtures import client_under, new_authority, utc_now

NOW = utc_now()
CLIENT = client_under(new_authority(NOW), NOW)


def test_the_labs_own() -> None:
    parts = pkcs12_parts(CLIENT.pkcs12(b"secret", friendly_name="x"))
    assert parts.algorithms == ("PBES2 with AES-256-CBC",)
    assert len(parts.keys) == 1
    assert not parts.needs_legacy


def exported(folder: Path, *words: str) -> Path:
    """Return a file that OpenSSL has made."""
    pem, pfx = folder / "both.pem", folder / "c.pfx"
    pem.write_bytes(CLIENT.chain_pem() + CLIENT.key_pem())
    command = ["openssl", "pkcs12", "-export", "-in", str(pem), "-out", str(pfx)]
    done = subprocess.run(
        [*command, "-passout", "pass:secret", *words], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"this OpenSSL makes no such file: {done.stderr.decode()[-80:]}")
    return pfx


def test_encryption_that_needs_the_legacy_provider(tmp_path: Path) -> None:
    path = exported(tmp_path, "-legacy")
    parts = pkcs12_parts(path.read_bytes())
    assert "pbeWithSHA1And40BitRC2-CBC" in parts.algorithms
    assert parts.needs_legacy
    inspection = inspect([read_contents(path, lambda _: b"secret")], now=NOW)
    assert inspection.files[0].encryption == parts.algorithms
    problem = next(one for _, one in inspection.problems() if one.code == "legacy-encryption")
    assert "openssl pkcs12 -legacy -in" in problem.fix


def test_a_password_for_the_mac_encrypts_nothing(tmp_path: Path) -> None:
    path = exported(tmp_path, "-keypbe", "NONE", "-certpbe", "NONE")
    key = read_contents(path, lambda _: b"secret").items[0]
    assert isinstance(key, StoredKey) and not key.encrypted


def test_two_keys_are_two(tmp_path: Path) -> None:
    """As Java's keytool makes them: the keys lie in data that is not encrypted as a whole."""
    data = CLIENT.pkcs12(b"secret", friendly_name="x")
    version, safe, *_ = der.parts(data)
    kind, content = der.elements(safe.content)
    items = der.parts(der.content_of(content.content, der.OCTET_STRING))
    twice = []
    for item in items:
        inner_kind, inner = der.elements(item.content)
        if inner.content[:1] == b"\x04":  # the SafeContents with the key
            (bag,) = der.parts(der.content_of(inner.content, der.OCTET_STRING))
            octets = Element(tag=der.OCTET_STRING, content=der.sequence(bag, bag).encode())
            item = der.sequence(inner_kind, Element(tag=inner.tag, content=octets.encode()))
        twice.append(item)
    octets = Element(tag=der.OCTET_STRING, content=der.sequence(*twice).encode())
    whole = der.sequence(
        version, der.sequence(kind, Element(tag=content.tag, content=octets.encode()))
    )
    path = tmp_path / "two.p12"
    path.write_bytes(whole.encode())
    contents = read_contents(path, lambda _: b"secret")
    keys = [item for item in contents.items if isinstance(item, StoredKey)]
    assert [key.kind for key in keys] == ["EC secp256r1"] * 2
    codes = {problem.code for _, problem in inspect([contents], now=NOW).problems()}
    assert "several-keys" in codes


@pytest.mark.parametrize("data", [b"", b"\x30\x80", b"\x30\x03\x02\x01\x03", bytes(99)])
def test_what_cannot_be_read_is_left_out(data: bytes) -> None:
    assert pkcs12_parts(data) == Pkcs12Parts()
