"""Keys are of the kind that was asked for, and the cache gives the same one again."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from lab.pki.identity import (
    KeyKind,
    cached,
    generate,
    public_bytes,
)


@pytest.mark.parametrize(
    ("kind", "bits"),
    # RSA 4096 takes seconds: the set with all defaults, made elsewhere, has such a key.
    [(KeyKind.RSA_1024, 1024), (KeyKind.RSA_2048, 2048)],
)
def test_rsa(kind: KeyKind, bits: int) -> None:
    key = cached(kind)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == bits
    assert key.public_key().public_numbers().e == 65537


@pytest.mark.parametrize(
    ("kind", "curve"), [(KeyKind.EC_P256, "secp256r1"), (KeyKind.EC_P384, "secp384r1")]
)
def test_ec(kind: KeyKind, curve: str) -> None:
    key = cached(kind)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == curve


def test_ed25519() -> None:
    assert isinstance(cached(KeyKind.ED25519), ed25519.Ed25519PrivateKey)


def test_new_keys_differ() -> None:
    first, second = generate(KeyKind.EC_P256), generate(KeyKind.EC_P256)
    assert public_bytes(first.public_key()) != public_bytes(second.public_key())


def test_cached_keys_stay() -> None:
    assert cached(KeyKind.EC_P256, 1) is cached(KeyKind.EC_P256, 1)
    assert cached(KeyKind.EC_P256, 1) is not cached(KeyKind.EC_P256, 2)
