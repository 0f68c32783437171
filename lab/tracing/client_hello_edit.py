"""A ClientHello that OpenSSL would not write: one of its own, with some of it replaced.

Rules: OpenSSL writes the message, and only what a change names is different. A server can answer
such a ClientHello; the handshake cannot go on, since OpenSSL remembers what it wrote itself.
"""

from __future__ import annotations

import contextlib
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import ContentType, ExtensionType, HandshakeType, ProtocolVersion

_RECORD_HEADER = 5
_MESSAGE_HEADER = 4
_RANDOM_END = 2 + 32  # legacy_version and random (RFC 9846 section 4.2.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloChange:
    """What is different. None and empty leave a field as it is.

    ``extensions`` pairs types with the bodies that take the place of those in the message, or
    with None to leave an extension out; one that is not in the message is not added. ``added`` are
    extensions behind all others, in place of those of their types.
    """

    legacy_version: ProtocolVersion | None = None
    cipher_suites: tuple[CipherSuite, ...] = ()
    extensions: tuple[tuple[ExtensionType, bytes | None], ...] = ()
    added: tuple[tuple[ExtensionType, bytes], ...] = ()


def changed_hello(context: ssl.SSLContext, server_name: str, change: HelloChange) -> bytes:
    """Return the record with the ClientHello that ``context`` sends to ``server_name``, changed."""
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return _changed(outgoing.read(), change)


def _changed(record: bytes, change: HelloChange) -> bytes:
    body = record[_RECORD_HEADER + _MESSAGE_HEADER :]
    session_id, rest = _vector(body[_RANDOM_END:], 1)
    suites, rest = _vector(rest, 2)
    methods, rest = _vector(rest, 1)
    extensions, _ = _vector(rest, 2)
    head = body[:_RANDOM_END]
    if change.legacy_version is not None:
        head = struct.pack("!H", change.legacy_version) + head[2:]
    if change.cipher_suites:
        suites = struct.pack(f"!{len(change.cipher_suites)}H", *change.cipher_suites)
    bodies = {**dict(change.extensions), **{kind: None for kind, _ in change.added}}
    replaced = b"".join(_extensions(extensions, bodies))
    replaced += b"".join(_extension(kind, body) for kind, body in change.added)
    message = head + _length(session_id, 1) + _length(suites, 2) + _length(methods, 1)
    message += _length(replaced, 2)
    return _framed(record[1:3], message)


def _framed(record_version: bytes, message: bytes) -> bytes:
    handshake = bytes((HandshakeType.CLIENT_HELLO,)) + _length(message, 3)
    return bytes((ContentType.HANDSHAKE,)) + record_version + _length(handshake, 2)


def _extensions(data: bytes, bodies: dict[ExtensionType, bytes | None]) -> Iterator[bytes]:
    while data:
        kind = ExtensionType(int.from_bytes(data[:2], "big"))
        body, data = _vector(data[2:], 2)
        replacement = bodies.get(kind, body)
        if replacement is not None:
            yield _extension(kind, replacement)


def _extension(kind: ExtensionType, body: bytes) -> bytes:
    return struct.pack("!H", kind) + _length(body, 2)


def _vector(data: bytes, width: int) -> tuple[bytes, bytes]:
    """Return a vector whose length takes ``width`` bytes, and what lies behind it."""
    end = width + int.from_bytes(data[:width], "big")
    return data[width:end], data[end:]


def _length(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data
