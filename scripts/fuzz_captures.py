"""Read what is almost a capture, many times over, and see that nothing is raised.

Usage: python scripts/fuzz_captures.py [--count N] [--seed N]. The same seed makes the same inputs.
They are mutated files, packets and segments, made from the captures of the tests; a part goes on
through the observer and the judge. Exit 0: nothing was raised but that a file is no capture, and
all that was told was well-formed; 1: the input that broke it is told.
"""

from __future__ import annotations

import gzip
import random
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fuzz_core import mutate, run

from lab.capture.capture import Capture
from lab.capture.file_reader import FileReader
from lab.capture.pcap_reader import Packet
from lab.capture.results import (
    CaptureError,
    CaptureItem,
    FlowBytes,
    FlowClosed,
    FlowEnd,
    FlowGap,
    SecretsFound,
)
from lab.capture.tcp_flows import TcpFlows
from lab.tracing.flow_trace import FlowTrace

CAPTURES = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "captures"
PRELUDES = (
    b"220 ready\r\n",
    b"STARTTLS\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"\0\0\0\x08\x04\xd2\x16\x2f",
    b"N",
    b"\x20\0\0\x01" + bytes(32),
    b"\x16\x03\x01\x00\x40\x01\x00\x00\x3c\x03\x03",
    b"\x16\x03",
    b"\x17\x03\x03\x00\x05hello",
    b"GET / HTTP/1.1\r\n\r\n",
)


@dataclass(frozen=True)
class Corpus:
    """What is mutated: whole files, the packets of each of them, and key logs."""

    files: list[bytes]
    packets: list[list[Packet]]
    key_logs: list[str]


def load() -> Corpus:
    """The corpus, from the captures of the tests."""
    files = [path.read_bytes() for path in sorted(CAPTURES.glob("*.pcap*"))]
    packets = [
        [item for item in FileReader().feed(data) if isinstance(item, Packet)] for data in files
    ]
    key_logs = [path.read_text() for path in sorted(CAPTURES.glob("*.keylog"))]
    return Corpus([*files, *map(gzip.compress, files[:3])], packets, key_logs)


def read(data: bytes, size: int) -> tuple[list[CaptureItem], str]:
    """What is told of a file that is fed in pieces, and the error; "" for none."""
    capture = Capture()
    items: list[CaptureItem] = []
    try:
        for at in range(0, len(data), size):
            for item in capture.feed(data[at : at + size]):
                items.append(item)
        items += capture.end()
    except CaptureError as error:
        assert str(error).isprintable()
        return items, str(error)
    return items, ""


def fuzz_file(corpus: Corpus, rng: random.Random) -> str:
    """A mutated file, cut in two ways."""
    data = mutate(rng.choice(corpus.files), rng)
    first = read(data, rng.choice((1 << 18, 1 << 18, 700)))
    if rng.random() < 0.1:
        assert read(data, rng.randrange(1, 300)) == first
    check(first[0])
    return "refused" if first[1] else "read"


def file_of(packets: Iterable[Packet]) -> bytes:
    """A pcap file, of the link type of the first packet."""
    packets = list(packets)
    link_type = packets[0].link_type if packets else 1
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)]
    for packet in packets:
        seconds = max(0, min(2**32 - 1, int(packet.time)))
        header = (seconds, int(packet.time % 1 * 10**6), len(packet.data), packet.length)
        parts += [struct.pack("<IIII", *header), packet.data]
    return b"".join(parts)


def fuzz_packets(corpus: Corpus, rng: random.Random) -> str:
    """The packets of one or two captures: mutated, dropped, doubled, moved, cut and wrapped."""
    packets = list(rng.choice(corpus.packets))
    if rng.random() < 0.2:
        packets += rng.choice(corpus.packets)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(packets))
        packet = packets[at]
        match rng.randrange(6):
            case 0:
                packets[at] = packet._replace(data=mutate(packet.data, rng))
            case 1 if len(packets) > 1:
                del packets[at]
            case 2:
                packets.insert(rng.randrange(len(packets) + 1), packet)
            case 3:
                packets.insert(rng.randrange(len(packets)), packets.pop(at))
            case 4:
                packets[at] = packet._replace(
                    data=packet.data[: rng.randrange(len(packet.data) + 1)]
                )
            case _:
                data = packet.data
                wrapped = data[:12] + rng.choice(WRAPPINGS)(data[12:14], data[14:])
                packets[at] = packet._replace(data=wrapped, length=len(wrapped))
    items, error = read(file_of(packets), 1 << 18)
    check(items)
    if rng.random() < 0.2:
        judge(items, rng.choice([*corpus.key_logs, ""]))
    return "refused" if error else "read"


