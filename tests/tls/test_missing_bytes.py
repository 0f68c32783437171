"""Holes in what is observed: nothing that follows from them is told as an end's doing."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

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
    StreamEnd,
    Undecoded,
    Unfinished,
)
from lab.tls.observer import Observer

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
    return one[0] is other[0] and one[2:] == other[2:] and len(one) == len(other)


@st.composite
def connections_with_holes(draw: st.DrawFn) -> tuple[Recorded, Holes]:
    recording = draw(st.sampled_from(recorded()))
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
