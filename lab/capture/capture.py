"""A capture: the bytes of its file go in, the connections in it come out."""

from __future__ import annotations

from collections.abc import Iterator

from lab.capture.datagrams import Datagrams
from lab.capture.file_reader import FileReader
from lab.capture.packets import PacketReader
from lab.capture.results import CaptureError, CaptureItem, SecretsFound
from lab.capture.tcp_flows import TcpFlows

# What else is captured often, under LINKTYPE_ of tcpdump.org.
_LINK_NAMES = {
    105: "Wi-Fi",
    119: "Wi-Fi",
    127: "Wi-Fi",
    163: "Wi-Fi",
    187: "Bluetooth",
    189: "USB",
    195: "IEEE 802.15.4",
    201: "Bluetooth",
    220: "USB",
    249: "USB",
}


class Capture:
    """Reads one capture, whose bytes may come in pieces of any size."""

    def __init__(self) -> None:
        self._items: list[CaptureItem] = []
        self._file = FileReader()
        self._packets = PacketReader()
        self._flows = TcpFlows(self._items)
        self._datagrams = Datagrams(self._items)
        self._unknown: int | None = None
        self._known: int | None = None

    def feed(self, data: bytes) -> Iterator[CaptureItem]:
        """Yield what the next bytes of the file complete; to be iterated to its end.

        Raises ``CaptureError`` for what is no capture or a damaged one. What came before the damage
        may still be had by ``end``.
        """
        items = self._items
        read, segment = self._packets.read, self._flows.segment
        for packet in self._file.feed(data):
            if isinstance(packet, SecretsFound):
                yield packet
                continue
            link_type, time, frame, length = packet
            if link_type != self._known and not self._knows(link_type):
                continue
            found = read(link_type, frame, length)
            if found is None:
                continue
            if len(found) == 6:
                key, seq, ack, flags, payload, absent = found
                segment(key, time, seq, ack, flags, payload, absent)
            else:
                key, payload, length = found
                self._datagrams.take(key, time, payload, length)
            if items:
                yield from items
                items.clear()

    def end(self) -> Iterator[CaptureItem]:
        """Yield what is left, as nothing more comes.

        Raises ``CaptureError`` if no capture came, or no packet of a kind that is read.
        """
        self._file.end()
        if self._unknown is not None and self._known is None:
            raise _unknown_link_type(self._unknown)
        self._flows.end()
        yield from self._items
        self._items.clear()

    def _knows(self, link_type: int) -> bool:
        """Return whether packets of a link type are read.

        Raises ``CaptureError`` if they are not, and all others are of the same.
        """
        if self._packets.reads(link_type):
            self._known = link_type
            return True
        if self._file.one_link_type:
            raise _unknown_link_type(link_type)
        if self._unknown is None:
            self._unknown = link_type
        return False


def _unknown_link_type(link_type: int) -> CaptureError:
    name = _LINK_NAMES.get(link_type)
    named = f"link type {link_type} ({name})" if name else f"link type {link_type}"
    return CaptureError(f"its packets are of {named}, which is not read")
