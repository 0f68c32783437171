"""Records opened: by the AEADs of TLS 1.2 and 1.3, and which opener a suite needs.

This module must not know where secrets come from, nor what a record's content means.
"""

from __future__ import annotations

import functools

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from lab.tls.cbc_protection import CbcOpener
from lab.tls.code_point import code_table
from lab.tls.code_points import ContentType
from lab.tls.key_derivation import DirectionKeys, next_traffic_secret, traffic_keys
from lab.tls.opener import Opener, SealBroken, additional_data
from lab.tls.record_suites import Cipher, Suite
from lab.tls.records import Record

_CONTENT_TYPES = code_table(ContentType)


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
        self.behind = suite.cipher.tag_length
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
        self.before, self.behind = self._explicit, suite.cipher.tag_length
        self.overhead: int = self.before + self.behind

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
        data = additional_data(self.sequence, record, length)
        try:
            content = self._aead.decrypt(nonce, fragment[self._explicit :], data)
        except InvalidTag as error:
            raise SealBroken from error
        self.sequence += 1
        return record.content_type, content


@functools.cache
def _can_open(cipher: Cipher | None, key_length: int) -> bool:
    """Whether OpenSSL has the AEAD: some builds lack ChaCha20 or CCM."""
    if cipher is None or cipher in (Cipher.AES_CBC, Cipher.NULL):
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
    """Return an opener for one direction before TLS 1.3, None where OpenSSL lacks the cipher."""
    if suite.cipher is Cipher.AES_CBC:
        return CbcOpener(suite, keys, encrypt_then_mac=encrypt_then_mac)
    return AeadOpener(suite, keys) if _can_open(suite.cipher, suite.key_length) else None
