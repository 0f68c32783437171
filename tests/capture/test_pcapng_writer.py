"""The pcapng writer: blocks, packets and checksums as the specifications have them."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

import pytest

from lab.capture.pcapng_writer import TcpPackets, file_header, secrets_block
from lab.capture.results import Address
from lab.tls.events import Endpoint, StreamEnd

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
V4 = Address("192.0.2.1", 50000), Address("198.51.100.7", 443)
V6 = Address("2001:db8::1", 50000), Address("fe80::2%eth0", 443)
SYN, RST, ACK, FIN, PSH = 2, 4, 16, 1, 8


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each block; both of its lengths must agree."""
    while data:
        kind, length = struct.unpack_from("<II", data)
        assert length % 4 == 0 and struct.unpack_from("<I", data, length - 4) == (length,)
        yield kind, data[8 : length - 4]
        data = data[length:]


def packets(data: bytes) -> list[bytes]:
    found = []
    for kind, body in blocks(data):
        assert kind == 6
        interface, _, _, captured, original = struct.unpack_from("<5I", body)
        assert interface == 0 and captured == original
        found.append(body[20 : 20 + captured])
    return found


def summed(data: bytes) -> int:
    """Add as RFC 1071 section 4.1 does, word by word."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def segment(packet: bytes) -> bytes:
    """Return the TCP segment of an IP packet whose lengths and checksums are right."""
    if packet[0] >> 4 == 4:
        assert struct.unpack_from("!H", packet, 2) == (len(packet),)
        assert summed(packet[:20]) == 0xFFFF and packet[9] == 6
        hosts, found = packet[12:20], packet[20:]
    else:
        assert struct.unpack_from("!H", packet, 4) == (len(packet) - 40,) and packet[6] == 6
        hosts, found = packet[8:40], packet[40:]
    assert summed(hosts + struct.pack("!II", len(found), 6) + found) == 0xFFFF
    return found


def shape(packet: bytes) -> tuple[int, int, int, int, int]:
    """Return source port, sequence number, acknowledgement, flags and length of the content."""
    found = segment(packet)
    source, _, sequence, acknowledged, _, flags = struct.unpack_from("!HHIIBB", found)
    return source, sequence, acknowledged, flags, len(found) - 20


def test_the_header_names_the_application_the_link_and_the_resolution() -> None:
    (section, first), (interface, second) = blocks(file_header("mtls-lab 1"))
    assert (section, interface) == (0x0A0D0D0A, 1)
    assert struct.unpack_from("<IHHq", first) == (0x1A2B3C4D, 1, 0, -1)
    assert first[16:] == b"\x04\0\x0a\0mtls-lab 1\0\0" + b"\0\0\0\0"
    assert struct.unpack_from("<HHI", second) == (101, 0, 0)
    assert second[8:] == b"\x09\0\x01\0\x06\0\0\0" + b"\0\0\0\0"


def test_secrets_are_a_block_of_their_own() -> None:
    text = "CLIENT_RANDOM 00 11\n"
    ((kind, body),) = blocks(secrets_block(text))
    assert (kind, body) == (0x0A, struct.pack("<II", 0x544C534B, len(text)) + text.encode())


@pytest.mark.parametrize("ends", [V4, V6], ids=["IPv4", "IPv6"])
def test_a_connection_from_its_first_packet_to_its_last(ends: tuple[Address, Address]) -> None:
    tcp = TcpPackets(*ends, 1)
    written = tcp.opened(1.0) + tcp.sent(CLIENT, b"hello", 2.0) + tcp.sent(SERVER, b"x", 3.0)
    written += tcp.ended(CLIENT, StreamEnd.FIN, 4.0) + tcp.ended(SERVER, StreamEnd.RESET, 5.0)
    shapes = [shape(packet) for packet in packets(written)]
    client, server = shapes[0][1], shapes[1][1]
    assert shapes == [
        (50000, client, 0, SYN, 0),
        (443, server, client + 1, SYN | ACK, 0),
        (50000, client + 1, server + 1, ACK, 0),
        (50000, client + 1, server + 1, PSH | ACK, 5),
        (443, server + 1, client + 6, ACK, 0),
        (443, server + 1, client + 6, PSH | ACK, 1),
        (50000, client + 6, server + 2, ACK, 0),
        (50000, client + 6, server + 2, FIN | ACK, 0),
        (443, server + 2, client + 7, ACK, 0),
        (443, server + 2, client + 7, RST | ACK, 0),
    ]


def test_ends_of_two_families_are_written_as_ipv6() -> None:
    packet = packets(TcpPackets(V4[0], V6[1], 1).opened(0.0))[0]
    segment(packet)
    assert ipaddress.ip_address(packet[8:24]) == ipaddress.ip_address("::ffff:192.0.2.1")
    assert ipaddress.ip_address(packet[24:40]) == ipaddress.ip_address("fe80::2")


@pytest.mark.parametrize("ends", [V4, V6], ids=["IPv4", "IPv6"])
def test_content_is_cut_into_packets_that_ip_allows(ends: tuple[Address, Address]) -> None:
    data = bytes(range(256)) * 600
    tcp = TcpPackets(*ends, 7)
    *parts, _ = packets(tcp.sent(SERVER, data, 0.0))
    assert len(parts) == 3 and max(map(len, parts)) <= 65535 + 40
    assert b"".join(segment(part)[20:] for part in parts) == data
    assert shape(packets(tcp.sent(SERVER, b"x", 0.0))[0])[1] == shape(parts[0])[1] + len(data)


def test_sequence_numbers_wrap_and_connections_differ() -> None:
    for number in (1, 2**40):
        tcp = TcpPackets(*V4, number)
        first = shape(packets(tcp.opened(0.0))[0])[1]
        assert first != shape(packets(TcpPackets(*V4, number + 1).opened(0.0))[0])[1]
    tcp.leave_out(CLIENT, 2**32 - first - 3)
    (before, _), (after, _) = (packets(tcp.sent(CLIENT, b"ab", 0.0)) for _ in range(2))
    assert (shape(before)[1], shape(after)[1]) == (2**32 - 2, 0)


def test_what_is_left_out_is_a_gap_in_the_sequence() -> None:
    tcp = TcpPackets(*V4, 1)
    before = shape(packets(tcp.sent(CLIENT, b"ab", 0.0))[0])[1]
    tcp.leave_out(CLIENT, 1000)
    assert shape(packets(tcp.sent(CLIENT, b"ab", 0.0))[0])[1] == before + 1002


@pytest.mark.parametrize("time", [0.0, 1.5, 1_796_000_000.123456])
def test_times_are_microseconds_since_the_epoch(time: float) -> None:
    ((_, body), *_) = blocks(TcpPackets(*V4, 1).opened(time))
    high, low = struct.unpack_from("<II", body, 4)
    assert (high << 32 | low) == round(time * 1_000_000)


@pytest.mark.parametrize("payload", [b"", b"\0", b"\xff\xff", b"\x01\x02\x03", bytes(70)])
def test_checksums_of_odd_and_empty_contents(payload: bytes) -> None:
    for packet in packets(TcpPackets(*V4, 1).sent(CLIENT, payload, 0.0)):
        segment(packet)
