"""Holes in what is observed: nothing that follows from them is told as an end's doing."""

from __future__ import annotations

import functools
import json
import tracemalloc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.tls.code_points import HandshakeType
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Gap,
    Malformed,
    MessageSeen,
    NotCaptured,
    NotTls,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
    Unfinished,
)
from lab.tls.messages import ClientHello, ServerHello, UnknownMessage
from lab.tls.observer import Observer
from lab.tls.sealed_records import UNSETTLED
from tests.support import server_recordings
from tests.tls.sealing import CLIENT, SERVER, Tls13
from tests.tls.test_observer import names
from tests.tls.wire import extension, handshake, record

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
Holes = Mapping[Endpoint, list[tuple[int, int]]]
"""For each sender the bytes of its stream that are missing: from, and up to."""


@dataclass(frozen=True)
class Recorded:
    """What passed between two ends, and its key log."""

    title: str
    pieces: list[tuple[Endpoint, bytes]]
    key_log: str

    def length(self, sender: Endpoint) -> int:
        return sum(len(data) for who, data in self.pieces if who is sender)


@functools.cache
def recorded() -> list[Recorded]:
    document = json.loads((VECTORS / "openssl.json").read_text(encoding="utf-8"))
    return [
        Recorded(
            entry["name"],
            [(Endpoint(sender), bytes.fromhex(data)) for sender, data in entry["pieces"]],
            "\n".join(entry["key_log"]),
        )
        for entry in document["connections"]
    ]


@functools.cache
def of_many_makes() -> list[Recorded]:
    """Connections of clients of five makes to servers of fourteen."""
    return [
        Recorded(
            outcome.name,
            [
                (Endpoint(sender), bytes.fromhex(what))
                for _, sender, what in outcome.steps
                if what not in StreamEnd.__members__
            ],
            "\n".join(outcome.key_log),
        )
        for outcome in server_recordings.load()
    ]


def observe(recording: Recorded, holes: Holes, *, keys: bool, told: bool = True) -> list[Event]:
    """The events where bytes are missing; ``told``: it is known how many."""
    observer = Observer()
    events = observer.learn(recording.key_log) if keys else []
    events += observer.finish()
    offsets = dict.fromkeys(Endpoint, 0)
    for number, (sender, data) in enumerate(recording.pieces):
        start, at = offsets[sender], 0
        offsets[sender] += len(data)
        for first, end in holes.get(sender, []):
            first, end = max(first - start, at), min(end - start, len(data))
            if first < end:
                events += observer.feed(sender, data[at:first], float(number))
                lost = end - first if told else None
                events += observer.miss(sender, Gap.MISSING, lost, float(number))
                at = end
        events += observer.feed(sender, data[at:], float(number))
    for sender in Endpoint:
        events += observer.end(sender, StreamEnd.FIN, 1000.0)
    return events + observer.unfinished(1000.0)


def seen(events: Iterable[Event]) -> list[tuple[object, ...]]:
    """What was read, without the places of records."""
    found: list[tuple[object, ...]] = []
    for event in events:
        if isinstance(event, MessageSeen):
            found.append((event.endpoint, event.message.name, event.raw))
        elif isinstance(event, AlertSeen):
            found.append((event.endpoint, "alert", event.description))
        elif isinstance(event, ApplicationDataSeen):
            found.append((event.endpoint, "data", event.data))
        elif isinstance(event, ChangeCipherSpecSeen):
            found.append((event.endpoint, "ChangeCipherSpec"))
    return found


def accusations(events: Iterable[Event]) -> list[Event]:
    """Events that say that an end did something wrong, or that something is beyond a limit."""
    return [
        event
        for event in events
        if isinstance(event, Malformed | NotTls | Undecoded | Unfinished)
        or getattr(event, "out_of_order", False)
        or getattr(event, "truncated", False)
    ]


def is_part(some: list[tuple[object, ...]], whole: list[tuple[object, ...]]) -> bool:
    """Whether ``some`` are in ``whole``, in this order."""
    rest = iter(whole)
    return all(any(same(one, other) for other in rest) for one in some)


