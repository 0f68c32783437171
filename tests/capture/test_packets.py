from __future__ import annotations

import struct

import pytest

from lab.capture.packets import MAX_NESTING, Datagram, PacketReader, Segment
from tests.capture.building import ACK, ethernet, ipv4, ipv6, tcp, udp

A4, B4 = "10.0.0.1", "10.0.0.2"
A6, B6 = "fd00::1", "fd00::2"
PORTS = (50000, 443)
DATA = b"\x16\x03\x01 what is sent"
TCP = tcp(PORTS, 7, 9, ACK, DATA)
IP4 = ipv4(A4, B4, 6, TCP)
IP6 = ipv6(A6, B6, 6, TCP)
KEY4 = bytes([10, 0, 0, 1, 10, 0, 0, 2]) + struct.pack(">HH", *PORTS)
KEY6 = IP6[8:40] + struct.pack(">HH", *PORTS)


def found(key: bytes = KEY4, data: bytes = DATA, absent: int = 0) -> Segment:
    return Segment(key, 7, 9, ACK, data, absent)


def read(link_type: int, frame: bytes, length: int | None = None) -> Segment | Datagram | None:
    reader = PacketReader()
    assert reader.reads(link_type)
    return reader.read(link_type, frame, len(frame) if length is None else length)


def gre(flags: int, kind: int, data: bytes, optional: int) -> bytes:
    return ipv4("1.1.1.1", "2.2.2.2", 47, struct.pack(">HH", flags, kind) + bytes(optional) + data)


def ppp(data: bytes, protocol: bytes, extra: int = 0) -> bytes:
    return struct.pack(">BBHH", 0x11, 0, 5, len(protocol) + len(data)) + protocol + data


