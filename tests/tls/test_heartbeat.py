"""Heartbeats: read where they are in the clear, named where they are sealed, never malformed."""

from __future__ import annotations

import pytest

from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result
from lab.tls.code_points import ContentType, HeartbeatMessageType
from lab.tls.events import (
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Gap,
    HeartbeatSeen,
    MessageSeen,
    SealedSeen,
    StreamEnd,
)
from lab.tls.heartbeat import HeartbeatReader, is_heartbeat
from lab.tls.observer import Observer
from tests.tls.messages_table import client_hello, server_hello
from tests.tls.sealing import Tls13
from tests.tls.wire import Wire, extension, extensions, handshake, record, u8

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
REQUEST, RESPONSE = HeartbeatMessageType
AGREED = extension(15, u8(1))
PING = b"\1\0\4ping" + bytes(16)
PONG = b"\2\0\4ping" + bytes(16)
SUITE = 0xC02F
FINISHED = bytes(40)


def hellos(*agreed: Wire) -> tuple[Observer, list[Event]]:
    observer = Observer()
    hello = record(22, handshake(1, client_hello(AGREED).data))
    events = observer.feed(CLIENT, hello, 0.0)
    answer = record(22, handshake(2, server_hello(*agreed, suite=SUITE).data))
    return observer, events + observer.feed(SERVER, answer, 0.1)


def heartbeats(events: list[Event]) -> list[HeartbeatSeen]:
    return [event for event in events if isinstance(event, HeartbeatSeen)]


@pytest.mark.parametrize(("agreed", "out_of_order"), [((AGREED,), False), ((), True)])
def test_in_the_clear_they_are_read_and_what_follows_too(
    agreed: tuple[Wire, ...], out_of_order: bool
) -> None:
    observer, events = hellos(*agreed)
    events += observer.feed(CLIENT, record(24, PING), 0.2)
    events += observer.feed(SERVER, record(24, PONG) + record(22, handshake(14, b"")), 0.3)
    request, response = heartbeats(events)
    assert (request.message_type, request.payload_length, request.length) == (REQUEST, 4, 23)
    assert response.message_type == RESPONSE
    assert [request.out_of_order, response.out_of_order] == [out_of_order] * 2
    assert not (request.exceeds or request.encrypted)
    last = events[-1]
    assert isinstance(last, MessageSeen) and last.message.name == "ServerHelloDone"
    assert not last.out_of_order


def test_before_the_server_has_agreed_none_is_allowed() -> None:
    observer = Observer()
    hello = record(22, handshake(1, client_hello(AGREED).data))
    (beat,) = heartbeats(observer.feed(CLIENT, hello + record(24, PING), 0.0))
    assert beat.out_of_order


def test_of_a_stream_that_lacks_bytes_nothing_is_judged() -> None:
    observer, events = hellos()
    events += observer.miss(SERVER, Gap.MISSING, 300, 0.2)
    events += observer.feed(SERVER, record(24, PONG) + record(22, handshake(14, b"")), 0.3)
    (beat,) = heartbeats(events)
    assert not beat.out_of_order
    assert isinstance(events[-1], MessageSeen)


def test_sealed_ones_are_named_and_are_no_finished() -> None:
    """One ahead of the Finished takes nothing from it."""
    observer, events = hellos(AGREED)
    sealed = record(20, b"\1") + record(24, bytes(40)) + record(22, FINISHED)
    for sender in (CLIENT, SERVER):
        events += observer.feed(sender, sealed, 0.2)
    events += observer.feed(SERVER, record(24, bytes(48)) + record(23, bytes(64)), 0.3)
    for sender in (CLIENT, SERVER):
        events += observer.end(sender, StreamEnd.FIN, 0.4)
    events += observer.finish()
    kinds = [event.content_type for event in events if isinstance(event, SealedSeen)]
    heartbeat, finished = ContentType.HEARTBEAT, ContentType.HANDSHAKE
    data = ContentType.APPLICATION_DATA
    assert kinds == [heartbeat, finished, heartbeat, finished, heartbeat, data]
    inferences = {
        event.inference
        for event in events
        if isinstance(event, SealedSeen) and event.content_type is heartbeat
    }
    assert inferences == {"a heartbeat"}
    assert sum(isinstance(event, ChangeCipherSpecSeen) for event in events) == 2
    assert judge(events).result is Result.ACCEPTED


def test_under_keys_of_tls13() -> None:
    tls = Tls13()
    tls.hellos()
    agreed = tls.send(SERVER, "handshake", 22, handshake(8, extensions(AGREED).data))
    assert isinstance(agreed[0], MessageSeen)
    (beat,) = heartbeats(tls.send(SERVER, "handshake", 24, PING))
    assert (beat.message_type, beat.encrypted, beat.out_of_order) == (REQUEST, True, False)
    (bare,) = heartbeats(tls.feed(CLIENT, record(24, PING)))
    assert bare.out_of_order  # in the clear, where there are keys
    (data,) = tls.send(SERVER, "handshake", 23, b"x")
    assert isinstance(data, ApplicationDataSeen)


@pytest.mark.parametrize(
    ("data", "payload_length", "exceeds"),
    [
        (b"", None, False),
        (b"\1", None, False),
        (b"\1\x40", None, False),
        (b"\1\x40\0", 16384, True),
        (b"\1\0\4pin", 4, True),
        (b"\1\0\4ping", 4, False),
        (b"\xee\0\0", 0, False),
    ],
)
def test_what_a_heartbeat_holds_breaks_no_syntax(
    data: bytes, payload_length: int | None, exceeds: bool
) -> None:
    observer, _ = hellos(AGREED)
    (beat,) = heartbeats(observer.feed(CLIENT, record(24, data), 0.2))
    assert (beat.payload_length, beat.exceeds, beat.length) == (payload_length, exceeds, len(data))
    (after,) = heartbeats(observer.feed(CLIENT, record(24, PING), 0.3))
    assert after.message_type == REQUEST


def test_a_message_that_is_longer_than_a_record_goes_on_in_the_next() -> None:
    reader = HeartbeatReader()
    whole = b"\2\xff\xff" + b"\1" * (65535 + 16)
    parts = [whole[at : at + 2**14] for at in range(0, len(whole), 2**14)]
    types = [reader.read(part).message_type for part in [*parts, PONG]]
    assert types == [RESPONSE, None, None, None, None, RESPONSE]


def test_ciphertext_is_no_heartbeat() -> None:
    assert is_heartbeat(PING) and is_heartbeat(PONG)
    assert not any(map(is_heartbeat, (b"", b"\1\0", b"\3" + PING[1:], b"\1\1" + PING[2:])))
