"""What a cipher suite means for records.

Rules: all is told by the suite's name, as RFC 5246 appendix C builds it, so that one rule serves
the whole registry; a suite that cannot be opened here has no ``cipher``.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass, replace

from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import ProtocolVersion


class Cipher(enum.Enum):
    """The record protection that the observer can open."""

    __hash__ = object.__hash__  # that of Enum is Python code, and slow

    AES_GCM = "AES-GCM"
    AES_CCM = "AES-CCM"
    AES_CCM_8 = "AES-CCM-8"
    CHACHA20_POLY1305 = "ChaCha20-Poly1305"
    AES_CBC = "AES-CBC"
    NULL = "NULL"

    @property
    def tag_length(self) -> int:
        """Bytes of the AEAD's tag (RFC 5116, RFC 6655); others have none."""
        return _TAG_LENGTHS.get(self, 16)


_TAG_LENGTHS = {Cipher.AES_CBC: 0, Cipher.NULL: 0, Cipher.AES_CCM_8: 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What a cipher suite means for records.

    ``hash_name`` is the hash of the PRF or of HKDF, ``mac_name`` that of the record's HMAC or "",
    both as ``hashlib`` names them; ``key_length`` is in bytes. ``implicit_iv`` tells that the IV of
    a record under CBC is the end of the record before (RFC 2246 section 6.2.3.2).
    """

    cipher: Cipher | None = None
    key_length: int = 0
    hash_name: str = "sha256"
    mac_name: str = ""
    implicit_iv: bool = False


OLD_PRF = "md5+sha1"
"""The PRF before TLS 1.2, of two hashes (RFC 2246 section 5)."""
_CIPHER = re.compile(
    r"(?:AES_(128|256)_(GCM|CCM_8|CCM|CBC)|(CHACHA20_POLY1305)|(NULL))(?:_(MD5|SHA\d*))?$"
)
_MACS = {"MD5": "md5", "SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}
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
    length, mode, chacha20, _, mac = match.groups()
    cipher = Cipher[f"AES_{mode}"] if mode else Cipher.NULL
    if chacha20:
        cipher, length = Cipher.CHACHA20_POLY1305, "256"
    return Suite(
        cipher=cipher,
        key_length=int(length) // 8 if length else 0,
        hash_name=hash_name,
        mac_name=_MACS[mac] if cipher in (Cipher.AES_CBC, Cipher.NULL) else "",
    )


@functools.cache
def before_tls12(suite: Suite, version: ProtocolVersion) -> Suite:
    """Return what ``suite`` means in TLS 1.0 or 1.1 (RFC 2246 section 5, RFC 4346 section 5)."""
    return replace(suite, hash_name=OLD_PRF, implicit_iv=version < ProtocolVersion.TLS_1_1)
