from __future__ import annotations

import random
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from lab.capture import tcp_flows
from lab.capture.flow_keys import reversed_key
from lab.capture.results import CUT_SHORT, CaptureItem, FlowBytes, FlowClosed, FlowGap
from lab.capture.tcp_flow import LONG_PATIENCE, MAX_HELD_BACK, PATIENCE, TcpFlow
from lab.capture.tcp_flows import LINGER, MAX_KEPT, TcpFlows
from lab.capture.tcp_stream import MAX_WAITING, PIECE_COST
from lab.tls.events import Endpoint, Gap
from tests.capture.building import (
    ACK,
    CLIENT_HELLO,
    FIN,
    RST,
    SERVER_HELLO,
    SYN,
    Conversation,
    Frame,
    items_of,
    record,
    streams,
    told,
)

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
HELLO, REPLY = len(CLIENT_HELLO), len(SERVER_HELLO)
CERTIFICATE = record(22, b"\x0b" + bytes(94))  # 100 bytes
DATA = record(23, bytes(45))  # 50 bytes
START = [f"client {HELLO}", f"server {REPLY}"]
END = ["client FIN", "server FIN", "closed"]


def begun(**ends: Any) -> Conversation:
    return Conversation(**ends).open().client(CLIENT_HELLO).server(SERVER_HELLO)


def lines(conversation: Conversation) -> list[str]:
    return told(items_of(conversation.frames))


def test_a_connection_is_told_in_the_order_of_its_packets() -> None:
    conversation = begun().client(CERTIFICATE).server(DATA).client(DATA).close()
    items = items_of(conversation.frames)
    assert told(items) == [*START, "client 100", "server 50", "client 50", *END]
    closed = items[-1]
    assert isinstance(closed, FlowClosed) and closed.tls
    flow = closed.flow
    assert (flow.number, flow.packets) == (1, 10), "the last ACK belongs to nothing open"
    assert (flow.first, flow.last) == (1000.0, 1000.009)
    assert (flow.client, flow.server) == (("10.0.0.1", 50000), ("10.0.0.2", 443))
    assert flow.lacks == ()


def test_addresses_of_ipv6() -> None:
    conversation = begun(client=("::1", 50000), server=("fd00::2", 443)).close()
    closed = items_of(conversation.frames)[-1]
    assert isinstance(closed, FlowClosed)
    assert (closed.flow.client, closed.flow.server) == (("::1", 50000), ("fd00::2", 443))


Change = Callable[[Conversation], object]