IPV4_LAYERS = {
    "ethernet": (1, ethernet(0x0800, IP4)),
    "ethernet padded": (1, ethernet(0x0800, IP4) + bytes(20)),
    "vlan": (1, ethernet(0x8100, b"\0\x05\x08\0" + IP4)),
    "qinq 88a8": (1, ethernet(0x88A8, b"\0\x05\x81\0\0\x06\x08\0" + IP4)),
    "qinq 9100": (1, ethernet(0x9100, b"\0\x05\x81\0\0\x06\x08\0" + IP4)),
    "mpls": (1, ethernet(0x8847, b"\0\x01\0\x40\0\x02\x01\x40" + IP4)),
    "mpls ethernet": (1, ethernet(0x8847, b"\0\x02\x01\x40" + bytes(4) + ethernet(0x800, IP4))),
    "pppoe": (1, ethernet(0x8864, ppp(IP4, b"\0\x21"))),
    "pppoe padded": (1, ethernet(0x8864, ppp(IP4, b"\0\x21") + bytes(30))),
    "pppoe one byte": (1, ethernet(0x8864, ppp(IP4, b"\x21"))),
    "ppp": (9, b"\xff\x03\0\x21" + IP4),
    "raw 12": (12, IP4),
    "raw 14": (14, IP4),
    "raw 101": (101, IP4),
    "raw 228": (228, IP4),
    "null little": (0, b"\x02\0\0\0" + IP4),
    "null big": (0, b"\0\0\0\x02" + IP4),
    "loop": (108, b"\0\0\0\x02" + IP4),
    "cooked": (113, struct.pack(">HHH8sH", 0, 1, 6, b"", 0x800) + IP4),
    "cooked vlan": (113, struct.pack(">HHH8sH", 0, 1, 6, b"", 0x8100) + b"\0\x05\x08\0" + IP4),
    "cooked 2": (276, struct.pack(">HHIHBB8s", 0x800, 0, 3, 1, 0, 6, b"") + IP4),
    "gre": (101, gre(0, 0x0800, IP4, 0)),
    "gre all": (101, gre(0xB000, 0x0800, IP4, 12)),
    "gre key": (101, gre(0x2000, 0x0800, IP4, 4)),
    "gre ethernet": (101, gre(0, 0x6558, ethernet(0x0800, IP4), 0)),
    "gre ppp": (101, gre(0x3081, 0x880B, b"\xff\x03\0\x21" + IP4, 12)),
    "erspan": (101, gre(0x1000, 0x88BE, bytes(8) + ethernet(0x0800, IP4), 4)),
    "erspan 1": (101, gre(0, 0x88BE, ethernet(0x0800, IP4), 0)),
    "geneve": (
        101,
        ipv4(A4, B4, 17, udp((9, 6081), b"\0\0\x65\x58" + bytes(4) + ethernet(0x800, IP4))),
    ),
    "geneve options": (101, ipv4(A4, B4, 17, udp((9, 6081), b"\x02\0\x08\0" + bytes(12) + IP4))),
    "vxlan": (101, ipv4(A4, B4, 17, udp((9, 4789), b"\x08" + bytes(7) + ethernet(0x800, IP4)))),
    "4in6": (101, ipv6(A6, B6, 4, IP4)),
    "4in4": (101, ipv4("1.1.1.1", "2.2.2.2", 4, IP4)),
    "options of ipv4": (1, ethernet(0x800, ipv4(A4, B4, 6, TCP, options=b"\x01" * 8))),
    "options of tcp": (101, ipv4(A4, B4, 6, tcp(PORTS, 7, 9, ACK, DATA, b"\x01" * 12))),
    "no length": (1, ethernet(0x800, ipv4(A4, B4, 6, TCP, length=0))),
    "no length, pppoe": (
        1,
        ethernet(0x8864, ppp(ipv4(A4, B4, 6, TCP, length=0), b"\0\x21") + bytes(9)),
    ),
}
LONGER = struct.pack(">H", len(IP4) + 6)
IPV4_LAYERS["pppoe shorter than ip"] = (
    1,
    ethernet(0x8864, ppp(b"\0\x21" + IP4[:2] + LONGER + IP4[4:], b"") + bytes(6)),
)
IPV6_LAYERS = {
    "ethernet": (1, ethernet(0x86DD, IP6)),
    "ethernet padded": (1, ethernet(0x86DD, IP6) + bytes(20)),
    "raw 229": (229, IP6),
    "null macOS": (0, b"\x1e\0\0\0" + IP6),
    "cooked 2": (276, struct.pack(">HHIHBB8s", 0x86DD, 0, 3, 1, 0, 6, b"") + IP6),
    "pppoe": (1, ethernet(0x8864, ppp(IP6, b"\0\x57"))),
    "6in4": (101, ipv4(A4, B4, 41, IP6)),
    "6in6": (101, ipv6("fd00::3", "fd00::4", 41, IP6)),
    "gre": (101, gre(0, 0x86DD, IP6, 0)),
    "hop by hop": (101, ipv6(A6, B6, 0, b"\x06\0" + bytes(6) + TCP)),
    "options and routing": (
        101,
        ipv6(A6, B6, 60, b"\x2b\x01" + bytes(14) + b"\x06\0" + bytes(6) + TCP),
    ),
    "authenticated": (101, ipv6(A6, B6, 51, b"\x06\x04" + bytes(22) + TCP)),
    "atomic fragment": (101, ipv6(A6, B6, 44, b"\x06\0" + bytes(6) + TCP)),
    "jumbogram": (101, ipv6(A6, B6, 0, b"\x06\0\xc2\x04\0\0\0\0" + TCP, length=0)),
    "no length": (1, ethernet(0x86DD, ipv6(A6, B6, 6, TCP, length=0))),
}


@pytest.mark.parametrize(("link_type", "frame"), IPV4_LAYERS.values(), ids=IPV4_LAYERS)
def test_a_segment_in_ipv4_is_found_in_whatever_it_is_wrapped(link_type: int, frame: bytes) -> None:
    assert read(link_type, frame) == found()


