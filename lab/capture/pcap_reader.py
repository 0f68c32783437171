"""Reads pcap files: bytes at any split go in, packets with their times come out.

Rules: a file that is cut short simply ends; the packet that is not whole is not given out. Source:
draft-ietf-opsawg-pcap, "PCAP Capture File Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from lab.capture.results import CaptureError

Packet = tuple[int, float, bytes, int]
"""A packet: link type, seconds since the epoch, its bytes, and how many it had on the wire."""

MAX_PACKET = 2**18
"""The most bytes that are taken for a packet: libpcap writes none longer (``MAXIMUM_SNAPLEN``)."""
FILE_HEADER = 24
"""Bytes of the header of a pcap file."""

# The first four bytes: the order of the bytes of all numbers, what part of a second the second
# number of a time counts, and how many bytes a packet's header has beyond the usual 16.
_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e6, 0),
    b"\xa1\xb2\xc3\xd4": (">", 1e6, 0),
    b"\x4d\x3c\xb2\xa1": ("<", 1e9, 0),
    b"\xa1\xb2\x3c\x4d": (">", 1e9, 0),
    # As patched kernels of the nineties wrote them: interface, protocol and packet type added.
    b"\x34\xcd\xb2\xa1": ("<", 1e6, 8),
    b"\xa1\xb2\xcd\x34": (">", 1e6, 8),
}


def is_pcap(start: bytes) -> bool:
    """Return whether a file that begins with ``start``, of 4 bytes or more, is a pcap file."""
    return start[:4] in _MAGICS


class PcapReader:
    """Cuts a pcap file into packets. ``truncated`` is whether it ends inside of one so far."""

    def __init__(self) -> None:
        self._buffer = b""
        self._header: struct.Struct | None = None
        self._ticks = 1e6
        self._link_type = 0

    @property
    def truncated(self) -> bool:
        """Whether bytes came that are no whole packet."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yield the packets that ``data`` completes.

        Raises ``CaptureError`` where a packet's header cannot be one.
        """
        buffer = self._buffer + data if self._buffer else data
        at, have = 0, len(buffer)
        header = self._header
        if header is None:
            if have < FILE_HEADER:
                self._buffer = buffer
                return
            header = self._start(buffer)
            at = FILE_HEADER
        unpack, size = header.unpack_from, header.size
        ticks, link_type = self._ticks, self._link_type
        while have >= (start := at + size):
            seconds, fraction, captured, length = unpack(buffer, at)
            if captured > MAX_PACKET:
                raise CaptureError(
                    f"a packet of {captured} bytes is announced: the file is damaged"
                )
            end = start + captured
            if have < end:
                break
            yield link_type, seconds + fraction / ticks, buffer[start:end], length
            at = end
        self._buffer = buffer[at:]

    def _start(self, buffer: bytes) -> struct.Struct:
        order, self._ticks, extra = _MAGICS[buffer[:4]]
        # The upper bits tell of frame check sequences, which the IP length leaves out anyhow.
        self._link_type = struct.unpack_from(f"{order}I", buffer, 20)[0] & 0xFFFF
        self._header = struct.Struct(f"{order}IIII{extra}x")
        return self._header
