"""Handshakes that cost a decoder much more than their sender, as the bytes of one client.

Each begins like a handshake and is about 64 KB long, unless its kind needs more. OpenSSL refuses
some of them at once, and goes on with others.

This module must not know pytest: scripts/hostile_hellos.py uses it too.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable

from tests.tls.wire import (
    Wire,
    extension,
    handshake,
    opaque,
    raw,
    record,
    u16,
    u32,
    vector,
)

_SUITES = b"\x13\x01\xc0\x2b\xc0\x2f"
_RECORD = 2**14


def hello(*extensions: Wire, suites: bytes = _SUITES) -> bytes:
    """A ClientHello message with these suites and extensions."""
    parts = (
        u16(0x0303),
        raw(os.urandom(32)),
        opaque(1, os.urandom(32)),
        opaque(2, suites),
        opaque(1, b"\0"),
        vector(2, *extensions),
    )
    return handshake(1, sum(parts, Wire(b"")).data)


def ordinary(*extensions: Wire) -> bytes:
    """A ClientHello that a server with an EC or RSA certificate goes on with, in TLS 1.3."""
    return hello(
        extension(43, vector(1, u16(0x0304), u16(0x0303))),
        extension(10, vector(2, u16(29), u16(23))),
        extension(13, vector(2, u16(0x0403), u16(0x0804), u16(0x0401))),
        extension(51, vector(2, u16(29), opaque(2, os.urandom(32)))),
        *extensions,
    )


def in_records(messages: bytes, size: int = _RECORD, content_type: int = 22) -> bytes:
    """The messages in records of ``size`` bytes."""
    pieces = (messages[at : at + size] for at in range(0, len(messages), size))
    return b"".join(record(content_type, piece, 0x0301) for piece in pieces)


def numbers(count: int, start: int = 0x4000) -> bytes:
    """``count`` two-byte numbers, one after the other; hardly any has a name in a registry."""
    return b"".join((start + at & 0xFFFF).to_bytes(2, "big") for at in range(count))


def listed(number: int, items: bytes, *behind: bytes) -> Wire:
    """An extension whose body is a list of ``items``, and what is ``behind`` it."""
    return extension(number, opaque(2, items), *map(raw, behind))


def _empty_extensions(count: int) -> Wire:
    # Beyond all registered types, so that none of them is read as more than opaque.
    return raw(b"".join(numbers(1, 0x4000 + at) + b"\0\0" for at in range(count)))


def _psks(count: int) -> Wire:
    identities = (opaque(2, b"i") + u32(7)).data * count
    return extension(41, opaque(2, identities), opaque(2, opaque(1, b"b" * 32).data * 2))


def _certificates() -> bytes:
    return handshake(11, b"\1\0\0" + b"\0\0\1c" * 16384)


def _compressed() -> bytes:
    body = opaque(3, b"\0\0\1c" * 65534).data
    return u16(1).data + len(body).to_bytes(3, "big") + opaque(3, zlib.compress(body)).data


KINDS: dict[str, Callable[[], bytes]] = {
    "32,700 unknown suites": lambda: in_records(hello(suites=numbers(32700))),
    "30,000 signature schemes": lambda: in_records(ordinary(listed(50, numbers(30000)))),
    "30,000 groups": lambda: in_records(hello(listed(10, numbers(30000)))),
    "15,000 empty extensions": lambda: in_records(ordinary(_empty_extensions(15000))),
    "13,000 key shares": lambda: in_records(
        hello(listed(51, b"".join(numbers(1, at) + b"\0\1k" for at in range(13000))))
    ),
    "32,000 ALPN names": lambda: in_records(hello(listed(16, b"\1a" * 32000))),
    "16,000 server names": lambda: in_records(hello(listed(0, b"\x77\0\1n" * 16000))),
    "9,000 PSK identities": lambda: in_records(ordinary(_psks(9000))),
    "21,000 CA names": lambda: in_records(ordinary(listed(47, b"\0\1n" * 21000))),
    "suites and extensions, 128 KB": lambda: in_records(
        hello(listed(13, numbers(32000)), suites=numbers(32000))
    ),
    "a hello in 10,000 records": lambda: in_records(hello(suites=numbers(5000)), 1),
    "9,000 warnings": lambda: in_records(ordinary()) + record(21, b"\1\x5a") * 9000,
    "16,000 small messages": lambda: in_records(ordinary() + b"\0\0\0\0" * 16000),
    "13,000 empty records": lambda: in_records(ordinary()) + record(23, b"") * 13000,
    "10,000 sealed records": lambda: in_records(ordinary()) + record(23, b"s") * 10000,
    "16,000 certificates": lambda: in_records(ordinary() + _certificates()),
    "200 compressed chains": lambda: in_records(ordinary() + handshake(25, _compressed()) * 200),
    "200 hellos": lambda: in_records(ordinary() * 200),
}
"""The kinds, by name; each call gives the bytes of one more connection."""
