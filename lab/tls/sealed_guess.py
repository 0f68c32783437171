"""What can be said of a sealed record from outside.

Rules: only what must be so is said; a length proves little, since a sender may pad (RFC 9846
section 5.4). This module must not know keys.
"""

from __future__ import annotations

from lab.tls.code_points import ContentType
from lab.tls.records import Record
from lab.tls.suite_parts import Cipher, Suite

BEFORE_KEYS = "sent before any key was agreed"
EARLY_DATA = "early data, sent before the server's answer counts"
BROKEN = "does not open: the secret is of another connection, or the record is damaged"

_VERIFY_DATA = {"sha256": 32, "sha384": 48}
_HEADER = 4


def guess_tls13(record: Record, suite: Suite) -> str:
    """Return what a record of TLS 1.3 may hold, judged by its length (RFC 9846 section 5.2)."""
    overhead = 1 + (suite.cipher or Cipher.AES_GCM).tag_length
    inside = len(record.fragment) - overhead
    if inside < 0:
        return "too short to be a record of this cipher"
    resembled = {
        2: "an alert",
        _HEADER + 4: "an empty Certificate message",
        _HEADER + _VERIFY_DATA[suite.hash_name]: "a Finished message",
    }.get(inside)
    if resembled is None:
        return ""
    return f"as long as {resembled}: {inside} bytes inside, unless it is padded"


def guess_tls12(record: Record, suite: Suite, *, first: bool) -> str:
    """Return what a record of TLS 1.2 or before is: its type stays in the clear.

    ``first`` says that it is the first one after a ChangeCipherSpec.
    """
    if record.content_type == ContentType.ALERT:
        return "an alert"
    if record.content_type == ContentType.CHANGE_CIPHER_SPEC:
        return "a ChangeCipherSpec of a renegotiation"
    if record.content_type == ContentType.HANDSHAKE:
        # RFC 5246 section 7.4.9: Finished comes immediately after the ChangeCipherSpec.
        return "a Finished message" if first else "a handshake message"
    if suite.cipher in (None, Cipher.AES_CBC):
        return "application data"
    explicit = 0 if suite.cipher is Cipher.CHACHA20_POLY1305 else 8
    assert suite.cipher is not None
    inside = len(record.fragment) - explicit - suite.cipher.tag_length
    return f"application data, {inside} bytes" if inside >= 0 else "too short for its cipher"
