"""What the feed holds back, and for how long; the observed wire; the key log stays small."""

from __future__ import annotations

import contextlib
import os
import ssl
from pathlib import Path

import pytest

from lab.stream.contexts import TlsVersion, server_context
from lab.stream.key_log_source import KeyLogSource
from lab.stream.observed_wire import ObservedWire, ObserverFeed
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    NotTls,
    Part,
    StreamEnd,
    StreamEnded,
    Undecoded,
    Unfinished,
)
from lab.tls.observer import Observer
from lab.tls.reader import SERVER_BUDGET, Budget
from tests.stream.test_facts import Ends
from tests.support.serving import client_tls, server_tls


def test_a_handshake_is_decoded_when_it_is_decided() -> None:
    events: list[Event] = []
    feed = ObserverFeed(Endpoint.SERVER, events.append)
    feed.fact(Fact.CONNECTED)
    feed.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    assert events == []
    feed.fact(Fact.HANDSHAKE_FAILED, "http request")
    assert [type(event) for event in events] == [LocalFact, NotTls, LocalFact]


def test_with_live_nothing_is_held_back() -> None:
    events: list[Event] = []
    feed = ObserverFeed(Endpoint.SERVER, events.append, live=True)
    feed.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    assert [type(event) for event in events] == [NotTls]


def test_what_is_held_back_is_bounded() -> None:
    events: list[Event] = []
    feed = ObserverFeed(Endpoint.SERVER, events.append)
    feed.fact(Fact.CONNECTED)
    for _ in range(4):
        assert events == []
        feed.received(b"\x17\x03\x03\x40\x00" + bytes(16384), 1.0)
    assert events


def test_the_key_log_is_emptied_as_it_is_read(certs: Path) -> None:
    context = server_context(server_tls(certs))
    with KeyLogSource(context) as source:
        file = Path(context.keylog_filename or "")
        for _ in range(3):
            ends = Ends(client_tls(certs), context)
            for _ in range(3):
                ends.turn()
            assert ends.server.version() == "TLSv1.3"
            assert "SERVER_TRAFFIC_SECRET_0" in source.read()
            assert os.stat(file).st_size == 0


def test_where_failures_count_an_accepted_handshake_is_told_by_its_facts() -> None:
    events: list[Event] = []
    feed = ObserverFeed(Endpoint.SERVER, events.append, failures_only=True)
    feed.fact(Fact.CONNECTED)
    feed.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    feed.fact(Fact.CERTIFICATE_VERIFIED, certificate=b"der")
    feed.fact(Fact.HANDSHAKE_RETURNED, version=ProtocolVersion.TLS_1_3)
    facts = [event.fact for event in events if isinstance(event, LocalFact)]
    assert len(facts) == len(events)
    assert facts == [
        Fact.CONNECTED,
        Fact.CERTIFICATE_VERIFIED,
        Fact.HANDSHAKE_RETURNED,
    ]
    assert feed.over


def test_where_failures_count_a_failed_handshake_is_told_whole() -> None:
    events: list[Event] = []
    feed = ObserverFeed(Endpoint.SERVER, events.append, failures_only=True)
    feed.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    feed.fact(Fact.HANDSHAKE_FAILED, "http request")
    assert [type(event) for event in events] == [NotTls, LocalFact]
    assert not feed.over


def test_what_was_told_before_the_end_of_a_handshake_is_not_called_undecoded() -> None:
    events: list[Event] = []
    feed = ObserverFeed(Endpoint.SERVER, events.append, live=True, failures_only=True)
    feed.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    feed.fact(Fact.HANDSHAKE_RETURNED)
    assert [type(event) for event in events] == [NotTls, LocalFact]


def test_what_has_begun_is_an_event_when_this_end_waits_no_longer() -> None:
    events: list[Event] = []
    feed = ObserverFeed(Endpoint.CLIENT, events.append, clock=lambda: 3.0)
    feed.received(b"\x16\x03\x03\x00\x50", 1.0)
    feed.fact(Fact.TIMED_OUT)
    feed.unfinished()
    (fact, begun) = events
    assert isinstance(fact, LocalFact)
    assert begun == Unfinished(
        time=3.0, endpoint=Endpoint.SERVER, part=Part.RECORD, came=5, expected=85
    )


def test_what_is_held_back_is_bounded_in_number_too() -> None:
    events: list[Event] = []
    feed = ObserverFeed(Endpoint.SERVER, events.append)
    feed.fact(Fact.CONNECTED)
    for _ in range(256):
        feed.received(b"\x16", 1.0)
    assert events


def test_beyond_a_budget_a_handshake_is_shown_by_its_facts_and_by_the_other_end() -> None:
    events: list[Event] = []
    budget = Budget(octets=2**16, records=3, messages=9, items=9)
    feed = ObserverFeed(Endpoint.SERVER, events.append, budget=budget)
    feed.received(b"\x15\x03\x03\x00\x02\x01\x5a" * 1000, 1.0)
    feed.sent(b"\x15\x03\x03\x00\x02\x02\x28", 2.0)
    feed.fact(Fact.HANDSHAKE_FAILED, "too many warn alerts")
    *warnings, rest, alert, fact = events
    assert len(warnings) == 3
    assert isinstance(rest, Undecoded)
    assert (rest.endpoint, rest.limit) == (Endpoint.CLIENT, "more than 3 records")
    assert isinstance(alert, AlertSeen)
    assert str(alert.description) == "handshake_failure"
    assert isinstance(fact, LocalFact)
    assert fact.reason == "too many warn alerts"


