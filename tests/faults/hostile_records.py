"""TLS records that no honest client sends, as data: each with the alert that it draws.

Made from a real ClientHello where one is needed. The alerts are those of OpenSSL 3.0 and later;
where a set is given, its versions differ. An empty set: OpenSSL says nothing and ends it.

This module must not know sockets, nor pytest.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from lab.tls.code_points import AlertDescription, ContentType, HandshakeType
from tests.tls.wire import handshake, record

_HANDSHAKE = ContentType.HANDSHAKE
_ALERT = ContentType.ALERT
_CCS = ContentType.CHANGE_CIPHER_SPEC
_DATA = ContentType.APPLICATION_DATA
_WARNING = record(_ALERT, b"\x01\x5a")  # user_canceled
TOO_LONG = 2**14 + 256 + 1  # RFC 5246 and RFC 9846 allow no fragment of this size, in any form

UNEXPECTED = frozenset({AlertDescription.UNEXPECTED_MESSAGE})
DECODE = frozenset({AlertDescription.DECODE_ERROR})
OVERFLOW = frozenset({AlertDescription.RECORD_OVERFLOW})
NOTHING: frozenset[AlertDescription] = frozenset()


@dataclass(frozen=True)
class Hostile:
    """What is made of a ClientHello's message, and the alerts that may answer it."""

    make: Callable[[bytes], bytes]
    alerts: frozenset[AlertDescription]


def _always(data: bytes) -> Callable[[bytes], bytes]:
    return lambda hello: data


def _between(data: bytes) -> Callable[[bytes], bytes]:
    """A hello in two records, with something between them."""

    def make(hello: bytes) -> bytes:
        half = len(hello) // 2
        return record(_HANDSHAKE, hello[:half]) + data + record(_HANDSHAKE, hello[half:])

    return make


def _lying(length: Callable[[int], int]) -> Callable[[bytes], bytes]:
    """A hello whose own length field is not true."""

    def make(hello: bytes) -> bytes:
        told = length(len(hello) - 4).to_bytes(3, "big")
        return record(_HANDSHAKE, hello[:1] + told + hello[4:])

    return make


FIRST = {
    "a record of 2^14+257 bytes": Hostile(_always(record(_HANDSHAKE, bytes(TOO_LONG))), OVERFLOW),
    "a hello in a record of 2^14+257 bytes": Hostile(
        lambda hello: record(_HANDSHAKE, hello.ljust(TOO_LONG, b"\0")), OVERFLOW
    ),
    "random bytes": Hostile(_always(b"\x00" + random.Random(1).randbytes(500)), NOTHING),
    "zeros": Hostile(_always(bytes(500)), NOTHING),
    "data": Hostile(_always(record(_DATA, b"hello")), UNEXPECTED),
    "ChangeCipherSpec": Hostile(_always(record(_CCS, b"\x01")), UNEXPECTED),
    "an alert": Hostile(_always(_WARNING), UNEXPECTED),
    "an alert of one byte": Hostile(_always(record(_ALERT, b"\x02")), UNEXPECTED),
    "an unknown type": Hostile(_always(record(99, b"xx")), UNEXPECTED),
    "a hello cut off": Hostile(lambda hello: record(_HANDSHAKE, hello)[:100], DECODE),
    "a record cut off": Hostile(_always(b"\x16\x03\x01\x02"), DECODE),
    "an empty record": Hostile(_always(record(_HANDSHAKE, b"")), DECODE),
    "a flood of empty records": Hostile(_always(record(_HANDSHAKE, b"") * 5_000), UNEXPECTED),
    "a flood of empty data": Hostile(_always(record(_DATA, b"") * 5_000), UNEXPECTED),
    "a flood of ChangeCipherSpec": Hostile(_always(record(_CCS, b"\x01") * 5_000), UNEXPECTED),
    "a flood of warnings": Hostile(_always(_WARNING * 5_000), UNEXPECTED),
    "an alert between fragments": Hostile(_between(_WARNING), UNEXPECTED),
    "ChangeCipherSpec between fragments": Hostile(_between(record(_CCS, b"\x01")), UNEXPECTED),
    "data between fragments": Hostile(_between(record(_DATA, b"x")), UNEXPECTED),
    "another message between fragments": Hostile(
        _between(record(_HANDSHAKE, handshake(HandshakeType.FINISHED, bytes(32)))),
        UNEXPECTED | DECODE | {AlertDescription.ILLEGAL_PARAMETER},
    ),
    "two hellos in one record": Hostile(
        lambda hello: record(_HANDSHAKE, hello + hello), UNEXPECTED
    ),
    "a length that is too long": Hostile(_lying(lambda told: told + 10), DECODE),
    "a length that is too short": Hostile(_lying(lambda told: told - 10), DECODE),
    "a length of nothing": Hostile(_lying(lambda told: 0), DECODE),
    "a length of 16 MiB": Hostile(
        _lying(lambda told: 0xFFFFFF), frozenset({AlertDescription.ILLEGAL_PARAMETER})
    ),
    "an empty hello": Hostile(
        _always(record(_HANDSHAKE, handshake(HandshakeType.CLIENT_HELLO, b""))), DECODE
    ),
    "Finished at once": Hostile(
        _always(record(_HANDSHAKE, handshake(HandshakeType.FINISHED, bytes(32)))), UNEXPECTED
    ),
    "Certificate at once": Hostile(
        _always(record(_HANDSHAKE, handshake(HandshakeType.CERTIFICATE, bytes(7)))), UNEXPECTED
    ),
    "KeyUpdate at once": Hostile(
        _always(record(_HANDSHAKE, handshake(HandshakeType.KEY_UPDATE, b"\x01"))), UNEXPECTED
    ),
    "an unknown message": Hostile(_always(record(_HANDSHAKE, handshake(99, b"x"))), UNEXPECTED),
}
"""What comes in place of a ClientHello. The client sends FIN behind it."""

LATER = {
    "a record of 2^14+257 bytes": record(_DATA, bytes(TOO_LONG)),
    "random data": record(_DATA, random.Random(2).randbytes(60)),
    "empty data": record(_DATA, b""),
    "a handshake message in the clear": record(_HANDSHAKE, handshake(1, b"")),
    "an alert in the clear": record(_ALERT, b"\x02\x28"),
    "ChangeCipherSpec": record(_CCS, b"\x01"),
    "an unknown type": record(99, b"xx"),
    "random bytes": b"\x00" + random.Random(3).randbytes(400),
}
"""What comes behind a handshake and a request, unprotected. Each draws a fatal alert."""