# What is added to a connection that has begun, and what is told of it behind the hellos.
SCENES: dict[str, tuple[Change, list[str]]] = {
    "nothing more": (lambda c: None, ["client END None", "server END None", "closed"]),
    "half-close": (
        lambda c: c.packet(CLIENT, FIN | ACK).server(DATA).packet(SERVER, FIN | ACK),
        ["client FIN", "server 50", "server FIN", "closed"],
    ),
    "half-close, then the capture ends": (
        lambda c: c.packet(CLIENT, FIN | ACK).server(DATA),
        ["client FIN", "server 50", "server END None", "closed"],
    ),
    "FIN with data": (
        lambda c: c.packet(CLIENT, FIN | ACK, DATA).packet(SERVER, FIN | ACK),
        ["client 50", *END],
    ),
    "FIN twice": (
        lambda c: c.packet(CLIENT, FIN | ACK).packet(CLIENT, FIN | ACK, seq=1000 + HELLO + 1),
        ["client FIN", "server END None", "closed"],
    ),
    "RST of the server": (
        lambda c: c.packet(SERVER, RST | ACK),
        ["server RST", "closed"],
    ),
    "RST without an acknowledgement": (
        lambda c: c.packet(SERVER, RST),
        ["server RST", "closed"],
    ),
    "RST, and what was sent before it was known": (
        lambda c: c.packet(CLIENT, RST).server(DATA).packet(SERVER, FIN | ACK),
        ["client RST", "server 50", "server FIN", "closed"],
    ),
    "RST twice, and of both": (
        lambda c: c.packet(CLIENT, RST).packet(CLIENT, RST).packet(SERVER, RST),
        ["client RST", "server RST", "closed"],
    ),
    "RST after FIN": (
        lambda c: c.packet(CLIENT, FIN | ACK).server(DATA).packet(CLIENT, RST),
        ["client FIN", "server 50", "closed"],
    ),
    "RST that no end would take": (
        lambda c: c.packet(SERVER, RST, seq=2**31).close(),
        END,
    ),
    "keep-alives": (
        lambda c: (
            c.packet(CLIENT, seq=1000 + HELLO)
            .packet(CLIENT, ACK, b"\0", seq=1000 + HELLO)
            .packet(SERVER)
            .client(DATA)
            .close()
        ),
        ["client 50", *END],
    ),
    "SYN once more": (
        lambda c: c.packet(CLIENT, SYN, seq=1000).packet(SERVER, SYN | ACK, seq=9000).close(),
        END,
    ),
    "a segment once more": (
        lambda c: c.client(DATA).packet(CLIENT, ACK, DATA, seq=1001 + HELLO).close(),
        ["client 50", *END],
    ),
    "a segment once more, and longer": (
        lambda c: c.client(DATA).packet(CLIENT, ACK, DATA + DATA, seq=1001 + HELLO),
        ["client 50", "client 50", "client END None", "server END None", "closed"],
    ),
    "a missing segment that is acknowledged": (
        lambda c: (c.client(DATA), c.frames.pop(), c.client(CERTIFICATE).server(DATA).close()),
        ["client MISSING 50", "client 100", "server 50", *END],
    ),
    "a missing segment that is the last": (
        lambda c: (c.client(DATA), c.frames.pop(), c.server(DATA).close()),
        ["client MISSING 50", "server 50", *END],
    ),
    "a missing segment, and nothing behind it": (
        lambda c: (c.client(DATA), c.frames.pop(), c.server(DATA)),
        ["client MISSING None", "server 50", "client END None", "server END None", "closed"],
    ),
    "a missing segment that nobody acknowledges": (
        lambda c: (
            c.client(DATA),
            c.frames.pop(),
            c.client(CERTIFICATE),
            c.packet(SERVER, RST, ack=1001 + HELLO),
        ),
        ["client MISSING 50", "client 100", "server RST", "closed"],
    ),
    "missing segments of both": (
        lambda c: (
            c.client(DATA),
            c.frames.pop(),
            c.server(DATA),
            c.frames.pop(),
            c.client(CERTIFICATE).server(CERTIFICATE).close(),
        ),
        ["server MISSING None", "client MISSING 50", "client 100", "server 100", *END],
    ),
    "a missing FIN": (
        lambda c: (c.packet(CLIENT, FIN | ACK), c.frames.pop(), c.packet(SERVER, FIN | ACK)),
        ["server FIN", "client END None", "closed"],
    ),
}


@pytest.mark.parametrize(("change", "expected"), SCENES.values(), ids=SCENES)
def test_what_is_told(change: Change, expected: list[str]) -> None:
    conversation = begun()
    change(conversation)
    assert lines(conversation) == [*START, *expected]


def test_a_missing_segment_that_comes_late_is_no_gap_and_keeps_the_order() -> None:
    conversation = begun().client(DATA).server(DATA).client(CERTIFICATE).close()
    whole = items_of(conversation.frames)
    late = conversation.frames.pop(5)
    for place in range(5, len(conversation.frames) + 1):
        frames = list(conversation.frames)
        frames.insert(place, late)
        items = items_of(frames)
        assert streams(items) == streams(whole), place
        assert sorted(told(items)) == sorted(told(whole))
        times = [item.time for item in items if isinstance(item, FlowBytes)]
        assert times == sorted(times)
        if place < 7:
            assert told(items) == told(whole)