class ScriptedWire:
    """Brings these bytes in turn, then FIN; or RST where an exception stands."""

    pending = False

    def __init__(self, *script: bytes | ConnectionError, send_error: bool = False) -> None:
        self.script = list(script)
        self.send_error = send_error
        self.calls: list[str] = []

    async def receive(self) -> bytes:
        step = self.script.pop(0) if self.script else b""
        if isinstance(step, ConnectionError):
            raise step
        return step

    async def send(self, data: bytes) -> None:
        if self.send_error:
            raise BrokenPipeError(32, "Broken pipe")
        self.calls.append("send")

    def finish_sending(self) -> None:
        self.calls.append("finish")

    async def close(self, limit: float) -> None:
        self.calls.append(f"close {limit:g}")


WARNING = b"\x15\x03\x03\x00\x02\x01\x5a"


def observed(wire: ScriptedWire, events: list[Event]) -> ObservedWire:
    feed = ObserverFeed(Endpoint.CLIENT, events.append, live=True)
    return ObservedWire(wire, Endpoint.CLIENT, feed)


async def test_received_bytes_are_shown_when_asked_and_sent_bytes_at_once() -> None:
    events: list[Event] = []
    wire = observed(ScriptedWire(WARNING), events)
    assert await wire.receive() == WARNING
    assert [type(event) for event in events] == [LocalFact]
    before = wire.has_unseen
    wire.show_received(learn=True)
    assert (before, wire.has_unseen) == (True, False)
    await wire.send(WARNING)
    assert [type(event) for event in events] == [LocalFact, AlertSeen, AlertSeen]
    assert [event.endpoint for event in events[1:]] == [Endpoint.SERVER, Endpoint.CLIENT]


async def test_each_end_of_the_connection_is_an_event() -> None:
    events: list[Event] = []
    scripted = ScriptedWire()
    wire = observed(scripted, events)
    assert await wire.receive() == b""
    assert await wire.receive() == b""  # once only
    assert wire.peer_end is StreamEnd.FIN
    wire.finish_sending()
    await wire.close(2)
    ends = [(event.endpoint, event.end) for event in events if isinstance(event, StreamEnded)]
    assert ends == [(Endpoint.SERVER, StreamEnd.FIN), (Endpoint.CLIENT, StreamEnd.FIN)]
    assert isinstance(events[-1], LocalFact)
    assert events[-1].fact is Fact.CLOSED
    assert scripted.calls == ["finish", "close 2"]


async def test_a_reset_and_a_failed_write_are_events() -> None:
    events: list[Event] = []
    wire = observed(ScriptedWire(ConnectionResetError(), send_error=True), events)
    with pytest.raises(BrokenPipeError):
        await wire.send(WARNING)
    with pytest.raises(ConnectionResetError):
        await wire.receive()
    assert wire.peer_end is StreamEnd.RESET
    (failed,) = (
        event
        for event in events
        if isinstance(event, LocalFact) and event.fact is Fact.WRITE_FAILED
    )
    assert failed.reason == "Broken pipe"
    assert isinstance(events[-1], StreamEnded)
    assert events[-1].end is StreamEnd.RESET


async def test_without_a_feed_nothing_is_kept() -> None:
    wire = ObservedWire(ScriptedWire(WARNING), Endpoint.SERVER, None)
    assert await wire.receive() == WARNING
    assert not wire.has_unseen
    wire.show_received(learn=True)
    await wire.send(WARNING)
    wire.finish_sending()
    await wire.close(1)


@pytest.mark.parametrize(
    ("version", "suites", "counted"),
    [
        (TlsVersion.TLS13, "DEFAULT", True),
        (TlsVersion.TLS12, "ECDHE+AESGCM", True),
        (TlsVersion.TLS12, "ECDHE+CHACHA20", True),
        (TlsVersion.TLS12, "ECDHE+AES128:!AESGCM:!AESCCM", False),  # CBC: the length varies
    ],
    ids=["tls1.3", "gcm", "chacha20", "cbc"],
)
def test_known_application_data_is_counted_and_not_decrypted(
    certs: Path, version: TlsVersion, suites: str, counted: bool
) -> None:
    """Nor does it use up the budget; what comes behind it is decrypted as ever."""
    context = client_tls(certs, version=version)
    context.set_ciphers(suites)
    server = server_context(server_tls(certs))
    observers = Observer(SERVER_BUDGET), Observer()

    def show(
        sender: Endpoint, data: bytes, content: bytes = b""
    ) -> tuple[list[Event], list[Event]]:
        told, plain = observers
        return told.feed(sender, data, 1.0, content), plain.feed(sender, data, 1.0)

    with KeyLogSource(server) as key_log:
        ends = Ends(context, server)
        flights = [flight for _ in range(3) for flight in ends.turn()]
        lines = key_log.read()
        for observer in observers:
            observer.learn(lines)
        for sender, data in flights:
            show(sender, data)
        for size in (1, 300, 16384, 16385, *[1] * 300):
            ends.client.write(b"x" * min(size, 16384))
            ends.client.write(b"x" * (size - 16384)) if size > 16384 else None
            told, plain = show(Endpoint.CLIENT, ends.from_client.read(), b"x" * size)
            if counted:
                assert told == plain
        with contextlib.suppress(ssl.SSLWantReadError):
            ends.client.unwrap()
        told, plain = show(Endpoint.CLIENT, ends.from_client.read())
    assert [type(event) for event in plain] == [AlertSeen]
    assert (told == plain) is counted
