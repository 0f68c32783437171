"""Building TLS structures by hand, remembering where their length fields are.

A ``Wire`` is bytes with the places of the length fields in them, so that a test can make every
length lie in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Wire:
    """``data``, and (offset, size) of each length field in it."""

    data: bytes
    lengths: tuple[tuple[int, int], ...] = ()

    def __add__(self, other: Wire) -> Wire:
        moved = tuple((offset + len(self.data), size) for offset, size in other.lengths)
        return Wire(self.data + other.data, self.lengths + moved)

    def lies(self) -> Iterator[bytes]:
        """``data`` with one length field changed, in every way that matters."""
        for offset, size in self.lengths:
            told = int.from_bytes(self.data[offset : offset + size], "big")
            for lie in {told - 1, told + 1, 0, 256**size - 1} - {told}:
                if 0 <= lie < 256**size:
                    field = lie.to_bytes(size, "big")
                    yield self.data[:offset] + field + self.data[offset + size :]


def raw(data: bytes) -> Wire:
    """Bytes without a length."""
    return Wire(data)


def u8(value: int) -> Wire:
    return Wire(value.to_bytes(1, "big"))


def u16(value: int) -> Wire:
    return Wire(value.to_bytes(2, "big"))


def u32(value: int) -> Wire:
    return Wire(value.to_bytes(4, "big"))


def vector(size: int, *parts: Wire) -> Wire:
    """The parts behind a length field of ``size`` bytes."""
    body = sum(parts, Wire(b""))
    return Wire(len(body.data).to_bytes(size, "big"), ((0, size),)) + body


def opaque(size: int, data: bytes) -> Wire:
    return vector(size, raw(data))


def extension(number: int, *parts: Wire) -> Wire:
    return u16(number) + vector(2, *parts)


def extensions(*parts: Wire) -> Wire:
    return vector(2, *parts)


def record(content_type: int, fragment: bytes, version: int = 0x0303) -> bytes:
    return bytes([content_type]) + version.to_bytes(2, "big") + opaque(2, fragment).data


def handshake(msg_type: int, body: bytes) -> bytes:
    """A whole handshake message."""
    return bytes([msg_type]) + opaque(3, body).data
