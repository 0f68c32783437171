from __future__ import annotations

import random

from lab.capture.results import CaptureItem, FlowBytes
from lab.capture.tcp_flows import ACK, SYN, TcpFlows

TO_SERVER = bytes([10, 0, 0, 1, 10, 0, 0, 2]) + (50000).to_bytes(2, "big") + b"\x01\xbb"


def test_segments_in_any_order_and_more_than_once_make_one_stream() -> None:
    stream = b"\x16\x03\x01" + bytes(range(3, 200))
    for seed in range(20):
        rng = random.Random(seed)
        segments = [(at, stream[at : at + rng.randrange(1, 30)]) for at in range(0, 200, 7)] * 2
        segments += [(at, stream[at : at + 7]) for at in range(0, 200, 7)]
        rng.shuffle(segments)
        items: list[CaptureItem] = []
        flows = TcpFlows(items)
        start = 2**32 - 50
        flows.segment(TO_SERVER, 0.0, start - 1, 0, SYN, b"", 0)
        for at, data in segments:
            flows.segment(TO_SERVER, 1.0, (start + at) % 2**32, 1, ACK, data, 0)
        got = b"".join(item.data for item in items if isinstance(item, FlowBytes))
        assert got == stream
