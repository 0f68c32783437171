"""Cipher suites at work: what a suite means, the keys it derives, and records opened with them.

Rules: all is told by the suite's name, as RFC 5246 appendix C builds it, so that one rule serves
the whole registry; a suite that cannot be opened here has no ``cipher``. The key log gives traffic
secrets (TLS 1.3) and the master secret (TLS 1.2), so that only expansion is needed. An opener
serves one direction from one change of keys to the next and counts its records itself; a record
that does not open raises ``SealBroken`` and leaves the count as it was, so that a caller may try
another key.

This module must not know where secrets come from, nor what a record's content means.
"""

from __future__ import annotations

import abc
import enum
import functools
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import code_table
from lab.tls.code_points import ContentType
from lab.tls.frozen_values import constructor
from lab.tls.records import Record

_BLOCK = 16
_CONTENT_TYPES = code_table(ContentType)
_MAC_LENGTHS = {"": 0, "sha1": 20, "sha256": 32, "sha384": 48}
_HASHES = {
    "sha1": (hashlib.sha1, 64),
    "sha256": (hashlib.sha256, 64),
    "sha384": (hashlib.sha384, 128),
}
"""Each with the bytes of its block."""
_IPAD = bytes(octet ^ 0x36 for octet in range(256))
_OPAD = bytes(octet ^ 0x5C for octet in range(256))


