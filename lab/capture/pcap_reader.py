"""Reads pcap files: bytes at any split go in, packets with their times come out.

Rules: a file that is cut short simply ends; a packet that is not whole is not given out. Source:
draft-ietf-opsawg-pcap, "PCAP Capture File Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from lab.capture.results import CaptureError


class Packet(NamedTuple):
    """A packet of a capture.

    ``time`` is in seconds since the epoch; ``length`` is how many bytes it had on the wire, of
    which ``data`` are the first.
    """

    link_type: int
    time: float
    data: bytes
    length: int


MAX_PACKET = 2**18
"""The most bytes of one packet that are taken: libpcap writes no more (``MAXIMUM_SNAPLEN``)."""
_FILE_HEADER = 24

# The first four bytes: the order of the bytes of all numbers, what part of a second the second
# number of a time counts, and how many bytes a packet's header has beyond the usual 16.
_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e6, 0),
    b"\xa1\xb2\xc3\xd4": (">", 1e6, 0),
    b"\x4d\x3c\xb2\xa1": ("<", 1e9, 0),
    b"\xa1\xb2\x3c\x4d": (">", 1e9, 0),
    # As patched Linux systems of the nineties wrote them: interface, protocol, packet type added.
    b"\x34\xcd\xb2\xa1": ("<", 1e6, 8),
    b"\xa1\xb2\xcd\x34": (">", 1e6, 8),
}


def is_pcap(start: bytes) -> bool:
    """Return whether a file that begins with ``start``, of 4 bytes or more, is a pcap file."""
    return start[:4] in _MAGICS


class ByteQueue:
    """Bytes that came and are not yet read; joining them costs linear time at any split."""

    __slots__ = ("_pieces", "_size", "_wanted")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._wanted = 0

    def add(self, data: bytes) -> bytes:
        """Return all bytes that are kept, ``data`` last; b"" for fewer than are wanted."""
        if not self._size:
            return data
        self._pieces.append(data)
        self._size += len(data)
        return b"".join(self._pieces) if self._size >= self._wanted else b""

    def keep(self, rest: bytes, wanted: int) -> None:
        """Keep ``rest`` of what ``add`` returned, until ``wanted`` bytes are there."""
        self._pieces = [rest]
        self._size, self._wanted = len(rest), wanted


class PcapReader:
    """Cuts a pcap file into packets."""

    def __init__(self) -> None:
        self._queue = ByteQueue()
        self._header: struct.Struct | None = None
        self._ticks = 1e6
        self._link_type = 0

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yield the packets that ``data`` completes.

        Raises ``CaptureError`` where a packet's header cannot be one.
        """
        buffer = self._queue.add(data)
        at, have = 0, len(buffer)
        if not have:
            return
        header = self._header
        if header is None:
            if have < _FILE_HEADER:
                self._queue.keep(buffer, _FILE_HEADER)
                return
            header, at = self._start(buffer), _FILE_HEADER
        unpack, size = header.unpack_from, header.size
        ticks, link_type = self._ticks, self._link_type
        wanted = size
        while have >= (start := at + size):
            seconds, fraction, captured, length = unpack(buffer, at)
            if captured > MAX_PACKET:
                raise CaptureError(f"damaged: a packet of {captured} bytes is announced")
            end = start + captured
            if have < end:
                wanted = end - at
                break
            # As ``Packet(...)``, which is Python code around this call.
            packet = (link_type, seconds + fraction / ticks, buffer[start:end], length)
            yield _new(Packet, packet)
            at = end
        self._queue.keep(buffer[at:], wanted)

    def _start(self, buffer: bytes) -> struct.Struct:
        order, self._ticks, extra = _MAGICS[buffer[:4]]
        # The upper bits tell of the frame check sequence, which is behind the IP packet anyhow.
        self._link_type = struct.unpack_from(f"{order}I", buffer, 20)[0] & 0xFFFF
        self._header = struct.Struct(f"{order}IIII{extra}x")
        return self._header


_new = tuple.__new__