def same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Compare all but the name: without its version, a message may have none."""
    # Types first: python -bb forbids to compare an alert's number with bytes.
    alike = [type(part) for part in one] == [type(part) for part in other]
    return one[0] is other[0] and alike and one[2:] == other[2:]


def records_of(recording: Recorded) -> dict[Endpoint, list[tuple[int, int]]]:
    """For each sender, where its records lie in its stream: from, and up to."""
    places: dict[Endpoint, list[tuple[int, int]]] = {}
    for sender in Endpoint:
        stream = b"".join(data for who, data in recording.pieces if who is sender)
        at, found = 0, places.setdefault(sender, [])
        while at < len(stream):
            end = at + 5 + int.from_bytes(stream[at + 3 : at + 5], "big")
            found.append((at, end))
            at = end
    return places


def touches(event: Event, sender: Endpoint, first: int, end: int) -> bool:
    return event.endpoint is sender and any(
        span.offset < end and first < span.offset + span.length
        for span in getattr(event, "records", ())
    )


def read(events: Iterable[Event]) -> list[Event]:
    """What was read of records, without whether it is in order, which is not judged at a hole."""
    return [
        replace(event, out_of_order=False) if isinstance(event, MessageSeen) else event
        for event in events
        if isinstance(event, MessageSeen | AlertSeen | ApplicationDataSeen | ChangeCipherSpecSeen)
    ]


@pytest.mark.parametrize("recording", recorded(), ids=lambda recording: recording.title)
def test_a_hole_in_one_record_costs_no_other(recording: Recorded) -> None:
    """Where a record ends is known from its header, and its place in the count of records too."""
    whole = read(observe(recording, {}, keys=True))
    for sender, places in records_of(recording).items():
        for first, end in places[1:]:  # without its hello nothing of a connection can be opened
            lost = [event for event in whole if touches(event, sender, first, end)]
            if any(is_hello(event) for event in lost):
                continue
            expected = [event for event in whole if event not in lost]
            for holes in ([(first + 5, first + 6)], [(end - 1, end)]):
                events = observe(recording, {sender: holes}, keys=True)
                kept = [event for event in read(events) if event not in lost]
                assert kept == expected
                assert accusations(events) == []


def is_hello(event: Event) -> bool:
    return isinstance(event, MessageSeen) and isinstance(event.message, ClientHello | ServerHello)


def renegotiates(event: Event) -> bool:
    """Whether it is a ChangeCipherSpec under keys: what comes behind it, no number opens."""
    return isinstance(event, ChangeCipherSpecSeen) and event.encrypted


@pytest.mark.parametrize("told", [True, False], ids=["octets told", "octets not told"])
@pytest.mark.parametrize("recording", recorded(), ids=lambda recording: recording.title)
def test_behind_missing_records_all_is_read_again(recording: Recorded, told: bool) -> None:
    """How many records are missing, AEADs and MACs tell by the next one."""
    whole = observe(recording, {}, keys=True)
    for sender, places in records_of(recording).items():
        for (first, _), (_, end) in zip(places[1:-1:3], places[2:-1:3], strict=False):
            lost = [event for event in whole if touches(event, sender, first, end)]
            if any(is_hello(event) or renegotiates(event) for event in lost):
                continue
            events = observe(recording, {sender: [(first, end)]}, keys=True, told=told)
            assert seen(events) == seen(event for event in whole if event not in lost)


@st.composite
def connections_with_holes(draw: st.DrawFn) -> tuple[Recorded, Holes]:
    recording = draw(st.sampled_from([*recorded(), *of_many_makes()]))
    holes: dict[Endpoint, list[tuple[int, int]]] = {}
    for sender in Endpoint:
        most = recording.length(sender)
        edges = draw(st.lists(st.integers(0, most), max_size=8, unique=True))
        edges = sorted(edges)[: len(edges) // 2 * 2]
        holes[sender] = list(zip(edges[::2], edges[1::2], strict=True))
    return recording, holes


@given(connections_with_holes(), st.booleans(), st.booleans())
def test_holes_anywhere(case: tuple[Recorded, Holes], keys: bool, told: bool) -> None:
    recording, holes = case
    events = observe(recording, holes, keys=keys, told=told)
    whole = observe(recording, {}, keys=True)
    if not any(holes.values()):
        assert events == observe(recording, {}, keys=keys)
        return
    assert accusations(events) == []
    assert is_part(seen(events), seen(whole))
    missing = [event for event in events if isinstance(event, NotCaptured)]
    assert {event.endpoint for event in missing} == {who for who in Endpoint if holes[who]}


# Each kind of gap.


@pytest.mark.parametrize("recording", recorded(), ids=lambda recording: recording.title)
def test_a_capture_that_starts_in_mid_connection(recording: Recorded) -> None:
    """From any record on, with ciphertext or a part of a record first."""
    whole = seen(observe(recording, {}, keys=True))
    for start in range(0, len(recording.pieces), 2):
        for cut in (0, 3, 40):
            observer = Observer()
            events = [*observer.learn(recording.key_log), *observer.finish()]
            begun: set[Endpoint] = set()
            for number, (sender, data) in enumerate(recording.pieces[start:]):
                if sender not in begun:
                    begun.add(sender)
                    events += observer.miss(sender, Gap.START, None, float(number))
                    data = data[cut:]
                events += observer.feed(sender, data, float(number))
            events += observer.unfinished(99.0)
            assert accusations(events) == []
            assert is_part(seen(events), whole)


@pytest.mark.parametrize("sender", Endpoint)
@pytest.mark.parametrize("recording", recorded(), ids=lambda recording: recording.title)
def test_one_direction_alone(recording: Recorded, sender: Endpoint) -> None:
    observer = Observer()
    events = [*observer.learn(recording.key_log), *observer.finish()]
    events += observer.miss(sender.other, Gap.DIRECTION, None, 0.0)
    for who, data in recording.pieces:
        if who is sender:
            events += observer.feed(who, data, 1.0)
    events += observer.unfinished(99.0)
    assert accusations(events) == []
    assert is_part(seen(events), seen(observe(recording, {}, keys=True)))


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("recording", recorded(), ids=lambda recording: recording.title)
def test_packets_that_are_cut_short(recording: Recorded, told: bool) -> None:
    """A snap length leaves the first bytes of each segment."""
    observer = Observer()
    events = [*observer.learn(recording.key_log), *observer.finish()]
    for sender, data in recording.pieces:
        events += observer.feed(sender, data[:100], 1.0)
        if lost := len(data[100:]):
            events += observer.miss(sender, Gap.SNAPPED, lost if told else None, 1.0)
    for sender in Endpoint:
        events += observer.end(sender, StreamEnd.FIN, 2.0)
    assert accusations(events) == []
    assert is_part(seen(events), seen(observe(recording, {}, keys=True)))


@pytest.mark.parametrize("cut", [1, 3, 5, 6, 50, 300])
def test_what_the_end_of_the_capture_cuts_short_is_not_unfinished(cut: int) -> None:
    observer = Observer()
    sender, hello = recorded()[0].pieces[0]
    observer.feed(sender, hello[:cut], 1.0)
    (event,) = observer.miss(sender, Gap.END, None, 2.0)
    assert event == NotCaptured(time=2.0, endpoint=sender, gap=Gap.END, octets=None)
    (end,) = observer.end(sender, StreamEnd.RESET, 3.0)
    assert isinstance(end, StreamEnded)
    assert not end.truncated
    assert observer.unfinished(4.0) == []


def test_what_waits_for_a_secret_comes_before_the_hole() -> None:
    """Events come in the order in which the bytes came, and so does what is missing."""
    recording = next(each for each in recorded() if each.title == "TLS 1.3 accepted")
    observer = Observer()
    events = []
    for sender, data in recording.pieces[:2]:
        events += observer.feed(sender, data, 1.0)
    assert observer.miss(Endpoint.SERVER, Gap.MISSING, 100, 2.0) == []
    events += observer.learn(recording.key_log)
    assert isinstance(events[-1], NotCaptured)
    assert [type(event) for event in events].count(NotCaptured) == 1


def test_a_message_whose_version_was_not_captured_has_no_fields() -> None:
    """TLS 1.1 has no algorithm in CertificateVerify, TLS 1.2 has one."""
    observer = Observer()
    observer.miss(Endpoint.SERVER, Gap.DIRECTION, None, 0.0)
    body = b"\x00\x04sign"
    (event,) = observer.feed(Endpoint.CLIENT, record(22, handshake(15, body)), 1.0)
    assert isinstance(event, MessageSeen)
    assert event.message == UnknownMessage(msg_type=HandshakeType.CERTIFICATE_VERIFY, body=body)


def test_the_zeros_of_a_nonce_are_no_messages() -> None:
    """The nonce of the first record under AES-GCM is zero with many: so are two HelloRequests."""
    observer = Observer()
    observer.miss(CLIENT, Gap.START, None, 0.0)
    assert names(observer.feed(CLIENT, record(22, bytes(40))[:13], 1.0)) == []
    assert names(observer.miss(CLIENT, Gap.SNAPPED, 32, 1.0)) == ["not captured: snapped"]
    (event,) = observer.feed(CLIENT, record(22, bytes(8)), 2.0)
    assert isinstance(event, SealedSeen)


@pytest.mark.parametrize("keys", [True, False])
def test_early_data_is_not_told_from_what_follows_without_the_answer(keys: bool) -> None:
    tls = Tls13()
    if keys:
        tls.observer.learn(tls.key_log)
    tls.observer.finish()
    tls.feed(CLIENT, record(22, tls.client_hello(extension(42))))
    tls.observer.miss(SERVER, Gap.DIRECTION, None, 2.0)
    early = tls.send(CLIENT, "early", 23, b"early")
    assert names(early) == ["data b'early'" if keys else f"sealed {UNSETTLED}"]
    assert names(tls.send(CLIENT, "handshake", 22, bytes(36))) == [f"sealed {UNSETTLED}"]


@pytest.mark.parametrize("before", [b"", b"\x03\x03\x40", b"\x17\x03\x03\xff\xff", bytes(9000)])
def test_the_next_record_is_found_behind_anything(before: bytes) -> None:
    hello = recorded()[0].pieces[0][1]
    observer = Observer()
    observer.miss(Endpoint.CLIENT, Gap.START, None, 0.0)
    events = [
        event
        for byte in before + hello
        for event in observer.feed(Endpoint.CLIENT, bytes([byte]), 1.0)
    ]
    assert [type(event) for event in events] in ([MessageSeen], [])
    events += observer.feed(Endpoint.CLIENT, record(20, b"\x01"), 2.0)
    assert isinstance(events[0], MessageSeen)


def test_the_search_for_a_record_is_linear() -> None:
    """Bytes that look like headers all over are passed over, and few are kept."""
    observer = Observer()
    observer.miss(Endpoint.CLIENT, Gap.START, None, 0.0)
    flood = b"\x00" + b"\x17\x03\x03\x40\x00" * 600
    tracemalloc.start()
    try:
        for _ in range(10):
            observer.feed(Endpoint.CLIENT, flood, 1.0)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000
