"""Keys and signatures: named whether the library can read them or not."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lab.pki import malformed_certificates, profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.identity import KeyKind, cached, public_bytes
from lab.x509 import der
from lab.x509.certificates import described
from lab.x509.der import Element
from lab.x509.public_keys import describe_key, key_itself
from lab.x509.signatures import is_readable, signature_verifies
from tests.support.pki_fixtures import client_under, new_authority, utc_now

NOW = utc_now()


def spki(algorithm: str, parameters: bytes = b"") -> bytes:
    kind = Element(tag=der.OBJECT_IDENTIFIER, content=bytes.fromhex(algorithm))
    return der.sequence(
        der.sequence(kind, *der.elements(parameters)), der.bit_string(b"\4" + bytes(64))
    ).encode()


EC = "2a8648ce3d0201"


@pytest.mark.parametrize(
    ("public_key", "named"),
    [
        (spki(EC, bytes.fromhex("06082a811ccf5501822d")), "EC SM2"),
        (spki(EC, bytes.fromhex("06092b2403030208010107")), "EC brainpoolP256r1"),
        (spki(EC, bytes.fromhex("3000")), "EC explicit parameters"),
        (spki(EC, bytes.fromhex("06022a03")), "EC 1.2.3"),
        (spki("2a85030701010101"), "GOST R 34.10-2012 256"),
        (spki("608648016503040312"), "ML-DSA-65"),
        (spki("2a03"), "unknown"),
    ],
)
def test_keys_that_the_library_may_not_read(public_key: bytes, named: str) -> None:
    assert describe_key(public_key)[0] == named
    assert not is_readable(public_key)


def test_a_key_is_told_by_its_bits_alone() -> None:
    """A key for RSASSA-PSS only is often stored as a plain RSA key."""
    root = new_authority(NOW)
    key = cached(KeyKind.RSA_2048, 700)
    plain = root.issue(profiles.client(), key, now=NOW)
    marked = malformed_certificates.with_pss_key(plain, root.identity.key).certificate
    assert described(marked).key_type == "RSA-PSS"
    assert described(marked).public_key != public_bytes(key.public_key())
    assert key_itself(described(marked).public_key) == key_itself(public_bytes(key.public_key()))
    assert key_itself(b"junk") == b""


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.EC_P384, KeyKind.ED25519])
def test_signatures(kind: KeyKind) -> None:
    root = self_signed(profiles.root_ca(), cached(kind, 701), now=NOW)
    about = described(client_under(Authority(identity=root), NOW).certificate)
    key = described(root.certificate).public_key
    assert signature_verifies(key, about.signed, about.algorithm, about.signature) is True
    assert signature_verifies(key, about.signed + b"x", about.algorithm, about.signature) is False
    assert signature_verifies(key, about.signed, b"", about.signature) is None
    assert signature_verifies(spki("2a03"), about.signed, about.algorithm, b"") is None


@pytest.mark.parametrize("salt", [20, 32])
def test_a_pss_signature_names_its_hash_and_its_salt(salt: int) -> None:
    key = cached(KeyKind.RSA_2048, 701)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(b"data", padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
    oid = Element(tag=der.OBJECT_IDENTIFIER, content=bytes.fromhex("608648016503040201"))
    digest = Element(tag=0xA0, content=der.sequence(oid).encode())
    length = Element(tag=0xA2, content=Element(tag=der.INTEGER, content=bytes((salt,))).encode())
    kind = Element(tag=der.OBJECT_IDENTIFIER, content=bytes.fromhex("2a864886f70d01010a"))
    algorithm = der.sequence(kind, der.sequence(digest, length)).encode()
    public_key = public_bytes(key.public_key())
    assert signature_verifies(public_key, b"data", algorithm, signature) is True
    assert signature_verifies(public_key, b"other", algorithm, signature) is False