def test_what_is_acknowledged_is_waited_for_a_while_only() -> None:
    conversation = begun().client(DATA)
    conversation.frames.pop()
    for _ in range(PATIENCE + 1):
        conversation.server(DATA)
    items = told(items_of(conversation.frames))
    assert items[2:4] == ["client MISSING None", "server 50"]
    conversation = begun().client(DATA)
    conversation.frames.pop()
    conversation.server(DATA).server(record(23, bytes(9)))
    later = conversation.frames[-1]
    conversation.frames[-1] = Frame(later.data, later.time + LINGER + 1)
    other = Conversation(client=("10.0.0.3", 5)).packet(CLIENT, SYN).frames[0]
    frames = [*conversation.frames, Frame(other.data, later.time + 2 * LINGER + 2)]
    assert told(items_of(frames))[2:5] == ["client MISSING None", "server 50", "server 14"]


def test_ports_are_used_again() -> None:
    first = begun().close()
    second = begun(starts=(50_000_000, 60_000_000)).close()
    unfinished = begun(starts=(70_000_000, 80_000_000))
    third = begun(starts=(90_000_000, 10_000_000)).close()
    frames = first.frames + second.frames + unfinished.frames + third.frames
    items = items_of(frames)
    cut = ["client END None", "server END None", "closed"]
    assert told(items) == [*START, *END, *START, *END, *START, *cut, *START, *END]
    numbers = [item.flow.number for item in items if isinstance(item, FlowClosed)]
    assert numbers == [1, 2, 3, 4]


@pytest.mark.parametrize("copies", [2, 3])
def test_a_bridge_captures_each_packet_more_than_once(copies: int) -> None:
    conversation = begun().client(CERTIFICATE).server(DATA).close()
    tagged = [
        Frame(frame.data[:12] + b"\x81\0\0" + bytes([copy]) + frame.data[12:], frame.time)
        for frame in conversation.frames
        for copy in range(copies)
    ]
    assert told(items_of(tagged)) == [*START, "client 100", "server 50", *END]


def test_the_client_is_who_says_hello_whoever_opened_tcp() -> None:
    conversation = Conversation().open().server(CLIENT_HELLO).client(SERVER_HELLO).close()
    items = items_of(conversation.frames)
    assert told(items) == [*START, "server FIN", "client FIN", "closed"]
    closed = items[-1]
    assert isinstance(closed, FlowClosed)
    assert (closed.flow.client.port, closed.flow.server.port) == (443, 50000)


def test_a_capture_that_begins_after_the_syn_has_all_of_tls() -> None:
    conversation = begun().client(CERTIFICATE).close()
    for missing in (1, 2, 3):
        frames = conversation.frames[missing:]
        assert told(items_of(frames)) == [*START, "client 100", *END], missing


@pytest.mark.parametrize("client_first", [True, False])
def test_a_capture_that_begins_in_the_middle_tells_so(client_first: bool) -> None:
    conversation = begun().client(CERTIFICATE)
    conversation.frames.clear()
    if client_first:
        conversation.client(b"the end of a record").client(DATA).server(DATA).close()
        expected = ["client START None", "client 50", "server START None", "server 50", *END]
    else:
        conversation.server(b"the end of a record").server(DATA).client(DATA).close()
        expected = ["server START None", "server 50", "client START None", "client 50", *END]
    assert lines(conversation) == expected


def test_a_capture_that_begins_between_the_hellos() -> None:
    conversation = begun().client(CERTIFICATE).server(DATA).close()
    expected = ["client START None", "server 50", "client 100", "server 50", *END]
    assert told(items_of(conversation.frames[4:])) == expected


def test_an_end_whose_start_was_missed_and_that_says_no_record_is_told_at_last() -> None:
    conversation = begun().client(CERTIFICATE)
    conversation.frames.clear()
    conversation.client(DATA).server(b"the end of a record").close()
    expected = ["client START None", "client 50", END[0], "server START None", *END[1:]]
    assert lines(conversation) == expected


