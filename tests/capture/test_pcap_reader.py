from __future__ import annotations

import struct

import pytest

from lab.capture.pcap_reader import MAX_PACKET, Packet, PcapReader, is_pcap
from lab.capture.results import CaptureError
from tests.capture.building import Frame, pcap


def read(data: bytes, cut: int = 10**6) -> list[Packet]:
    reader = PcapReader()
    return [item for at in range(0, len(data), cut) for item in reader.feed(data[at : at + cut])]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_packets_come_out_whole_at_any_split(order: str, nanoseconds: bool, cut: int) -> None:
    frames = [Frame(b"abcd", 1000.5 + number, 60) for number in range(3)]
    data = pcap(frames, link_type=113, order=order, nanoseconds=nanoseconds)
    assert is_pcap(data)
    whole = [Packet(113, 1000.5 + number, b"abcd", 60) for number in range(3)]
    assert read(data, cut) == whole
    assert read(data[:-1], cut) == whole[:2]


def test_the_longer_headers_of_old_systems_are_read() -> None:
    data = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)
    header = struct.pack("<IIIIIHBB", 1000, 500_000, 4, 60, 1, 0x0800, 0, 0)
    assert read(data + (header + b"abcd") * 2) == [Packet(1, 1000.5, b"abcd", 60)] * 2


def test_what_the_file_header_says_of_frame_check_sequences_is_no_link_type() -> None:
    data = bytearray(pcap([Frame(b"abcd")]))
    data[20:24] = struct.pack("<I", 0x54000001)
    assert read(bytes(data))[0].link_type == 1


def test_a_length_that_no_packet_has_is_told() -> None:
    data = pcap([Frame(b"abcd")])
    with pytest.raises(CaptureError, match="damaged"):
        read(data + struct.pack("<IIII", 1, 1, MAX_PACKET + 1, 1))
