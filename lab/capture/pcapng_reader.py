"""Reads pcapng files: bytes at any split go in, packets and TLS secrets come out.

Rules: a file that is cut short simply ends. Blocks of kinds that are not needed are passed over
and not kept. Source: draft-ietf-opsawg-pcapng, "PCAP Now Generic (pcapng) Capture File Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from lab.capture.pcap_reader import ByteQueue, Packet
from lab.capture.results import CaptureError, SecretsFound

SECTION_HEADER = b"\x0a\x0d\x0d\x0a"
"""How every pcapng file begins; it reads the same in both orders of bytes."""
MAX_BLOCK = 2**24
"""The longest block in bytes that is kept until it is whole; key logs are the longest."""
MAX_INTERFACES = 2**12
"""How many interfaces one section may describe."""
MAX_TIME = 253402300799.0
"""The last second of the year 9999; a later time is taken for it, as calendars end there."""

_INTERFACE, _OBSOLETE_PACKET, _SIMPLE_PACKET, _PACKET, _SECRETS = 1, 2, 3, 6, 10
_KEPT = {_INTERFACE, _OBSOLETE_PACKET, _SIMPLE_PACKET, _PACKET, _SECRETS}
_TLS_KEY_LOG = 0x544C534B
_TSRESOL, _TSOFFSET = 9, 14
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


class _Interface(NamedTuple):
    """A packet's time is its number divided by ``ticks``, and ``offset`` seconds."""

    link_type: int
    snap_length: int
    ticks: float
    offset: int


class PcapngReader:
    """Cuts a pcapng file into packets and secrets; without ``packets``, into secrets alone."""

    def __init__(self, *, packets: bool = True) -> None:
        self._wanted = _KEPT if packets else {_SECRETS}
        self._queue = ByteQueue()
        self._interfaces: list[_Interface] = []
        self._order = "<"
        self._header = self._packet = struct.Struct("<")
        self._skip = 0
        self._time = 0.0

    def feed(self, data: bytes) -> Iterator[Packet | SecretsFound]:
        """Yield the packets and secrets that ``data`` completes.

        Raises ``CaptureError`` where a block cannot be one.
        """
        buffer = self._queue.add(data)
        at, have = 0, len(buffer)
        if not have:
            return
        wanted = 12
        while True:
            if self._skip:
                at, self._skip = min(have, at + self._skip), max(0, self._skip - (have - at))
            if have - at < 12:
                break
            kind, length = self._block(buffer, at)
            if kind not in self._wanted:
                self._skip = length
                continue
            if have - at < length:
                wanted = length
                break
            end = at + length
            if kind == _PACKET:
                yield self._enhanced(buffer, at, end)
            else:
                yield from self._other(kind, buffer[at + 8 : end - 4])
            at = end
        self._queue.keep(buffer[at:], wanted)

    def _block(self, buffer: bytes, at: int) -> tuple[int, int]:
        """Return the kind and the length of the block at a place; a section may begin with it."""
        if buffer[at : at + 4] == SECTION_HEADER:
            self._section(buffer[at : at + 12])
        kind, length = self._header.unpack_from(buffer, at)
        if length < 12 or length & 3:
            raise CaptureError(f"damaged: a block of {length} bytes is announced")
        if kind in self._wanted and length > MAX_BLOCK:
            raise CaptureError(f"a block of {length} bytes is more than is read ({MAX_BLOCK})")
        return kind, length

    def _section(self, start: bytes) -> None:
        order = _ORDERS.get(start[8:])
        if order is None:
            raise CaptureError("damaged: a section of pcapng without its byte-order magic")
        self._order = order
        self._header = struct.Struct(f"{order}II")
        self._packet = struct.Struct(f"{order}8xIIIII")
        self._interfaces = []

    def _enhanced(self, buffer: bytes, at: int, end: int) -> Packet:
        """Return the packet of an Enhanced Packet Block, section 4.3."""
        if end - at < 32:
            raise CaptureError("damaged: a packet's block is too short")
        number, high, low, captured, length = self._packet.unpack_from(buffer, at)
        if captured > end - at - 32:
            raise CaptureError("damaged: a packet is longer than its block")
        interface = self._interface(number)
        time = (high << 32 | low) / interface.ticks + interface.offset
        self._time = time = min(max(0.0, time), MAX_TIME)
        at += 28
        return Packet(interface.link_type, time, buffer[at : at + captured], length)

    def _other(self, kind: int, body: bytes) -> Iterator[Packet | SecretsFound]:
        if kind == _INTERFACE:
            self._add_interface(body)
        elif kind == _SECRETS:
            yield from self._secrets(body)
        elif kind == _SIMPLE_PACKET:
            yield self._simple(body)
        else:
            # The obsolete Packet Block, appendix A: the interface has 16 bits, drops the others.
            if len(body) < 20:
                raise CaptureError("damaged: a packet's block is too short")
            (number,) = struct.unpack_from(f"{self._order}H", body)
            block = bytes(8) + struct.pack(f"{self._order}I", number) + body[4:] + bytes(4)
            yield self._enhanced(block, 0, len(block))

    def _add_interface(self, body: bytes) -> None:
        """Take an Interface Description Block, section 4.2."""
        if len(body) < 8 or len(self._interfaces) >= MAX_INTERFACES:
            raise CaptureError("damaged: an interface's block is too short, or there are too many")
        link_type, snap_length = struct.unpack_from(f"{self._order}H2xI", body)
        ticks, offset, at = 1e6, 0, 8
        while at + 4 <= len(body):
            option, length = struct.unpack_from(f"{self._order}HH", body, at)
            value = body[at + 4 : at + 4 + length]
            if option == _TSRESOL and len(value) == 1:
                power = value[0] & 0x7F
                ticks = 2.0**power if value[0] & 0x80 else 10.0**power
            elif option == _TSOFFSET and len(value) == 8:
                (offset,) = struct.unpack(f"{self._order}q", value)
            elif option == 0:
                break
            at += 4 + (length + 3) // 4 * 4
        self._interfaces.append(_Interface(link_type, snap_length, ticks, offset))

    def _simple(self, body: bytes) -> Packet:
        """Return the packet of a Simple Packet Block, section 4.4; it has the time before."""
        if len(body) < 4:
            raise CaptureError("damaged: a packet's block is too short")
        (length,) = struct.unpack_from(f"{self._order}I", body)
        interface = self._interface(0)
        captured = min(length, interface.snap_length or length)
        return Packet(interface.link_type, self._time, body[4 : 4 + captured], length)

    def _secrets(self, body: bytes) -> Iterator[SecretsFound]:
        """Take a Decryption Secrets Block, section 4.7."""
        if len(body) < 8:
            raise CaptureError("damaged: a block of secrets is too short")
        kind, length = struct.unpack_from(f"{self._order}II", body)
        if kind == _TLS_KEY_LOG:
            yield SecretsFound(key_log=body[8 : 8 + length].decode("utf-8", "replace"))

    def _interface(self, number: int) -> _Interface:
        if number >= len(self._interfaces):
            raise CaptureError(f"damaged: a packet of interface {number}, which is not described")
        return self._interfaces[number]
