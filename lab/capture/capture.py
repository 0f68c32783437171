"""A capture: the bytes of its file go in, the connections in it come out."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from lab.capture.pcap_reader import PcapReader, is_pcap
from lab.capture.results import CaptureError, CaptureItem
from lab.capture.tcp_flows import TcpFlows

ETHERNET = 1
# Ethernet's type, then of an IPv4 header without options: version and length, total length,
# fragment, protocol; then of TCP's: sequence, acknowledgement, header length, flags.
_TCP_IN_IPV4 = struct.Struct(">12xHBxH2xHxB14xIIBB")


class Capture:
    """Reads one capture, whose bytes may come in pieces of any size."""

    def __init__(self) -> None:
        self._items: list[CaptureItem] = []
        self._flows = TcpFlows(self._items)
        self._file: PcapReader | None = None
        self._start = b""

    def feed(self, data: bytes) -> Iterator[CaptureItem]:
        """Yield what the next bytes of the file complete; to be iterated to its end.

        Raises ``CaptureError`` for what is no capture.
        """
        if self._file is None:
            self._start += data
            if len(self._start) < 4:
                return
            if not is_pcap(self._start):
                raise CaptureError("not a capture: neither pcap nor pcapng")
            self._file, data = PcapReader(), self._start
        items = self._items
        for link_type, time, frame, _length in self._file.feed(data):
            if link_type != ETHERNET:
                raise CaptureError(f"captures of link type {link_type} are not read")
            self._take(time, frame)
            if items:
                yield from items
                items.clear()

    def end(self) -> Iterator[CaptureItem]:
        """Yield what is left, as nothing more comes.

        Raises ``CaptureError`` if nothing came at all.
        """
        if self._file is None:
            raise CaptureError("empty: not a capture" if not self._start else "not a capture")
        self._flows.end()
        yield from self._items
        self._items.clear()

    def _take(self, time: float, frame: bytes) -> None:
        if len(frame) < 54:
            return
        kind, version, length, fragment, protocol, seq, ack, offset, flags = (
            _TCP_IN_IPV4.unpack_from(frame)
        )
        if kind != 0x0800 or version != 0x45 or protocol != 6 or fragment & 0x3FFF:
            return
        end = 14 + length
        data = frame[34 + (offset >> 4) * 4 : end]
        absent = max(0, end - len(frame)) if length else 0
        self._flows.segment(frame[26:38], time, seq, ack, flags, data, absent)
