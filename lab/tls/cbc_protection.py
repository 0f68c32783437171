"""Records under AES in CBC mode with an HMAC, and under an HMAC alone.

This module must not know where keys come from, nor what a record's content means.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from lab.tls.code_points import ContentType
from lab.tls.events import RecordSpan
from lab.tls.key_derivation import MAC_LENGTHS, DirectionKeys, hmac
from lab.tls.opener import Opener, SealBroken, additional_data
from lab.tls.record_suites import Suite
from lab.tls.records import Record

_BLOCK = 16


class CbcOpener(Opener):
    """Opens records under AES-CBC (RFC 5246 section 6.2.3.2, RFC 7366, RFC 2246)."""

    def __init__(self, suite: Suite, keys: DirectionKeys, *, encrypt_then_mac: bool) -> None:
        self._cipher = algorithms.AES(keys.key)
        self._mac_key = keys.mac_key
        self._mac_name = suite.mac_name
        self._mac_length = len(keys.mac_key)
        self._encrypt_then_mac = encrypt_then_mac
        self._implicit_iv = suite.implicit_iv
        self.aligned = False
        self.before = 0 if suite.implicit_iv else _BLOCK
        self.behind = self._mac_length if encrypt_then_mac else 0
        self._iv = self._next_iv = keys.iv
        self._span: RecordSpan | None = None

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """See ``Opener``; the type is the record's own."""
        if self._implicit_iv and record.span != self._span:
            end = len(record.fragment) - (self._mac_length if self._encrypt_then_mac else 0)
            self._span, self._iv = record.span, self._next_iv
            self._next_iv = record.fragment[max(0, end - _BLOCK) : end]
        if self._encrypt_then_mac:  # RFC 7366 section 3: the MAC covers IV and ciphertext
            content = self._decrypted(self._checked(record, record.fragment))
        else:
            content = self._checked(record, self._decrypted(record.fragment))
        self.sequence += 1
        return record.content_type, content

    def _decrypted(self, fragment: bytes) -> bytes:
        if self._implicit_iv:
            fragment = self._iv + fragment
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
        covered = additional_data(self.sequence, record, length) + data[:length]
        if hmac(self._mac_key, covered, self._mac_name) != data[length:]:
            raise SealBroken
        return data[:length]


class NullOpener(Opener):
    """Reads records of a NULL suite, whose content is in the clear, with a MAC behind it.

    The MAC is not checked: that takes the secret, and reading does not.
    """

    def __init__(self, suite: Suite) -> None:
        self.behind = self._mac_length = MAC_LENGTHS[suite.mac_name]

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """See ``Opener``; the type is the record's own."""
        length = len(record.fragment) - self._mac_length
        if length < 0:
            raise SealBroken
        self.sequence += 1
        return record.content_type, record.fragment[:length]
