"""Makes packets and capture files, byte by byte, for the tests of what reads them."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lab.capture.capture import Capture
from lab.capture.results import (
    CaptureItem,
    FlowBytes,
    FlowClosed,
    FlowEnd,
    FlowGap,
    NotDecoded,
    SecretsFound,
)
from lab.tls.events import Endpoint

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


def record(kind: int, data: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(data).to_bytes(2, "big") + data


def hello(kind: int) -> bytes:
    """A record with a ClientHello (1) or a ServerHello (2), as far as its lengths are looked at."""
    body = b"\x03\x03" + bytes(range(32)) + b"\0\0\x02\x13\x01\x01\0"
    return record(22, bytes([kind]) + len(body).to_bytes(3, "big") + body)


CLIENT_HELLO, SERVER_HELLO = hello(1), hello(2)


class Conversation:
    """A TCP connection: each call is a packet, and adds it to ``frames``.

    ``client`` and ``server`` send data; the numbers of all packets are as they should be.
    """

    def __init__(
        self,
        client: tuple[str, int] = ("10.0.0.1", 50000),
        server: tuple[str, int] = ("10.0.0.2", 443),
        starts: tuple[int, int] = (1000, 9000),
    ) -> None:
        self.addresses = {Endpoint.CLIENT: client, Endpoint.SERVER: server}
        self.sent = dict(zip(Endpoint, starts, strict=True))
        self.frames: list[Frame] = []

    def packet(
        self,
        sender: Endpoint,
        flags: int = ACK,
        data: bytes = b"",
        *,
        seq: int | None = None,
        ack: int | None = None,
    ) -> Conversation:
        """Add a packet of any kind; what is not said follows from those before."""
        (source, port), (target, target_port) = (
            self.addresses[sender],
            self.addresses[sender.other],
        )
        at = self.sent[sender] if seq is None else seq
        acknowledged = self.sent[sender.other] if ack is None else ack
        segment = tcp((port, target_port), at, acknowledged if flags & ACK else 0, flags, data)
        if seq is None:
            self.sent[sender] += len(data) + bool(flags & (SYN | FIN))
        four = "." in source
        packet = (ipv4 if four else ipv6)(source, target, 6, segment)
        frame = ethernet(0x0800 if four else 0x86DD, packet)
        self.frames.append(Frame(frame, 1000 + len(self.frames) / 1000))
        return self

    def open(self) -> Conversation:
        self.packet(Endpoint.CLIENT, SYN)
        self.packet(Endpoint.SERVER, SYN | ACK)
        return self.packet(Endpoint.CLIENT)

    def client(self, data: bytes) -> Conversation:
        return self.packet(Endpoint.CLIENT, PSH | ACK, data)

    def server(self, data: bytes) -> Conversation:
        return self.packet(Endpoint.SERVER, PSH | ACK, data)

    def close(self) -> Conversation:
        self.packet(Endpoint.CLIENT, FIN | ACK)
        self.packet(Endpoint.SERVER, FIN | ACK)
        return self.packet(Endpoint.CLIENT)


def items_of(frames: Iterable[Frame], **kind: Any) -> list[CaptureItem]:
    """What a capture of these packets is read into."""
    capture = Capture()
    return [*capture.feed(pcap(frames, **kind)), *capture.end()]


def told(items: Iterable[CaptureItem]) -> list[str]:
    """One line for each item: what is told of which end, bytes by their number."""
    lines = []
    for item in items:
        match item:
            case FlowBytes():
                lines.append(f"{item.sender.value} {len(item.data)}")
            case FlowGap():
                lines.append(f"{item.sender.value} {item.gap.name} {item.octets}")
            case FlowEnd():
                lines.append(f"{item.sender.value} {item.end.value}")
            case FlowClosed():
                lines.append(f"closed {item.flow.prelude or item.other}".rstrip())
            case NotDecoded():
                lines.append(item.what)
            case SecretsFound():
                lines.append("secrets")
    return lines


def streams(items: Iterable[CaptureItem]) -> dict[tuple[int, Endpoint], bytes]:
    """All bytes of each end of each connection; a gap is a ``?``."""
    joined: dict[tuple[int, Endpoint], bytes] = {}
    for item in items:
        if isinstance(item, FlowBytes | FlowGap):
            key = item.flow, item.sender
            joined[key] = joined.get(key, b"") + (
                item.data if isinstance(item, FlowBytes) else b"?"
            )
    return joined