class Cipher(enum.Enum):
    """The record protection that the observer can open."""

    __hash__ = object.__hash__  # that of Enum is Python code, and slow

    AES_GCM = "AES-GCM"
    AES_CCM = "AES-CCM"
    AES_CCM_8 = "AES-CCM-8"
    CHACHA20_POLY1305 = "ChaCha20-Poly1305"
    AES_CBC = "AES-CBC"

    @property
    def tag_length(self) -> int:
        """Bytes of the AEAD's tag (RFC 5116, RFC 6655); CBC has none."""
        return {Cipher.AES_CBC: 0, Cipher.AES_CCM_8: 8}.get(self, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What a cipher suite means for records.

    ``hash_name`` is the hash of the PRF or of HKDF, ``mac_name`` that of CBC's HMAC or "", both as
    ``hashlib`` names them; ``key_length`` is in bytes.
    """

    cipher: Cipher | None = None
    key_length: int = 0
    hash_name: str = "sha256"
    mac_name: str = ""


_CIPHER = re.compile(r"(?:AES_(128|256)_(GCM|CCM_8|CCM|CBC)|(CHACHA20_POLY1305))(?:_(SHA\d*))?$")
_MACS = {"SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}
UNKNOWN_SUITE = Suite()


def suite_of(suite: CipherSuite) -> Suite:
    """Return what ``suite`` means; of a suite without a name here, nothing is known."""
    return _suite_of(suite) if suite.is_known else UNKNOWN_SUITE


@functools.cache
def _suite_of(suite: CipherSuite) -> Suite:
    protection = str(suite).removeprefix("TLS_").rpartition("_WITH_")[2]
    # RFC 5246 section 5: SHA-256 unless the suite names something stronger.
    hash_name = "sha384" if protection.endswith("SHA384") else "sha256"
    match = _CIPHER.match(protection)
    if match is None:
        return Suite(key_length=32, hash_name=hash_name)
    length, mode, _, mac = match.groups()
    cipher = Cipher[f"AES_{mode}"] if mode else Cipher.CHACHA20_POLY1305
    return Suite(
        cipher=cipher,
        key_length=int(length) // 8 if length else 32,
        hash_name=hash_name,
        mac_name=_MACS[mac] if cipher is Cipher.AES_CBC else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionKeys:
    """The keys that one sender's records are protected with; ``mac_key`` is for CBC only."""

    mac_key: bytes
    key: bytes
    iv: bytes


_direction_keys = constructor(DirectionKeys)


def _hmac(secret: bytes, data: bytes, hash_name: str) -> bytes:
    """Compute HMAC (RFC 2104 section 2), in half the time of ``hmac.digest``."""
    new, block = _HASHES[hash_name]
    key = (secret if len(secret) <= block else new(secret).digest()).ljust(block, b"\0")
    return new(key.translate(_OPAD) + new(key.translate(_IPAD) + data).digest()).digest()


def expand_label(secret: bytes, label: str, length: int, hash_name: str) -> bytes:
    """Compute HKDF-Expand-Label, the context empty, for at most one block (RFC 9846 section 7.1).

    Every length that TLS 1.3 derives fits into the first block of HKDF-Expand (RFC 5869 section
    2.3), which is a single HMAC.
    """
    return _hmac(secret, _expansion_input(label, length), hash_name)[:length]


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
        a = _hmac(secret, a, hash_name)
        output += _hmac(secret, a + seed, hash_name)
    return output[:length]


class SealBroken(Exception):
    """The record is not one that these keys protected at this place of the stream."""


class Opener(abc.ABC):
    """Opens one direction's records, in their order; ``sequence`` is the number of the next one."""

    sequence = 0
    overhead: int | None = None
    """How much longer a fragment is than content without padding; None where that varies."""

    def pass_over(self, length: int, content: bytes) -> bool:
        """Count the next record instead of opening it; False where that cannot be done.

        The caller knows of a record of application data, whose fragment has ``length`` bytes, that
        it held ``content``. It can be counted if that fills it, so that nothing else is in it.
        """
        fits = length - len(content) == self.overhead
        self.sequence += fits
        return fits

    @abc.abstractmethod
    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """Return the true content type and the plaintext, padding removed, of the next record.

        Raises ``SealBroken``.
        """


def _aead(cipher: Cipher, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    if cipher is Cipher.AES_GCM:
        return AESGCM(key)
    if cipher is Cipher.CHACHA20_POLY1305:
        return ChaCha20Poly1305(key)
    return AESCCM(key, tag_length=cipher.tag_length)


class TrafficOpener(Opener):
    """Opens the records of a TLS 1.3 traffic secret (RFC 9846 section 5.2).

    One that is ``idle`` between records makes its AEAD object for each of them: that takes a
    microsecond, and the object 2.4 KiB.
    """

    def __init__(self, suite: Suite, secret: bytes, *, idle: bool = False) -> None:
        assert suite.cipher is not None
        self._suite = suite
        self._cipher = suite.cipher
        self._secret = secret
        self._key, iv = traffic_keys(secret, suite)
        self._iv = int.from_bytes(iv, "big")
        self._aead = None if idle else _aead(suite.cipher, self._key)
        self.overhead = suite.cipher.tag_length + 1  # the content's type is a byte

    def updated(self) -> TrafficOpener:
        """Return the opener for what follows a KeyUpdate (RFC 9846 section 4.7.3)."""
        return TrafficOpener(self._suite, next_traffic_secret(self._secret, self._suite), idle=True)

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """See ``Opener``; the content's type is the last byte that is not zero."""
        nonce = (self._iv ^ self.sequence).to_bytes(12, "big")  # RFC 9846 section 5.3
        try:
            aead = self._aead or _aead(self._cipher, self._key)
            inner = aead.decrypt(nonce, record.fragment, record.header)
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error
        if not inner or not inner[-1]:  # RFC 9846 section 5.4: zeros may follow the type
            inner = inner.rstrip(b"\0")
            if not inner:
                raise SealBroken
        self.sequence += 1
        return _CONTENT_TYPES[inner[-1]], inner[:-1]


class AeadOpener(Opener):
    """Opens TLS 1.2 records under GCM, CCM (RFC 5288, RFC 6655) or ChaCha20 (RFC 7905)."""

    def __init__(self, suite: Suite, keys: DirectionKeys) -> None:
        assert suite.cipher is not None
        self._aead = _aead(suite.cipher, keys.key)
        self._iv = keys.iv
        self._explicit = 0 if suite.cipher is Cipher.CHACHA20_POLY1305 else 8
        self.overhead: int = self._explicit + suite.cipher.tag_length

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """See ``Opener``; the type is the record's own."""
        fragment = record.fragment
        length = len(fragment) - self.overhead
        if length < 0:
            raise SealBroken
        if self._explicit:
            nonce = self._iv + fragment[: self._explicit]
        else:
            nonce = (int.from_bytes(self._iv, "big") ^ self.sequence).to_bytes(12, "big")
        data = _additional_data(self.sequence, record, length)
        try:
            content = self._aead.decrypt(nonce, fragment[self._explicit :], data)
        except InvalidTag as error:
            raise SealBroken from error
        self.sequence += 1
        return record.content_type, content


def _additional_data(sequence: int, record: Record, length: int) -> bytes:
    """seq_num, type, version and length (RFC 5246 sections 6.2.3.1 and 6.2.3.3)."""
    return sequence.to_bytes(8, "big") + record.header[:3] + length.to_bytes(2, "big")


class CbcOpener(Opener):
    """Opens TLS 1.2 records under AES-CBC (RFC 5246 section 6.2.3.2, RFC 7366)."""

    def __init__(self, suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool) -> None:
        self._cipher = algorithms.AES(keys.key)
        self._mac_key = keys.mac_key
        self._mac_name = suite.mac_name
        self._mac_length = len(keys.mac_key)
        self._encrypt_then_mac = encrypt_then_mac

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """See ``Opener``; the type is the record's own."""
        if self._encrypt_then_mac:  # RFC 7366 section 3: the MAC covers IV and ciphertext
            content = self._decrypted(self._checked(record, record.fragment))
        else:
            content = self._checked(record, self._decrypted(record.fragment))
        self.sequence += 1
        return record.content_type, content

    def _decrypted(self, fragment: bytes) -> bytes:
        if len(fragment) < 2 * _BLOCK or len(fragment) % _BLOCK:
            raise SealBroken
        decryptor = BlockCipher(self._cipher, modes.CBC(fragment[:_BLOCK])).decryptor()
        padded = decryptor.update(fragment[_BLOCK:]) + decryptor.finalize()
        padding = padded[-1] + 1
        if len(padded) < padding or padded[-padding:] != bytes([padded[-1]]) * padding:
            raise SealBroken
        return padded[:-padding]

    def _checked(self, record: Record, data: bytes) -> bytes:
        """``data`` without the MAC at its end, which must be right."""
        length = len(data) - self._mac_length
        if length < 0:
            raise SealBroken
        covered = _additional_data(self.sequence, record, length) + data[:length]
        if _hmac(self._mac_key, covered, self._mac_name) != data[length:]:
            raise SealBroken
        return data[:length]


@functools.cache
def _can_open(cipher: Cipher | None, key_length: int) -> bool:
    """Whether OpenSSL has the AEAD: some builds lack ChaCha20 or CCM."""
    if cipher is None or cipher is Cipher.AES_CBC:
        return False
    try:
        _aead(cipher, bytes(key_length))
    except UnsupportedAlgorithm:
        return False
    return True


def traffic_opener(suite: Suite, secret: bytes, *, idle: bool = False) -> TrafficOpener | None:
    """Return an opener for a TLS 1.3 traffic secret, or None where OpenSSL lacks the cipher."""
    return (
        TrafficOpener(suite, secret, idle=idle)
        if _can_open(suite.cipher, suite.key_length)
        else None
    )


def connection_opener(
    suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool
) -> Opener | None:
    """Return an opener for one direction of TLS 1.2, or None where OpenSSL lacks the cipher."""
    if suite.cipher is Cipher.AES_CBC:
        return CbcOpener(suite, keys, encrypt_then_mac=encrypt_then_mac)
    return AeadOpener(suite, keys) if _can_open(suite.cipher, suite.key_length) else None
