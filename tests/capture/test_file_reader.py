from __future__ import annotations

import gzip
import tracemalloc

import pytest

from lab.capture.file_reader import INFLATED, FileReader
from lab.capture.results import CaptureError
from tests.capture.building import Frame, PcapngFile, pcap

PCAP = pcap([Frame(bytes(60), 1000.0 + number) for number in range(5)])
PCAPNG = PcapngFile().interface().packet(Frame(bytes(60))).packet(Frame(bytes(60))).data
HALVES = gzip.compress(PCAP[:100]) + gzip.compress(PCAP[100:])


def count(data: bytes, cut: int = 10**6) -> int:
    reader = FileReader()
    pieces = (data[at : at + cut] for at in range(0, len(data), cut))
    number = sum(1 for piece in pieces for _ in reader.feed(piece))
    reader.end()
    return number


@pytest.mark.parametrize(
    ("data", "packets"),
    [
        (PCAP, 5),
        (PCAPNG, 2),
        (gzip.compress(PCAP), 5),
        (gzip.compress(PCAPNG), 2),
        (HALVES, 5),
        (HALVES + bytes(512), 5),
        (gzip.compress(PCAP)[:-9], 5),
        (PCAP[:-1], 4),
        (PCAP[:20], 0),
        (PCAPNG[:5], 0),
    ],
    ids=["pcap", "pcapng", "gzip", "gzip-ng", "members", "zeros", "cut", "short", "head", "ng"],
)
@pytest.mark.parametrize("cut", [1, 3, 10**6])
def test_each_kind_of_file_at_any_split(data: bytes, packets: int, cut: int) -> None:
    assert count(data, cut) == packets


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"\xd4\xc3", "2 bytes"),
        (b"CLIENT_RANDOM 00 11\n" * 10, "key log"),
        (b"# SSL/TLS secrets log file", "key log"),
        (b"-----BEGIN CERTIFICATE-----\n", "PEM"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"),
        (b"snoop\0\0\0" + bytes(100), "snoop"),
        (b"hello, world" * 10, "text"),
        (bytes(100), "00 00 00 00"),
        (gzip.compress(b"hello, world" * 10), "text"),
        (gzip.compress(b""), "not a capture"),
        (gzip.compress(PCAP)[:10] + b"\xff" * 50, "gzip"),
        (b"\x1f\x8b\x08", "not a capture"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("cut", [1, 10**6])
def test_what_is_no_capture_is_named(data: bytes, told: str, cut: int) -> None:
    with pytest.raises(CaptureError, match=told):
        count(data, cut)


def test_a_small_file_that_inflates_to_much_fills_no_memory() -> None:
    data = gzip.compress(pcap([Frame(bytes(2**18))] * 64), 9)  # 16 MiB
    assert len(data) < INFLATED
    reader = FileReader()
    tracemalloc.start()
    try:
        assert sum(1 for _ in reader.feed(data)) == 64
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**21