def test_a_hole_in_what_is_before_the_first_record_is_a_part_of_the_missing_start() -> None:
    conversation = begun().client(CERTIFICATE)
    conversation.frames.clear()
    conversation.server(DATA).client(b"the end of a record").client(CERTIFICATE)
    conversation.frames.pop()
    conversation.client(b"and another").server(DATA).client(DATA).close()
    expected = ["server START None", "server 50", "server 50", "client START None", "client 50"]
    assert lines(conversation) == [*expected, *END]


def test_a_probe_of_an_end_whose_start_was_missed_is_no_byte() -> None:
    conversation = begun().client(CERTIFICATE)
    conversation.frames.clear()
    before = conversation.sent[CLIENT] - 1
    conversation.packet(CLIENT, seq=before).server(DATA).packet(CLIENT, FIN | ACK)
    conversation.packet(SERVER, FIN | ACK)
    expected = ["server START None", "server 50", "client START None", *END]
    assert lines(conversation) == expected


def test_tcp_that_is_whole_and_tls_that_begins_in_the_middle() -> None:
    conversation = Conversation().open().client(CERTIFICATE).server(DATA).close()
    expected = ["client START None", "client 100", "server START None", "server 50", *END]
    assert lines(conversation) == expected
    alert = record(21, b"\2\x0a")
    conversation = Conversation().open().client(CERTIFICATE).server(alert).close()
    assert lines(conversation) == ["client 100", "server 7", *END], "the client's own doing"


@pytest.mark.parametrize("handshake", [True, False], ids=["SYN", "no SYN"])
@pytest.mark.parametrize("sender", [CLIENT, SERVER])
def test_a_capture_of_one_direction_only(sender: Endpoint, handshake: bool) -> None:
    conversation = begun().client(CERTIFICATE).server(DATA).client(DATA).close()
    source = b"\x0a\0\0\x01" if sender is CLIENT else b"\x0a\0\0\x02"
    frames = [frame for frame in conversation.frames if frame.data[26:30] == source]
    if not handshake:
        frames = [frame for frame in frames if not frame.data[47] & SYN]
    gap = f"{sender.other.value} DIRECTION None"
    own = {
        CLIENT: [f"client {HELLO}", gap, "client 100", "client 50", "client FIN", "closed"],
        SERVER: [gap, f"server {REPLY}", "server 50", "server FIN", "closed"],
    }
    assert told(items_of(frames)) == own[sender]


def test_a_direction_that_is_captured_late_has_its_gaps_told_too() -> None:
    conversation = begun()
    del conversation.frames[4], conversation.frames[1]  # nothing of the server is left
    for _ in range(PATIENCE + 2):
        conversation.server(DATA)
        conversation.frames.pop()
        conversation.client(DATA)
    conversation.server(DATA).server(CERTIFICATE)
    conversation.frames.pop()
    conversation.server(DATA).client(DATA).close()
    got = lines(conversation)
    assert got[:3] == [START[0], "server DIRECTION None", "client 50"]
    assert got[-7:] == ["server 50", "server MISSING 100", "server 50", "client 50", *END]


def test_a_direction_of_which_only_syn_and_fin_were_captured() -> None:
    conversation = Conversation().open().client(CLIENT_HELLO).client(CERTIFICATE).close()
    expected = [START[0], "server DIRECTION None", "client 100", *END]
    assert lines(conversation) == expected


def test_a_direction_of_which_only_the_fin_tells_how_much_it_was() -> None:
    conversation = Conversation().open().client(CLIENT_HELLO).server(SERVER_HELLO)
    conversation.frames.pop()
    conversation.client(CERTIFICATE).packet(SERVER, FIN | ACK).packet(CLIENT, FIN | ACK)
    assert lines(conversation) == [
        START[0],
        f"server DIRECTION {REPLY}",
        "client 100",
        *END[1::-1],
        END[2],
    ]


