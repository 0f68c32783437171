"""What can be said of a record that is not opened.

Rules: what is said must be so. A record's length proves little, since a sender may pad (RFC 9846
section 5.4); so it says at most what the record is as long as.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.tls.code_points import CompressionMethod, ContentType, ProtocolVersion
from lab.tls.draft_versions import is_protected_otherwise
from lab.tls.messages import ServerHello
from lab.tls.record_suites import Cipher, Suite
from lab.tls.records import Record

BEFORE_KEYS = "sent before any key was agreed"
EARLY_DATA = "early data, sent before the server's answer counts"
BROKEN = "does not open: the secret is of another connection, or the record is damaged"

UNSETTLED = "protected by keys that cannot be told: part of the handshake was not captured"
AFTER_HOLE = (
    "does not open: bytes before it were not captured, or the secret is of another connection"
)

_VERIFY_DATA = {"sha256": 32, "sha384": 48}
_HEADER = 4  # of a handshake message


@dataclass(frozen=True, slots=True)
class Sealed:
    """A record that will not be opened; ``inference`` is what can be said of it even so.

    ``hides_handshake`` tells that a handshake message may be in it. ``inner_length`` is how many
    bytes of content fit into it, None where its cipher does not tell; ``early_data`` tells that
    the client sent it under early traffic keys (RFC 9846 section 2.3). ``limit`` says in words why
    no secret opens it here, "" where one would.
    """

    inference: str
    hides_handshake: bool = True
    inner_length: int | None = None
    early_data: bool = False
    limit: str = ""


UNREADABLE = Sealed("protected, or the rest of a message whose beginning was not captured")
"""What is no start of a message where one may be protected, and bytes before it are missing."""


def sealed_unsettled(record: Record) -> Sealed:
    """Judge a protected record of a version that was not captured."""
    if record.content_type is ContentType.ALERT:  # RFC 9846 section 5.2: in TLS 1.3, no type shows
        return Sealed("an alert", hides_handshake=False)
    return Sealed(UNSETTLED)


def sealed_tls13(record: Record, suite: Suite, *, limit: str = "") -> Sealed:
    """Judge a record of TLS 1.3 by its length (RFC 9846 section 5.2)."""
    overhead = 1 + (suite.cipher or Cipher.AES_GCM).tag_length
    inside = len(record.fragment) - overhead
    if inside < 0:
        return Sealed("too short to be a record of this cipher")
    resembled = {
        2: "an alert",
        _HEADER + 4: "an empty Certificate message",
        _HEADER + _VERIFY_DATA[suite.hash_name]: "a Finished message",
    }.get(inside)
    inference = ""
    if resembled is not None:
        inference = f"as long as {resembled}: {inside} bytes inside, unless it is padded"
    inner_length = None if suite.cipher is None else inside
    return Sealed(inference, inner_length=inner_length, limit=limit)


def sealed_tls12(record: Record, suite: Suite, *, first: bool, limit: str = "") -> Sealed:
    """Judge a record of TLS 1.2 or before by its type, which stays clear.

    ``first`` tells that it is the first one behind the ChangeCipherSpec.
    """
    inside = _inner_length_tls12(record, suite)
    handshake = record.content_type is ContentType.HANDSHAKE
    change = record.content_type is ContentType.CHANGE_CIPHER_SPEC
    if record.content_type is ContentType.ALERT:
        inference = "an alert"
    elif record.content_type is ContentType.HEARTBEAT:  # RFC 6520
        inference = "a heartbeat"
    elif change:
        inference = "a ChangeCipherSpec of a renegotiation"
    elif handshake:
        # RFC 5246 section 7.4.9: Finished comes immediately after the ChangeCipherSpec.
        inference = "a Finished message" if first else "a handshake message"
    elif inside is None:
        inference = "application data"
    else:
        inference = (
            f"application data, {inside} bytes" if inside >= 0 else "too short for its cipher"
        )
    return Sealed(inference, hides_handshake=handshake or change, inner_length=inside, limit=limit)


def _inner_length_tls12(record: Record, suite: Suite) -> int | None:
    """Return how much content an AEAD of TLS 1.2 has protected; of others, nothing is known."""
    cipher = suite.cipher
    if cipher is None or cipher is Cipher.AES_CBC:
        return None
    explicit = 0 if cipher is Cipher.CHACHA20_POLY1305 else 8
    return len(record.fragment) - explicit - cipher.tag_length


def limit_of(suite: Suite, hello: ServerHello, version: ProtocolVersion) -> str:
    """Return what is not opened here of a connection with this answer, "" where all is."""
    if is_protected_otherwise(version):
        return f"records of {version} are not opened here"
    if hello.legacy_compression_method != CompressionMethod.NULL:  # RFC 5246 section 6.2.2
        return f"records compressed by {hello.legacy_compression_method} are not opened here"
    cipher = suite.cipher
    old = version < ProtocolVersion.TLS_1_2 and cipher is not Cipher.NULL
    # AEADs came with TLS 1.2; SSL 3.0 has keys and a MAC of its own.
    cbc = cipher is Cipher.AES_CBC and version > ProtocolVersion.SSL_3_0
    if cipher is None or (old and not cbc):
        return f"{hello.cipher_suite} of {version} is not opened here"
    return ""
