"""Private keys: the kinds the lab uses, how they are made, and a cache for those who make many.

Rules: a key kind is an enum member, so that a profile or a scenario can name one as data.
This module must not know what a key is for.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
"""A private key that can sign a TLS handshake."""

PublicKey = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)
"""The public half of a :data:`PrivateKey`."""


class KeyKind(enum.Enum):
    """A kind of private key: algorithm and size, or algorithm and curve.

    RSA_PSS_2048 is the key of a certificate that names it id-RSASSA-PSS (RFC 4055, 3.1); the key
    itself is a plain RSA key.
    """

    RSA_1024 = "RSA 1024"
    RSA_2048 = "RSA 2048"
    RSA_4096 = "RSA 4096"
    EC_P256 = "EC P-256"
    EC_P384 = "EC P-384"
    EC_P521 = "EC P-521"
    ED25519 = "Ed25519"
    ED448 = "Ed448"
    RSA_PSS_2048 = "RSA-PSS 2048"


_RSA_BITS = {
    KeyKind.RSA_1024: 1024,
    KeyKind.RSA_2048: 2048,
    KeyKind.RSA_4096: 4096,
    KeyKind.RSA_PSS_2048: 2048,
}
_EC_CURVES: dict[KeyKind, ec.EllipticCurve] = {
    KeyKind.EC_P256: ec.SECP256R1(),
    KeyKind.EC_P384: ec.SECP384R1(),
    KeyKind.EC_P521: ec.SECP521R1(),
}


def generate(kind: KeyKind) -> PrivateKey:
    """Make a new key. RSA 4096 takes from a tenth of a second to a few seconds."""
    if kind in _RSA_BITS:
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[kind])
    if kind in _EC_CURVES:
        return ec.generate_private_key(_EC_CURVES[kind])
    if kind is KeyKind.ED448:
        return ed448.Ed448PrivateKey.generate()
    return ed25519.Ed25519PrivateKey.generate()


KeySource = Callable[[KeyKind], PrivateKey]
"""Where keys come from: :func:`generate`, or a cache where speed matters more than secrecy."""


@functools.cache
def cached(kind: KeyKind, number: int = 0) -> PrivateKey:
    """Return the same key for the same arguments, as long as the process lives.

    For tests and for catalogues of certificates that nobody is meant to trust: making an RSA key
    costs more than everything else that a certificate needs. ``number`` tells apart keys of one
    kind.
    """
    del number  # part of the cache's key only
    return generate(kind)


def public_bytes(key: PublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7): equal for equal keys."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