def test_early_data_is_no_answer() -> None:
    conversation = Conversation().open().client(CLIENT_HELLO).client(DATA).client(DATA).close()
    assert lines(conversation) == [START[0], "client 50", "client 50", *END]


@pytest.mark.parametrize("long", [False, True])
def test_what_an_end_answers_is_waited_for_within_bounds(long: bool) -> None:
    conversation = Conversation().open().client(CLIENT_HELLO).client(CERTIFICATE)
    data = bytes(1400) if long else b"x"
    count = MAX_HELD_BACK // 1400 + 1 if long else LONG_PATIENCE
    for _ in range(count):
        conversation.client(data)
    flows_items = told(items_of(conversation.frames))
    place = flows_items.index("server MISSING None")
    assert flows_items[place + 1] == "client 100"
    assert "server DIRECTION None" not in flows_items


def test_fast_open() -> None:
    conversation = Conversation()
    conversation.packet(CLIENT, SYN, CLIENT_HELLO)
    conversation.packet(SERVER, SYN | ACK).server(SERVER_HELLO).close()
    assert lines(conversation) == [*START, *END]


def test_a_refused_connection_and_a_port_that_answers_nothing() -> None:
    refused = Conversation().packet(CLIENT, SYN).packet(SERVER, RST | ACK, seq=0)
    silent = Conversation(client=("10.0.0.9", 9)).packet(CLIENT, SYN).packet(CLIENT, SYN, seq=1000)
    items = items_of(refused.frames + silent.frames)
    assert told(items) == ["closed", "closed"]
    assert [item.tls for item in items if isinstance(item, FlowClosed)] == [False, False]


def test_packets_that_were_cut_leave_gaps() -> None:
    conversation = begun().client(CERTIFICATE).server(DATA).close()
    frames = [Frame(frame.data[:74], frame.time, len(frame.data)) for frame in conversation.frames]
    items = items_of(frames)
    assert told(items) == [
        "client 20",
        f"client SNAPPED {HELLO - 20}",
        "server 20",
        f"server SNAPPED {REPLY - 20}",
        "client 20",
        "client SNAPPED 80",
        "server 20",
        "server SNAPPED 30",
        *END,
    ]
    closed = items[-1]
    assert isinstance(closed, FlowClosed)
    lacks = [(lack.sender, lack.gap, lack.octets) for lack in closed.flow.lacks]
    snapped = Gap.SNAPPED
    assert lacks == [(CLIENT, snapped, HELLO + 60), (SERVER, snapped, REPLY + 10)]


def test_what_is_missing_before_tls_was_found_is_told_as_a_missing_start() -> None:
    """The hellos were lost: what is in the clear behind them cannot be told."""
    for answer, ends in (
        (b"", ["server START None", "server FIN", "client START None", "client 100", "client FIN"]),
        (DATA, ["client MISSING 50", "client 100", "server START None", "server 50", *END[:2]]),
    ):
        conversation = begun().client(CERTIFICATE)
        frames = (conversation.server(answer) if answer else conversation).close().frames
        assert told(items_of(frames[:3] + frames[5:])) == [*ends, "closed"]


@pytest.mark.parametrize("sender", [CLIENT, SERVER])
def test_a_reset_behind_bytes_that_were_not_captured_tells_that_they_are_missing(
    sender: Endpoint,
) -> None:
    """They may have been the alert by which an end refused the other."""
    conversation = begun()
    (conversation.client if sender is CLIENT else conversation.server)(DATA)
    frames = conversation.packet(sender, RST).frames
    name = sender.value
    assert told(items_of(frames)) == [*START, f"{name} 50", f"{name} RST", "closed"]
    frames = frames[:-2] + frames[-1:]
    assert told(items_of(frames)) == [*START, f"{name} MISSING None", f"{name} RST", "closed"]