WRAPPINGS: tuple[Callable[[bytes, bytes], bytes], ...] = (
    lambda kind, data: b"\x81\0\0\5" + kind + data,
    lambda kind, data: b"\x88\x47\0\0\x11\x40" + data,
    lambda kind, data: b"\x88\x64\x11\0\0\1" + struct.pack(">H", len(data) + 2) + b"\0\x21" + data,
    lambda kind, data: (
        b"\x86\xdd\x60\0\0\0" + struct.pack(">H", len(data)) + b"\4\x40" + bytes(32) + data
    ),
)


def fuzz_segments(corpus: Corpus, rng: random.Random) -> str:
    """Segments with any numbers, which overlap, jump and lie, on one or two connections."""
    items: list[CaptureItem] = []
    flows = TcpFlows(items)
    keys = [bytes(8) + ports for ports in (b"\1\1\2\2", b"\2\2\1\1", b"\3\3\2\2", b"\2\2\3\3")]
    stream = b"".join(rng.choice(PRELUDES) for _ in range(4)) + rng.choice(corpus.files)[100:900]
    starts = [rng.choice((0, 1000, 2**32 - 50)) for _ in keys]
    time = 1000.0
    for _ in range(rng.randrange(2, 40)):
        side = rng.choice((0, 0, 0, 1, 1, 1, 2, 3))
        at = rng.choice((0, 0, rng.randrange(200), rng.randrange(1000)))
        data = stream[at : at + rng.choice((0, 1, 7, 60, 400))]
        seq = starts[side] + at + rng.choice((0, 0, 0, 0, 1, rng.randrange(2**32)))
        ack = starts[side ^ 1] + rng.choice((0, 0, rng.randrange(500), rng.randrange(2**32)))
        flags = rng.choice((16, 16, 16, 16, 24, 17, 2, 18, 4, 20, rng.randrange(64)))
        absent = rng.choice((0, 0, 0, 0, 5))
        time += rng.choice((0.0, 0.001, 0.001, -0.5, 2.0))
        flows.segment(keys[side], time, seq % 2**32, ack % 2**32, flags, data, absent)
    flows.end()
    check(items)
    if rng.random() < 0.1:
        judge(items, "")
    return "read"


def check(items: list[CaptureItem]) -> None:
    """Nothing is told behind the end of a sender or of a connection, and no time goes back."""
    over: set[object] = set()
    last: dict[int, float] = {}
    for item in items:
        if isinstance(item, FlowClosed):
            assert item.flow.number not in over
            over.add(item.flow.number)
            lacks = [(lack.sender, lack.gap) for lack in item.flow.lacks]
            assert len(lacks) == len(set(lacks))
        elif isinstance(item, FlowBytes | FlowGap | FlowEnd):
            assert item.flow not in over and (item.flow, item.sender) not in over
            assert item.time >= last.get(item.flow, 0.0)
            last[item.flow] = item.time
            if isinstance(item, FlowEnd):
                over.add((item.flow, item.sender))
            assert not isinstance(item, FlowBytes) or item.data


def judge(items: list[CaptureItem], key_log: str) -> None:
    """Have each connection observed, judged and explained."""
    traces: dict[int, FlowTrace] = {}
    for item in items:
        if isinstance(item, FlowClosed):
            trace = traces.pop(item.flow.number, None)
            if trace is not None:
                trace.finish(item.flow.last)
                trace.trace(item.flow)
        elif isinstance(item, FlowBytes | FlowGap | FlowEnd):
            trace = traces.get(item.flow)
            if trace is None:
                trace = traces[item.flow] = FlowTrace()
                trace.learn(key_log)
            trace.take(item)
        elif isinstance(item, SecretsFound):
            for trace in traces.values():
                trace.learn(item.key_log)


# How often each is done, out of ten.
SHARES: list[tuple[int, Callable[[Corpus, random.Random], str]]] = [
    (3, fuzz_file),
    (4, fuzz_packets),
    (3, fuzz_segments),
]


def main(argv: list[str] | None = None) -> int:
    """Run; see the module's description."""
    return run(argv, __doc__, load, SHARES)


if __name__ == "__main__":
    sys.exit(main())
