"""Password files that ask for much work: they are refused before the library begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from lab.api import LabCA
from lab.pki.errors import WrongFormatError
from lab.pki.files.derivation_rounds import MOST_ROUNDS, check_rounds
from lab.pki.files.file_contents import contents_of
from lab.pki.files.identity_files import open_pkcs12
from lab.pki.files.pem import key_in
from lab.x509.der import INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Element, sequence

PATH = Path("x.p12")
HOURS = 2**31 - 1


def number(value: int) -> Element:
    return Element(tag=INTEGER, content=value.to_bytes(value.bit_length() // 8 + 1, "big"))


SALT = Element(tag=OCTET_STRING, content=b"12345678")


def parameters(*values: int) -> Element:
    scheme = Element(tag=OBJECT_IDENTIFIER, content=b"\x2a\x03")
    return sequence(scheme, sequence(SALT, *map(number, values)))


def nested(inside: bytes) -> bytes:
    """As in PKCS#12: data in an OCTET STRING."""
    return sequence(Element(tag=OCTET_STRING, content=inside)).encode()


def with_indefinite_length(content: bytes) -> bytes:
    return b"\x30\x80" + content + b"\x00\x00"


@pytest.mark.parametrize(
    "data",
    [
        parameters(HOURS).encode(),
        parameters(HOURS, 32).encode(),
        parameters(2**20, 8, 1).encode(),  # of scrypt
        nested(nested(parameters(HOURS).encode())),
        with_indefinite_length(parameters(HOURS).encode()),
        nested(with_indefinite_length(parameters(2**62).encode())),
        parameters(2**20000).encode(),
    ],
)
def test_too_many_rounds(data: bytes) -> None:
    with pytest.raises(WrongFormatError, match=r"rounds of key derivation; the limit here is"):
        check_rounds(data, PATH)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x04",
        b"\x04\xff",
        b"\x30" * 100_000,
        b"\x04\x82\xff\xff\x30" * 1000,
        parameters(MOST_ROUNDS, 32).encode(),
        parameters(16384, 8, 1).encode(),
        sequence(number(HOURS), SALT).encode(),
    ],
)
def test_what_asks_for_little_or_is_nothing(data: bytes) -> None:
    check_rounds(data, PATH)


def test_a_pkcs12_file(monkeypatch: pytest.MonkeyPatch) -> None:
    data = LabCA().client().identity.pkcs12(b"secret", friendly_name="x", authorities=[])
    assert open_pkcs12(data, PATH, b"secret").cert is not None
    monkeypatch.setattr("lab.pki.files.derivation_rounds.MOST_ROUNDS", 1000)
    with pytest.raises(WrongFormatError, match="20,000 rounds"):
        open_pkcs12(data, PATH, b"secret")


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_an_encrypted_key(encoding: Encoding, monkeypatch: pytest.MonkeyPatch) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    form = BestAvailableEncryption(b"secret")
    data = key.private_bytes(encoding, PrivateFormat.PKCS8, form)
    monkeypatch.setattr("lab.pki.files.derivation_rounds.MOST_ROUNDS", 1000)
    with pytest.raises(WrongFormatError, match="2,048 rounds"):
        contents_of(data, PATH, lambda _: b"secret")
    if encoding is Encoding.PEM:
        with pytest.raises(WrongFormatError, match="2,048 rounds"):
            key_in(data, PATH, password=b"secret")