@pytest.mark.parametrize("order", [(3, 0, 1, 2, 4), (0, 4, 1, 2, 3)])
def test_a_syn_that_was_captured_behind_bytes_begins_no_other_connection(
    order: tuple[int, ...],
) -> None:
    frames = begun().client(CERTIFICATE).server(DATA).close().frames
    items = items_of([*(frames[place] for place in order), *frames[5:]])
    assert sum(isinstance(item, FlowClosed) for item in items) == 1
    assert told(items)[-5:] == ["client 100", "server 50", *END]


@pytest.mark.parametrize("kept", [54, 55])
def test_of_what_was_cut_before_tls_could_be_seen_nothing_is_said(kept: int) -> None:
    conversation = begun().client(CERTIFICATE).server(DATA).close()
    frames = [
        Frame(frame.data[:kept], frame.time, len(frame.data)) for frame in conversation.frames
    ]
    closed = items_of(frames)[-1]
    assert isinstance(closed, FlowClosed)
    assert (closed.tls, closed.other) == (False, CUT_SHORT)
    # What was seen to be something else is called that.
    plain = Conversation().open().client(b"GET / HTTP/1.1\r\n\r\n").close()
    frames = [Frame(frame.data[:64], frame.time, len(frame.data)) for frame in plain.frames]
    closed = items_of(frames)[-1]
    assert isinstance(closed, FlowClosed)
    assert closed.other == "plain HTTP"


def shuffled(seed: int) -> tuple[list[Frame], dict[tuple[int, Endpoint], bytes]]:
    """A connection whose packets come in another order, more than once, and cut otherwise."""
    rng = random.Random(seed)
    starts = (rng.choice((1000, 2**32 - 40)), rng.choice((9000, 2**32 - 300)))
    conversation = Conversation(starts=starts)
    conversation.open()
    sent = {(1, CLIENT): b"", (1, SERVER): b""}
    ack = {sender: conversation.sent[sender.other] for sender in Endpoint}
    for sender, data in [(CLIENT, CLIENT_HELLO), (SERVER, SERVER_HELLO)]:
        data += b"".join(record(23, rng.randbytes(rng.randrange(1, 60))) for _ in range(9))
        sent[1, sender] = data
        start, at = conversation.sent[sender], 0
        while at < len(data):
            size = rng.randrange(1, 40)
            for _ in range(rng.choice((1, 1, 2))):
                again = max(0, at - rng.choice((0, 0, 9)))
                part = data[again : at + size]
                conversation.packet(sender, ACK, part, seq=start + again, ack=ack[sender])
            at += size
        conversation.sent[sender] += len(data)
    opening, rest = conversation.frames[:3], conversation.frames[3:]
    rng.shuffle(rest)
    conversation.frames = opening + rest
    return conversation.close().frames, sent


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_segments_makes_the_same_streams(seed: int) -> None:
    frames, sent = shuffled(seed)
    assert streams(items_of(frames)) == sent


def key(number: int) -> bytes:
    return bytes([10, 0, 0, 1, 10, 0, 0, 2]) + number.to_bytes(4, "big")


def test_the_number_of_open_connections_is_bounded_and_the_idle_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp_flows, "MAX_FLOWS", 64)
    items: list[CaptureItem] = []
    flows = TcpFlows(items)
    for number in range(64):
        flows.segment(key(number), float(number), 7, 0, SYN, b"", 0)
    flows.segment(key(0), 64.0, 8, 1, ACK, CLIENT_HELLO, 0)
    assert told(items) == [f"client {HELLO}"]
    flows.segment(key(64), 65.0, 7, 0, SYN, b"", 0)
    closed = [item.flow.number for item in items if isinstance(item, FlowClosed)]
    assert closed == [2, 3, 4, 5]


def test_late_packets_of_a_connection_that_ended_are_no_new_one() -> None:
    conversation = begun().close()
    conversation.client(DATA).packet(CLIENT, RST).packet(SERVER, FIN | ACK, seq=9000)
    conversation.packet(CLIENT, SYN, seq=1000)
    assert lines(conversation) == [*START, *END]
    conversation.packet(CLIENT, ACK, CLIENT_HELLO, seq=2**30)
    assert lines(conversation)[len(START + END)] == f"client {HELLO}", "another, without a SYN"


