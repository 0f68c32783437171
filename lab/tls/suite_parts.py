"""What a cipher suite means for reading a connection: key exchange, cipher, hashes.

Rules: all is told by the suite's name, as RFC 5246 appendix C builds it, so that one rule serves
the whole registry. A suite that the observer cannot open has no ``cipher``.

This module must not know keys.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass

from lab.tls.cipher_suites import CipherSuite


class KeyExchange(enum.Enum):
    """How the two ends agree on a secret, as far as messages differ by it."""

    TLS_1_3 = "TLS 1.3"
    RSA = "RSA"
    DHE = "DHE"
    ECDHE = "ECDHE"
    OTHER = "other"


class Cipher(enum.Enum):
    """The record protection that the observer can open."""

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
    """The parts of a cipher suite.

    ``signed`` tells whether a ServerKeyExchange bears a signature. ``hash_name`` is the hash of
    the PRF or of HKDF, ``mac_name`` that of CBC's HMAC or "", both as ``hashlib`` names them;
    ``key_length`` is in bytes.
    """

    key_exchange: KeyExchange
    signed: bool
    cipher: Cipher | None
    key_length: int
    hash_name: str
    mac_name: str


_CIPHER = re.compile(r"(?:AES_(128|256)_(GCM|CCM_8|CCM|CBC)|(CHACHA20_POLY1305))(?:_(SHA\d*))?$")
_MODES = {
    "GCM": Cipher.AES_GCM,
    "CCM": Cipher.AES_CCM,
    "CCM_8": Cipher.AES_CCM_8,
    "CBC": Cipher.AES_CBC,
}
_MACS = {"SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}
_EXCHANGES = {
    "RSA": KeyExchange.RSA,
    "DHE_RSA": KeyExchange.DHE,
    "DHE_DSS": KeyExchange.DHE,
    "DH_anon": KeyExchange.DHE,
    "ECDHE_RSA": KeyExchange.ECDHE,
    "ECDHE_ECDSA": KeyExchange.ECDHE,
    "ECDH_anon": KeyExchange.ECDHE,
}
UNKNOWN_SUITE = Suite(
    key_exchange=KeyExchange.OTHER,
    signed=False,
    cipher=None,
    key_length=0,
    hash_name="sha256",
    mac_name="",
)


def parts_of(suite: CipherSuite) -> Suite:
    """Return the parts of ``suite``; of a suite without a name here, nothing is known."""
    return _parts(suite) if suite.is_known else UNKNOWN_SUITE


@functools.cache
def _parts(suite: CipherSuite) -> Suite:
    exchange, separator, protection = str(suite).removeprefix("TLS_").partition("_WITH_")
    if not separator:  # TLS 1.3 names no key exchange (RFC 9846 appendix B.4)
        exchange, protection = "", exchange
    match = _CIPHER.match(protection)
    length, mode, _, hash_text = match.groups() if match else (None, None, None, None)
    cipher = (_MODES[mode] if mode else Cipher.CHACHA20_POLY1305) if match else None
    key_exchange = _EXCHANGES.get(exchange, KeyExchange.OTHER)
    return Suite(
        key_exchange=key_exchange if separator else KeyExchange.TLS_1_3,
        signed=not exchange.endswith("_anon"),
        cipher=cipher,
        key_length=int(length) // 8 if length else 32,
        # RFC 5246 section 5: SHA-256 unless the suite names something stronger.
        hash_name="sha384" if protection.endswith("SHA384") else "sha256",
        mac_name=_MACS[str(hash_text)] if cipher is Cipher.AES_CBC else "",
    )
