from __future__ import annotations

import struct

import pytest

from lab.capture.pcap_reader import PcapReader, is_pcap


@pytest.mark.parametrize(
    ("magic", "order", "ticks"),
    [(0xA1B2C3D4, "<", 10**6), (0xA1B2C3D4, ">", 10**6), (0xA1B23C4D, "<", 10**9)],
)
@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_packets_come_out_whole_at_any_split(magic: int, order: str, ticks: int, cut: int) -> None:
    data = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, 1)
    for number in range(3):
        data += struct.pack(f"{order}IIII", 1000 + number, ticks // 2, 4, 60) + b"abcd"
    assert is_pcap(data)
    reader = PcapReader()
    packets = []
    for at in range(0, len(data) - 1, cut):
        packets += list(reader.feed(data[: len(data) - 1][at : at + cut]))
    assert packets == [(1, 1000.5, b"abcd", 60), (1, 1001.5, b"abcd", 60)]
    assert reader.truncated
