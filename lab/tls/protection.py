"""Opening protected records with keys that are known.

Rules: an opener serves one direction from one change of keys to the next and counts its records
itself. A record that does not open raises ``SealBroken`` and leaves the count as it was, so that
a caller may try another key.

This module must not know where secrets come from, nor what a record's content means.
"""

from __future__ import annotations

import abc
import hmac

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from lab.tls.code_point import code_table
from lab.tls.code_points import ContentType
from lab.tls.key_schedule import DirectionKeys, next_traffic_secret, traffic_keys
from lab.tls.records import Record
from lab.tls.suite_parts import Cipher, Suite

_BLOCK = 16
_CONTENT_TYPES = code_table(ContentType)


class SealBroken(Exception):
    """The record is not one that these keys protected at this place of the stream."""


class Opener(abc.ABC):
    """Opens one direction's records, in their order; ``sequence`` is the number of the next one."""

    sequence = 0

    @abc.abstractmethod
    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """Return the true content type and the plaintext, padding removed, of the next record.

        Raises ``SealBroken``.
        """


def _aead(suite: Suite, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    if suite.cipher is Cipher.AES_GCM:
        return AESGCM(key)
    if suite.cipher is Cipher.CHACHA20_POLY1305:
        return ChaCha20Poly1305(key)
    assert suite.cipher is not None
    return AESCCM(key, tag_length=suite.cipher.tag_length)


class TrafficOpener(Opener):
    """Opens the records of a TLS 1.3 traffic secret (RFC 9846 section 5.2).

    One that is ``idle`` between records makes its AEAD object for each of them: that takes a
    microsecond, and the object 2.4 KiB.
    """

    def __init__(self, suite: Suite, secret: bytes, *, idle: bool = False) -> None:
        keys = traffic_keys(secret, suite)
        self._suite = suite
        self._secret = secret
        aead = _aead(suite, keys.key)
        self._key = keys.key
        self._aead = None if idle else aead
        self._iv = int.from_bytes(keys.iv, "big")

    def updated(self) -> TrafficOpener:
        """Return the opener for what follows a KeyUpdate (RFC 9846 section 4.7.3)."""
        return TrafficOpener(self._suite, next_traffic_secret(self._secret, self._suite), idle=True)

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """See ``Opener``; the content's type is the last byte that is not zero."""
        nonce = (self._iv ^ self.sequence).to_bytes(12, "big")  # RFC 9846 section 5.3
        try:
            aead = self._aead or _aead(self._suite, self._key)
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
        self._aead = _aead(suite, keys.key)
        self._iv = keys.iv
        self._explicit = 0 if suite.cipher is Cipher.CHACHA20_POLY1305 else 8
        self._overhead = self._explicit + suite.cipher.tag_length

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """See ``Opener``; the type is the record's own."""
        fragment = record.fragment
        length = len(fragment) - self._overhead
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
        if hmac.digest(self._mac_key, covered, self._mac_name) != data[length:]:
            raise SealBroken
        return data[:length]


def traffic_opener(suite: Suite, secret: bytes, *, idle: bool = False) -> TrafficOpener | None:
    """Return an opener for a TLS 1.3 traffic secret, or None where OpenSSL lacks the cipher."""
    if suite.cipher is None or suite.cipher is Cipher.AES_CBC:
        return None
    try:
        return TrafficOpener(suite, secret, idle=idle)
    except UnsupportedAlgorithm:  # some builds of OpenSSL lack ChaCha20 or CCM
        return None


def connection_opener(
    suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool
) -> Opener | None:
    """Return an opener for one direction of TLS 1.2, or None where OpenSSL lacks the cipher."""
    if suite.cipher is None:
        return None
    if suite.cipher is Cipher.AES_CBC:
        return CbcOpener(suite, keys, encrypt_then_mac=encrypt_then_mac)
    try:
        return AeadOpener(suite, keys)
    except UnsupportedAlgorithm:
        return None
