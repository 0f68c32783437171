from __future__ import annotations

import struct

import pytest

from lab.capture.pcap_reader import Packet
from lab.capture.pcapng_reader import MAX_BLOCK, MAX_TIME, PcapngReader
from lab.capture.results import CaptureError, SecretsFound
from tests.capture.building import Frame, PcapngFile

FRAME = Frame(b"abcde", 1700000000.25, 60)


def read(data: bytes, cut: int = 10**6) -> list[Packet | SecretsFound]:
    reader = PcapngReader()
    return [item for at in range(0, len(data), cut) for item in reader.feed(data[at : at + cut])]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("cut", [1, 5, 10**6])
def test_all_kinds_of_blocks(order: str, cut: int) -> None:
    file = PcapngFile(order).interface(1, 4).interface(276)
    file.packet(FRAME).packet(FRAME, interface=1).obsolete_packet(FRAME, interface=1)
    file.simple_packet(Frame(b"abcd", length=60))
    file.secrets("CLIENT_RANDOM 00 11\n").secrets("WireGuard", kind=0x57474B4C)
    file.block(4, b"names of hosts").block(0x80000001, bytes(400)).packet(FRAME)
    assert read(file.data, cut) == [
        Packet(1, 1700000000.25, b"abcde", 60),
        Packet(276, 1700000000.25, b"abcde", 60),
        Packet(276, 1700000000.25, b"abcde", 60),
        Packet(1, 1700000000.25, b"abcd", 60),
        SecretsFound(key_log="CLIENT_RANDOM 00 11\n"),
        Packet(1, 1700000000.25, b"abcde", 60),
    ]


def test_sections_have_their_own_interfaces_and_order() -> None:
    file = PcapngFile("<").interface(1).packet(FRAME)
    file.section(">").interface(113).packet(FRAME)
    assert [item[0] for item in read(file.data) if isinstance(item, Packet)] == [1, 113]


@pytest.mark.parametrize(
    ("resolution", "ticks"), [(6, 10**6), (9, 10**9), (0, 1), (0x8A, 2**10), (3, 1000)]
)
@pytest.mark.parametrize("offset", [0, 3600, -3600])
def test_time_has_the_resolution_and_the_offset_of_its_interface(
    resolution: int, ticks: int, offset: int
) -> None:
    options = [(9, bytes([resolution])), (14, struct.pack("<q", offset)), (0, b"")]
    file = PcapngFile().interface(options=options).packet(Frame(b"", 1000.0), ticks=ticks)
    (packet,) = read(file.data)
    assert isinstance(packet, Packet)
    assert packet.time == 1000.0 + offset if offset > -1000 else packet.time == 0.0


def test_a_time_that_no_calendar_has_is_the_last_that_one_has() -> None:
    file = PcapngFile().interface(options=[(9, b"\0")]).packet(Frame(b"", 2.0**60), ticks=1)
    (packet,) = read(file.data)
    assert isinstance(packet, Packet) and packet.time == MAX_TIME


def test_a_file_cut_short_anywhere_just_ends() -> None:
    data = PcapngFile().interface().packet(FRAME).packet(FRAME).data
    counts = {len(read(data[:length])) for length in range(12, len(data))}
    assert counts == {0, 1}
    assert len(read(data)) == 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (PcapngFile().packet(FRAME).data, "interface 0"),
        (PcapngFile().interface().block(6, bytes(8)).data, "too short"),
        (PcapngFile().interface().block(6, bytes(12) + b"\xff" * 8).data, "longer"),
        (PcapngFile().interface().block(2, bytes(8)).data, "too short"),
        (PcapngFile().interface().block(3, b"").data, "too short"),
        (PcapngFile().block(1, b"").data, "too short"),
        (PcapngFile().block(10, b"").data, "too short"),
        (PcapngFile().data + struct.pack("<II", 6, 13) + bytes(8), "13 bytes"),
        (PcapngFile().data + struct.pack("<II", 6, MAX_BLOCK + 4) + bytes(8), "more than"),
        (b"\x0a\x0d\x0d\x0a" + bytes(24), "byte-order"),
    ],
)
def test_a_damaged_block_is_told_in_one_line(body: bytes, told: str) -> None:
    with pytest.raises(CaptureError, match=told):
        read(body)
