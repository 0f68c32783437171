"""From a secret of the key log to the keys of one direction.

Rules: the key log gives traffic secrets (TLS 1.3) and the master secret (TLS 1.2), so only
expansion is needed; nothing here agrees on a secret or checks a Finished.

This module must not know records.
"""

from __future__ import annotations

import functools
import hmac
from dataclasses import dataclass

from lab.tls.frozen_values import constructor
from lab.tls.suite_parts import Cipher, Suite

_MAC_LENGTHS = {"": 0, "sha1": 20, "sha256": 32, "sha384": 48}


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionKeys:
    """The keys that one sender's records are protected with; ``mac_key`` is for CBC only."""

    mac_key: bytes
    key: bytes
    iv: bytes


_direction_keys = constructor(DirectionKeys)


def expand_label(secret: bytes, label: str, length: int, hash_name: str) -> bytes:
    """Compute HKDF-Expand-Label, the context empty, for at most one block (RFC 9846 section 7.1).

    Every length that TLS 1.3 derives fits into the first block of HKDF-Expand (RFC 5869 section
    2.3), which is a single HMAC: several times quicker than the library's general form, and eight
    of them are due in each handshake.
    """
    return hmac.digest(secret, _expansion_input(label, length), hash_name)[:length]


@functools.cache
def _expansion_input(label: str, length: int) -> bytes:
    """Return HkdfLabel, and the number of the first block."""
    name = b"tls13 " + label.encode("ascii")
    return length.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0\1"


def traffic_keys(secret: bytes, suite: Suite) -> DirectionKeys:
    """Derive the keys of a TLS 1.3 traffic secret (RFC 9846 section 7.3)."""
    return _direction_keys(
        mac_key=b"",
        key=expand_label(secret, "key", suite.key_length, suite.hash_name),
        iv=expand_label(secret, "iv", 12, suite.hash_name),
    )


def next_traffic_secret(secret: bytes, suite: Suite) -> bytes:
    """Derive the traffic secret after a KeyUpdate (RFC 9846 section 7.2)."""
    return expand_label(secret, "traffic upd", len(secret), suite.hash_name)


def connection_keys(
    master_secret: bytes, client_random: bytes, server_random: bytes, suite: Suite
) -> tuple[DirectionKeys, DirectionKeys]:
    """Derive the client's and the server's keys in TLS 1.2 (RFC 5246 section 6.3)."""
    mac_length = _MAC_LENGTHS[suite.mac_name]
    iv_length = _fixed_iv_length(suite.cipher)
    lengths = [mac_length, mac_length, suite.key_length, suite.key_length, iv_length, iv_length]
    seed = b"key expansion" + server_random + client_random
    block = _p_hash(master_secret, seed, sum(lengths), suite.hash_name)
    parts = []
    for length in lengths:
        parts.append(block[:length])
        block = block[length:]
    return (
        _direction_keys(mac_key=parts[0], key=parts[2], iv=parts[4]),
        _direction_keys(mac_key=parts[1], key=parts[3], iv=parts[5]),
    )


def _fixed_iv_length(cipher: Cipher | None) -> int:
    if cipher is Cipher.AES_CBC:
        return 0  # RFC 5246 section 6.2.3.2: each record brings its own IV
    if cipher is Cipher.CHACHA20_POLY1305:
        return 12  # RFC 7905 section 2
    return 4  # RFC 5288 section 3, RFC 6655 section 3


def _p_hash(secret: bytes, seed: bytes, length: int, hash_name: str) -> bytes:
    """Compute P_hash (RFC 5246 section 5)."""
    a = seed
    output = b""
    while len(output) < length:
        a = hmac.digest(secret, a, hash_name)
        output += hmac.digest(secret, a + seed, hash_name)
    return output[:length]
