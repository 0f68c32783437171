"""The keys of records, derived from the secrets that a key log has.

Rules: the key log gives traffic secrets (TLS 1.3) and the master secret (before), so that only
expansion is needed.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.tls.frozen_values import constructor
from lab.tls.record_suites import OLD_PRF, Cipher, Suite

MAC_LENGTHS = {"": 0, "md5": 16, "sha1": 20, "sha256": 32, "sha384": 48}
"""Bytes of an HMAC by its hash, as ``hashlib`` names it."""
_HASHES: dict[str, tuple[Callable[[bytes], Any], int]] = {
    "md5": (functools.partial(hashlib.md5, usedforsecurity=False), 64),
    "sha1": (hashlib.sha1, 64),
    "sha256": (hashlib.sha256, 64),
    "sha384": (hashlib.sha384, 128),
}
"""Each with the bytes of its block."""
_IPAD = bytes(octet ^ 0x36 for octet in range(256))
_OPAD = bytes(octet ^ 0x5C for octet in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionKeys:
    """The keys that one sender's records are protected with; ``mac_key`` is for CBC only."""

    mac_key: bytes
    key: bytes
    iv: bytes


_direction_keys = constructor(DirectionKeys)


def hmac(secret: bytes, data: bytes, hash_name: str) -> bytes:
    """Compute HMAC (RFC 2104 section 2), in half the time of ``hmac.digest``."""
    new, block = _HASHES[hash_name]
    key = (secret if len(secret) <= block else new(secret).digest()).ljust(block, b"\0")
    digest: bytes = new(key.translate(_OPAD) + new(key.translate(_IPAD) + data).digest()).digest()
    return digest


def expand_label(secret: bytes, label: str, length: int, hash_name: str) -> bytes:
    """Compute HKDF-Expand-Label, the context empty, for at most one block (RFC 9846 section 7.1).

    Every length that TLS 1.3 derives fits into the first block of HKDF-Expand (RFC 5869 section
    2.3), which is a single HMAC.
    """
    return hmac(secret, _expansion_input(label, length), hash_name)[:length]


@functools.cache
def _expansion_input(label: str, length: int) -> bytes:
    """Return HkdfLabel, and the number of the first block."""
    name = b"tls13 " + label.encode("ascii")
    return length.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0\1"


def traffic_keys(secret: bytes, suite: Suite) -> tuple[bytes, bytes]:
    """Derive the key and the IV of a TLS 1.3 traffic secret (RFC 9846 section 7.3)."""
    key = expand_label(secret, "key", suite.key_length, suite.hash_name)
    return key, expand_label(secret, "iv", 12, suite.hash_name)


def next_traffic_secret(secret: bytes, suite: Suite) -> bytes:
    """Derive the traffic secret after a KeyUpdate (RFC 9846 section 7.2)."""
    return expand_label(secret, "traffic upd", len(secret), suite.hash_name)


def connection_keys(
    master_secret: bytes, client_random: bytes, server_random: bytes, suite: Suite
) -> tuple[DirectionKeys, DirectionKeys]:
    """Derive the client's and the server's keys before TLS 1.3 (RFC 5246 section 6.3)."""
    mac_length = MAC_LENGTHS[suite.mac_name]
    iv_length = _fixed_iv_length(suite)
    lengths = [mac_length, mac_length, suite.key_length, suite.key_length, iv_length, iv_length]
    seed = b"key expansion" + server_random + client_random
    block = _prf(master_secret, seed, sum(lengths), suite.hash_name)
    parts = []
    for length in lengths:
        parts.append(block[:length])
        block = block[length:]
    return (
        _direction_keys(mac_key=parts[0], key=parts[2], iv=parts[4]),
        _direction_keys(mac_key=parts[1], key=parts[3], iv=parts[5]),
    )


def _fixed_iv_length(suite: Suite) -> int:
    if suite.cipher is Cipher.AES_CBC:
        return (
            16 if suite.implicit_iv else 0
        )  # RFC 5246 section 6.2.3.2: each record brings its own
    if suite.cipher is Cipher.CHACHA20_POLY1305:
        return 12  # RFC 7905 section 2
    return 4  # RFC 5288 section 3, RFC 6655 section 3


def _prf(secret: bytes, seed: bytes, length: int, hash_name: str) -> bytes:
    """Compute the PRF, the label in ``seed`` (RFC 5246 section 5, RFC 2246 section 5)."""
    if hash_name != OLD_PRF:
        return _p_hash(secret, seed, length, hash_name)
    half = (len(secret) + 1) // 2
    md5 = _p_hash(secret[:half], seed, length, "md5")
    sha1 = _p_hash(secret[-half:], seed, length, "sha1")
    return bytes(one ^ other for one, other in zip(md5, sha1, strict=True))


def _p_hash(secret: bytes, seed: bytes, length: int, hash_name: str) -> bytes:
    """Compute P_hash (RFC 5246 section 5)."""
    a = seed
    output = b""
    while len(output) < length:
        a = hmac(secret, a, hash_name)
        output += hmac(secret, a + seed, hash_name)
    return output[:length]
