"""Makes packets and capture files, byte by byte, for the tests of what reads them."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from dataclasses import dataclass

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def tcp(
    ports: tuple[int, int],
    seq: int,
    ack: int,
    flags: int,
    data: bytes = b"",
    options: bytes = b"",
) -> bytes:
    """A TCP segment, without a checksum; ``options`` is a multiple of four bytes."""
    offset = (5 + len(options) // 4) << 4
    numbers = (seq % 2**32, ack % 2**32, offset, flags, 65535, 0, 0)
    return struct.pack(">HHIIBBHHH", *ports, *numbers) + options + data


def udp(ports: tuple[int, int], data: bytes) -> bytes:
    return struct.pack(">HHHH", *ports, 8 + len(data), 0) + data


def ipv4(
    source: str,
    target: str,
    protocol: int,
    data: bytes,
    *,
    fragment: int = 0,
    identification: int = 1,
    options: bytes = b"",
    length: int | None = None,
) -> bytes:
    total = 20 + len(options) + len(data) if length is None else length
    first = 0x45 + len(options) // 4
    fields = (first, 0, total, identification, fragment, 64, protocol, 0)
    addresses = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(target).packed
    return struct.pack(">BBHHHBBH", *fields) + addresses + options + data


def ipv6(
    source: str, target: str, protocol: int, data: bytes, *, length: int | None = None
) -> bytes:
    size = len(data) if length is None else length
    addresses = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(target).packed
    return struct.pack(">IHBB", 6 << 28, size, protocol, 64) + addresses + data


def ethernet(kind: int, data: bytes) -> bytes:
    return b"\x02" * 12 + struct.pack(">H", kind) + data


@dataclass(frozen=True)
class Frame:
    """A packet for a file: ``length`` is how many bytes it had on the wire, by default all."""

    data: bytes
    time: float = 1000.0
    length: int | None = None

    @property
    def wire_length(self) -> int:
        return len(self.data) if self.length is None else self.length


def pcap(
    frames: Iterable[Frame], *, link_type: int = 1, order: str = "<", nanoseconds: bool = False
) -> bytes:
    magic, ticks = (0xA1B23C4D, 10**9) if nanoseconds else (0xA1B2C3D4, 10**6)
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 2**18, link_type)]
    for frame in frames:
        seconds, fraction = divmod(round(frame.time * ticks), ticks)
        header = (seconds, fraction, len(frame.data), frame.wire_length)
        parts += [struct.pack(f"{order}IIII", *header), frame.data]
    return b"".join(parts)


class PcapngFile:
    """A pcapng file; each method adds a block."""

    def __init__(self, order: str = "<") -> None:
        self.data = b""
        self.order = order
        self.section(order)

    def block(self, kind: int, body: bytes) -> PcapngFile:
        body += bytes(-len(body) % 4)
        length = struct.pack(f"{self.order}I", 12 + len(body))
        self.data += struct.pack(f"{self.order}I", kind) + length + body + length
        return self

    def section(self, order: str) -> PcapngFile:
        self.order = order
        return self.block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))

    def interface(
        self, link_type: int = 1, snap_length: int = 0, options: Iterable[tuple[int, bytes]] = ()
    ) -> PcapngFile:
        body = struct.pack(f"{self.order}HHI", link_type, 0, snap_length)
        for code, value in options:
            body += struct.pack(f"{self.order}HH", code, len(value)) + value
            body += bytes(-len(value) % 4)
        return self.block(1, body)

    def packet(self, frame: Frame, interface: int = 0, ticks: int = 10**6) -> PcapngFile:
        time = round(frame.time * ticks)
        fields = (interface, time >> 32, time & 0xFFFFFFFF, len(frame.data), frame.wire_length)
        return self.block(6, struct.pack(f"{self.order}IIIII", *fields) + frame.data)

    def obsolete_packet(self, frame: Frame, interface: int = 0) -> PcapngFile:
        time = round(frame.time * 10**6)
        times = (time >> 32, time & 0xFFFFFFFF, len(frame.data), frame.wire_length)
        fields = struct.pack(f"{self.order}HHIIII", interface, 7, *times)
        return self.block(2, fields + frame.data)

    def simple_packet(self, frame: Frame) -> PcapngFile:
        return self.block(3, struct.pack(f"{self.order}I", frame.wire_length) + frame.data)

    def secrets(self, text: str, kind: int = 0x544C534B) -> PcapngFile:
        data = text.encode()
        return self.block(10, struct.pack(f"{self.order}II", kind, len(data)) + data)