@pytest.mark.parametrize(("link_type", "frame"), IPV6_LAYERS.values(), ids=IPV6_LAYERS)
def test_a_segment_in_ipv6_is_found_in_whatever_it_is_wrapped(link_type: int, frame: bytes) -> None:
    assert read(link_type, frame) == found(KEY6)


@pytest.mark.parametrize("layers", [IPV4_LAYERS, IPV6_LAYERS], ids=["ipv4", "ipv6"])
def test_a_packet_that_was_cut_tells_how_much_is_missing(
    layers: dict[str, tuple[int, bytes]],
) -> None:
    for name, (link_type, frame) in layers.items():
        end = frame.index(DATA) + len(DATA)
        for cut in range(0, end):
            segment = read(link_type, frame[:cut], len(frame))
            if segment is not None:
                assert isinstance(segment, Segment), name
                assert len(segment.data) + segment.absent == len(DATA), (name, cut)
                assert DATA.startswith(segment.data), name
        assert read(link_type, frame[: end - 5], len(frame)) is not None, name


def test_fragments_of_ipv4_are_put_together() -> None:
    reader = PacketReader()
    cuts = [(0, TCP[:16], 0x2000), (2, TCP[16:32], 0x2000), (4, TCP[32:], 0)]
    packets = [ipv4(A4, B4, 6, data, fragment=more | place) for place, data, more in cuts]
    frames = [ethernet(0x800, packet) + bytes(6) for packet in packets]
    got = [reader.read(1, frame, len(frame)) for frame in (frames[2], frames[0], frames[1])]
    assert got == [None, None, found()]


def test_fragments_of_ipv6_are_put_together() -> None:
    reader = PacketReader()
    cuts = [(0, TCP[:16], 1), (16, TCP[16:], 0)]
    packets = [
        ipv6(A6, B6, 44, struct.pack(">BBHI", 6, 0, place | more, 77) + data)
        for place, data, more in cuts
    ]
    got = [reader.read(101, packet, len(packet)) for packet in packets]
    assert got == [None, found(KEY6)]


def test_a_datagram_is_as_long_as_it_says() -> None:
    packet = ipv4(A4, B4, 17, udp(PORTS, DATA) + bytes(9))
    assert read(101, packet) == Datagram(KEY4, DATA, len(DATA))


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, ethernet(0x0806, bytes(60))),
        (1, ethernet(0x0800, b"\x75" + IP4[1:])),
        (1, ethernet(0x0800, b"\x43" + IP4[1:])),
        (1, ethernet(0x0800, ipv4(A4, B4, 6, TCP[:12] + b"\x40" + TCP[13:]))),
        (1, ethernet(0x0800, ipv4(A4, B4, 6, TCP[:12] + b"\xf0" + TCP[13:]))),
        (101, ipv4(A4, B4, 1, bytes(40))),
        (101, ipv4(A4, B4, 6, TCP, length=10)),
        (101, gre(0x4000, 0x0800, IP4, 4)),
        (101, gre(0x0002, 0x0800, IP4, 0)),
        (101, b""),
        (1, ethernet(0x8847, bytes(4) * 40)),
        (101, ipv6(A6, B6, 60, (b"\x3c\0" + bytes(6)) * 40)),
        (1, ethernet(0x8100, b"\0\x05\x81\0" * 40)),
    ],
)
def test_packets_of_other_kinds_and_damaged_ones_are_passed_over(
    link_type: int, frame: bytes
) -> None:
    assert read(link_type, frame) is None


def test_nesting_is_bounded() -> None:
    def nested(depth: int) -> bytes:
        packet = IP4
        for _ in range(depth):
            packet = ipv4(A4, B4, 4, packet)
        return packet

    assert read(101, nested(MAX_NESTING - 1)) == found()
    assert read(101, nested(MAX_NESTING)) is None
