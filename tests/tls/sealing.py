"""Protecting records, for tests: the other direction of ``lab.tls.protection``."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from lab.tls.cipher_suites import CipherSuite
from lab.tls.events import Endpoint, Event
from lab.tls.key_derivation import DirectionKeys, next_traffic_secret, traffic_keys
from lab.tls.observer import Observer
from lab.tls.record_suites import Cipher, Suite, suite_of
from tests.tls.messages_table import RANDOM, client_hello, server_hello
from tests.tls.wire import (
    Wire,
    extension,
    handshake,
    record,
    u16,
)

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER


def _aead(suite: Suite, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    if suite.cipher is Cipher.AES_GCM:
        return AESGCM(key)
    if suite.cipher is Cipher.CHACHA20_POLY1305:
        return ChaCha20Poly1305(key)
    return AESCCM(key, tag_length=8 if suite.cipher is Cipher.AES_CCM_8 else 16)


@dataclass
class Sealer13:
    """Protects records of TLS 1.3 (RFC 9846 section 5.2)."""

    suite: Suite
    secret: bytes
    sequence: int = 0

    def seal(self, content_type: int, data: bytes, padding: int = 0) -> bytes:
        return self.seal_inner(data + bytes([content_type]) + bytes(padding))

    def seal_inner(self, inner: bytes) -> bytes:
        key, iv = traffic_keys(self.secret, self.suite)
        assert self.suite.cipher is not None
        length = len(inner) + self.suite.cipher.tag_length
        header = b"\x17\x03\x03" + length.to_bytes(2, "big")
        nonce = (int.from_bytes(iv, "big") ^ self.sequence).to_bytes(12, "big")
        self.sequence += 1
        return header + _aead(self.suite, key).encrypt(nonce, inner, header)

    def updated(self) -> Sealer13:
        return Sealer13(self.suite, next_traffic_secret(self.secret, self.suite))


@dataclass
class Sealer12:
    """Protects records of TLS 1.2 (RFC 5246 section 6.2.3)."""

    suite: Suite
    keys: DirectionKeys
    encrypt_then_mac: bool = False
    sequence: int = 0

    def seal(self, content_type: int, data: bytes) -> bytes:
        if self.suite.cipher is Cipher.AES_CBC:
            fragment = self._cbc(content_type, data)
        else:
            fragment = self._aead(content_type, data)
        self.sequence += 1
        return record(content_type, fragment)

    def _covered(self, content_type: int, length: int) -> bytes:
        head = self.sequence.to_bytes(8, "big") + bytes([content_type]) + b"\x03\x03"
        return head + length.to_bytes(2, "big")

    def _aead(self, content_type: int, data: bytes) -> bytes:
        explicit = self.sequence.to_bytes(8, "big")
        nonce = self.keys.iv + explicit
        if self.suite.cipher is Cipher.CHACHA20_POLY1305:
            nonce = (int.from_bytes(self.keys.iv, "big") ^ self.sequence).to_bytes(12, "big")
            explicit = b""
        covered = self._covered(content_type, len(data))
        return explicit + _aead(self.suite, self.keys.key).encrypt(nonce, data, covered)

    def seal_padded(self, content_type: int, data: bytes, padding: bytes) -> bytes:
        """A CBC record with just this padding, right or wrong."""
        fragment = self._cbc(content_type, data, padding)
        self.sequence += 1
        return record(content_type, fragment)

    def _cbc(self, content_type: int, data: bytes, padding: bytes | None = None) -> bytes:
        iv = os.urandom(16)
        if not self.encrypt_then_mac:
            data += self._mac(content_type, data)
        if padding is None:
            length = 15 - len(data) % 16
            padding = bytes([length]) * (length + 1)
        encryptor = BlockCipher(algorithms.AES(self.keys.key), modes.CBC(iv)).encryptor()
        fragment = iv + encryptor.update(data + padding) + encryptor.finalize()
        if self.encrypt_then_mac:
            fragment += self._mac(content_type, fragment)
        return fragment

    def _mac(self, content_type: int, data: bytes) -> bytes:
        covered = self._covered(content_type, len(data)) + data
        return hmac.digest(self.keys.mac_key, covered, self.suite.mac_name)


SUITE = CipherSuite["TLS_AES_128_GCM_SHA256"]
VERSIONS = extension(43, u16(0x0304))


@dataclass
class Tls13:
    """A made-up connection of TLS 1.3: real hellos and keys, and whatever a test sends."""

    observer: Observer = field(default_factory=Observer)
    suite: Suite = field(default_factory=lambda: suite_of(SUITE))
    sealers: dict[tuple[Endpoint, str], Sealer13] = field(default_factory=dict)
    time: float = 0.0

    def secret(self, name: str) -> bytes:
        return name.encode().ljust(32, b".")

    @property
    def key_log(self) -> str:
        names = [
            "CLIENT_EARLY_TRAFFIC_SECRET",
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            "CLIENT_TRAFFIC_SECRET_0",
            "SERVER_TRAFFIC_SECRET_0",
        ]
        return "".join(f"{name} {RANDOM.hex()} {self.secret(name).hex()}\n" for name in names)

    def hellos(self, *client_extensions: Wire, learn: bool = True) -> list[Event]:
        """Both hellos in the clear; secrets are known first if the test wants them."""
        events = self.observer.learn(self.key_log) if learn else []
        events += self.feed(CLIENT, record(22, self.client_hello(*client_extensions)))
        return events + self.feed(SERVER, record(22, self.server_hello()))

    def client_hello(self, *extensions: Wire) -> bytes:
        return handshake(1, client_hello(*extensions).data)

    def server_hello(self) -> bytes:
        return handshake(2, server_hello(VERSIONS).data)

    def feed(self, sender: Endpoint, data: bytes) -> list[Event]:
        self.time += 1
        return self.observer.feed(sender, data, self.time)

    def sealer(self, sender: Endpoint, stage: str) -> Sealer13:
        """``stage`` is "early", "handshake" or "application"."""
        side = sender.name
        label = {
            "early": "CLIENT_EARLY_TRAFFIC_SECRET",
            "handshake": f"{side}_HANDSHAKE_TRAFFIC_SECRET",
            "application": f"{side}_TRAFFIC_SECRET_0",
        }[stage]
        return self.sealers.setdefault((sender, stage), Sealer13(self.suite, self.secret(label)))

    def send(
        self, sender: Endpoint, stage: str, content_type: int, data: bytes, padding: int = 0
    ) -> list[Event]:
        return self.feed(sender, self.sealer(sender, stage).seal(content_type, data, padding))
