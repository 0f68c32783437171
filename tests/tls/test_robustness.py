"""Nothing that a peer sends makes the core raise, or keep more than it should."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lab.tls.events import Endpoint, Event, StreamEnd
from lab.tls.observer import MAX_WAITING_BYTES, Observer
from tests.support.extent import amount
from tests.tls.rfc8448 import TRACES, Trace
from tests.tls.sealing import CLIENT, SERVER, Tls13
from tests.tls.test_rfc8448 import observe
from tests.tls.wire import record

ROOT = Path(__file__).resolve().parent.parent.parent
traces = st.sampled_from(TRACES)
senders = st.sampled_from(Endpoint)


def stream(trace: Trace) -> list[tuple[Endpoint, bytes]]:
    return [(sender, data) for sender, _, data in trace.records]


@given(trace=traces, data=st.data())
def test_every_trace_split_anywhere(trace: Trace, data: st.DataObject) -> None:
    observer = Observer()
    events = observer.learn(trace.key_log)
    for number, (sender, piece) in enumerate(stream(trace)):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(piece)), max_size=6)))
        for start, end in zip([0, *cuts], [*cuts, len(piece)], strict=True):
            events += observer.feed(sender, piece[start:end], float(number))
    assert events == observe(trace)


@given(trace=traces, data=st.data())
def test_every_trace_truncated(trace: Trace, data: st.DataObject) -> None:
    pieces = stream(trace)
    last = data.draw(st.integers(0, len(pieces) - 1))
    sender, piece = pieces[last]
    cut = data.draw(st.integers(0, len(piece)))
    observer = Observer()
    events = observer.learn(trace.key_log)
    for number, (who, whole) in enumerate([*pieces[:last], (sender, piece[:cut])]):
        events += observer.feed(who, whole, float(number))
    expected = [event for event in observe(trace) if event.time < last + (cut == len(piece))]
    assert events == expected
    (end,) = observer.end(sender, StreamEnd.RESET, 99.0)
    assert getattr(end, "truncated", None) == (0 < cut < len(piece))


@given(trace=traces, data=st.data())
def test_every_trace_with_flipped_bits(trace: Trace, data: st.DataObject) -> None:
    pieces = stream(trace)
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.integers(0, len(pieces) - 1))
        sender, piece = pieces[number]
        place = data.draw(st.integers(0, len(piece) - 1))
        flipped = bytes([piece[place] ^ 1 << data.draw(st.integers(0, 7))])
        pieces[number] = (sender, piece[:place] + flipped + piece[place + 1 :])
    observer = Observer()
    events = observer.learn(trace.key_log) if data.draw(st.booleans()) else []
    for number, (sender, piece) in enumerate(pieces):
        events += observer.feed(sender, piece, float(number))
    events += observer.finish()
    assert [event.time for event in events] == sorted(event.time for event in events)


@given(st.lists(st.tuples(senders, st.binary(max_size=200)), max_size=10))
def test_random_bytes(pieces: list[tuple[Endpoint, bytes]]) -> None:
    observer = Observer()
    for sender, data in pieces:
        observer.feed(sender, data, 1.0)
    observer.finish()


@given(
    st.lists(
        st.tuples(senders, st.integers(20, 23), st.binary(max_size=60), st.booleans()),
        max_size=12,
    )
)
def test_random_records(records: list[tuple[Endpoint, int, bytes, bool]]) -> None:
    tls = Tls13()
    tls.hellos()
    events: list[Event] = []
    for sender, content_type, data, sealed in records:
        if sealed:
            events += tls.send(sender, "handshake", content_type, data)
        else:
            events += tls.feed(sender, record(content_type, data))
    events += tls.observer.finish()
    assert [event.time for event in events] == sorted(event.time for event in events)


@given(st.text(max_size=300))
def test_random_key_logs(text: str) -> None:
    assert Observer().learn(text) == []


def test_thousands_of_mutated_inputs() -> None:
    count = amount(10_000, 25_000)
    result = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "fuzz_core.py"), "--count", str(count)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{count} inputs, seed 1: nothing was raised\n"


def test_what_is_kept_is_bounded() -> None:
    """Whatever comes, much of it, and no secret: no more is kept than the bounds say."""
    floods = {
        "sealed records": record(23, b"x" * 16000),
        "small sealed records": record(23, b"x" * 20) * amount(200, 700),
        "one long message": record(22, b"\x0b\x03\xff\xff" + bytes(16000)),
        "a message in tiny records": record(22, b"\x0b") * amount(400, 2500),
        "application data": record(21, b"\x01\x5a") * amount(300, 2000),
        "no TLS at all": b"GET / HTTP/1.1\r\n" * 1000,
        "half a record": b"\x17\x03\x03\x40\x00",
    }
    for name, flood in floods.items():
        tls = Tls13()
        tls.hellos(learn=False)
        key_log = f"CLIENT_RANDOM {bytes(32).hex()} {bytes(48).hex()}\n" * 10
        tracemalloc.start()
        try:
            for _ in range(50):
                tls.feed(CLIENT, flood)
                tls.feed(SERVER, flood)
                tls.observer.learn(key_log)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < 4 * MAX_WAITING_BYTES, (name, kept)