def test_how_many_ended_connections_are_remembered_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp_flows, "MAX_ENDED", 32)
    items: list[CaptureItem] = []
    flows = TcpFlows(items)
    for number in range(33):
        flows.segment(key(number), 1.0, 7, 0, SYN, b"", 0)
        flows.segment(key(number), 1.0, 8, 0, FIN, b"", 0)
        flows.segment(reversed_key(key(number)), 1.0, 8, 0, FIN, b"", 0)
    assert len(items) == 33
    flows.segment(key(0), 1.0, 9, 1, ACK, CLIENT_HELLO, 0)
    flows.segment(key(5), 1.0, 9, 1, ACK, CLIENT_HELLO, 0)
    assert told(items[33:]) == [f"client {HELLO}"], "only the oldest was forgotten"


def test_no_more_connections_are_kept_where_time_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp_flows, "MAX_FLOWS", 32)
    monkeypatch.setattr(tcp_flows, "MAX_ENDED", 32)
    kept: weakref.WeakSet[TcpFlow] = weakref.WeakSet()

    class CountedFlow(TcpFlow):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            kept.add(self)

    monkeypatch.setattr(tcp_flows, "TcpFlow", CountedFlow)
    items: list[CaptureItem] = []
    flows = TcpFlows(items)
    for number in range(1000):
        flows.segment(key(number), 1.0, 7, 0, SYN, b"", 0)
        flows.segment(key(number), 1.0, 8, 0, RST, b"", 0)
    assert len(kept) <= 3 * 32, "and no cycle keeps them until they are collected"
    assert len(items) >= 1000 - 32


def test_what_waits_in_one_direction_is_bounded() -> None:
    items: list[CaptureItem] = []
    flows = TcpFlows(items)
    flows.segment(key(1), 1.0, 7, 0, SYN, b"", 0)
    flows.segment(key(1), 1.0, 8, 1, ACK, CLIENT_HELLO, 0)
    at = 8 + HELLO + 1
    while told(items)[-1] == f"client {HELLO}":
        flows.segment(key(1), 1.0, at, 1, ACK, bytes(60_000), 0)
        at += 60_000
    assert at > MAX_WAITING
    gaps = [(item.gap, item.octets) for item in items if isinstance(item, FlowGap)]
    assert gaps == [(Gap.MISSING, 1)]
    assert sum(len(item.data) for item in items if isinstance(item, FlowBytes)) == at - 9


def test_what_waits_in_all_connections_is_bounded_and_the_oldest_waits_no_more() -> None:
    items: list[CaptureItem] = []
    flows = TcpFlows(items)
    half = MAX_WAITING // 2 // 50_000 * 50_000
    for number in range(MAX_KEPT // half + 1):
        flows.segment(key(number), 1.0, 7, 0, SYN, b"", 0)
        flows.segment(key(number), 1.0, 8, 1, ACK, CLIENT_HELLO, 0)
        for at in range(0, half, 50_000):
            flows.segment(key(number), 1.0, 9 + HELLO + at, 1, ACK, bytes(50_000), 0)
    assert [item.flow for item in items if isinstance(item, FlowGap)] == [1]


def test_pieces_of_a_byte_count_for_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_flows, "MAX_KEPT", 2**16)
    items: list[CaptureItem] = []
    flows = TcpFlows(items)
    for number in range(30):
        flows.segment(key(number), 1.0, 7, 0, SYN, b"", 0)
        flows.segment(key(number), 1.0, 8, 1, ACK, CLIENT_HELLO, 0)
        for at in range(20):
            flows.segment(key(number), 1.0, 9 + HELLO + 2 * at, 1, ACK, b"x", 0)
    waiting = 2**16 // (PIECE_COST + 1) // 20
    gaps = {item.flow for item in items if isinstance(item, FlowGap)}
    assert gaps == set(range(1, 30 - waiting + 1))
