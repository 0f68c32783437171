"""What a watch holds back, and for how long; and that the key log stays small."""

from __future__ import annotations

import os
from pathlib import Path

from lab.stream.allowance import Allowance
from lab.stream.contexts import server_context
from lab.stream.key_log_source import KeyLogSource
from lab.stream.observed_wire import ObserverFeed
from lab.tls.bounds import Budget
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import (
    AlertSeen,
    Endpoint,
    Event,
    Fact,
    LocalFact,
    NotTls,
    Part,
    Undecoded,
    Unfinished,
)
from tests.stream.test_facts import Ends
from tests.support.serving import client_tls, server_tls


def test_a_handshake_is_told_when_it_is_decided() -> None:
    told: list[Event] = []
    watch = ObserverFeed(Endpoint.SERVER, told.append)
    watch.fact(Fact.CONNECTED)
    watch.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    assert told == []
    watch.fact(Fact.HANDSHAKE_FAILED, "http request")
    assert [type(event) for event in told] == [LocalFact, NotTls, LocalFact]


def test_with_live_nothing_is_held_back() -> None:
    told: list[Event] = []
    watch = ObserverFeed(Endpoint.SERVER, told.append, live=True)
    watch.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    assert [type(event) for event in told] == [NotTls]


def test_what_is_held_back_is_bounded() -> None:
    told: list[Event] = []
    watch = ObserverFeed(Endpoint.SERVER, told.append)
    watch.fact(Fact.CONNECTED)
    for _ in range(4):
        assert told == []
        watch.received(b"\x17\x03\x03\x40\x00" + bytes(16384), 1.0)
    assert told


def test_the_key_log_is_emptied_as_it_is_read(certs: Path) -> None:
    context = server_context(server_tls(certs))
    with KeyLogSource(context) as source:
        file = Path(context.keylog_filename or "")
        largest = 0
        for _ in range(120):
            ends = Ends(client_tls(certs), context)
            for _ in range(3):
                ends.turn()
            assert ends.server.version() == "TLSv1.3"
            assert "SERVER_TRAFFIC_SECRET_0" in source.read()
            largest = max(largest, os.stat(file).st_size)
        assert largest < 2 * 65536


def test_an_accepted_handshake_beyond_the_allowance_is_told_by_its_facts() -> None:
    told: list[Event] = []
    watch = ObserverFeed(Endpoint.SERVER, told.append, allowance=Allowance(0.0))
    watch.fact(Fact.CONNECTED)
    watch.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    watch.fact(Fact.CERTIFICATE_VERIFIED, certificate=b"der")
    watch.fact(Fact.HANDSHAKE_RETURNED, version=ProtocolVersion.TLS_1_3)
    facts = [event.fact for event in told if isinstance(event, LocalFact)]
    assert len(facts) == len(told)
    assert facts == [
        Fact.CONNECTED,
        Fact.CERTIFICATE_VERIFIED,
        Fact.NOT_DECODED,
        Fact.HANDSHAKE_RETURNED,
    ]
    assert watch.over


def test_a_failed_handshake_is_told_whole_whatever_the_allowance() -> None:
    told: list[Event] = []
    watch = ObserverFeed(Endpoint.SERVER, told.append, allowance=Allowance(0.0))
    watch.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    watch.fact(Fact.HANDSHAKE_FAILED, "http request")
    assert [type(event) for event in told] == [NotTls, LocalFact]
    assert not watch.over


def test_what_is_told_is_charged_to_the_allowance() -> None:
    ticks = iter(range(1000))
    allowance = Allowance(0.01, worked=lambda: float(next(ticks)))
    told: list[Event] = []
    watch = ObserverFeed(Endpoint.SERVER, told.append, allowance=allowance)
    watch.fact(Fact.HANDSHAKE_RETURNED)
    assert not allowance.left


def test_what_was_told_before_the_end_of_a_handshake_is_not_called_undecoded() -> None:
    told: list[Event] = []
    watch = ObserverFeed(Endpoint.SERVER, told.append, live=True, allowance=Allowance(0.0))
    watch.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
    watch.fact(Fact.HANDSHAKE_RETURNED)
    assert [type(event) for event in told] == [NotTls, LocalFact]


def test_what_has_begun_is_told_when_this_end_waits_no_longer() -> None:
    told: list[Event] = []
    watch = ObserverFeed(Endpoint.CLIENT, told.append, clock=lambda: 3.0)
    watch.received(b"\x16\x03\x03\x00\x50", 1.0)
    watch.fact(Fact.TIMED_OUT)
    watch.unfinished()
    (fact, begun) = told
    assert isinstance(fact, LocalFact)
    assert begun == Unfinished(
        time=3.0, endpoint=Endpoint.SERVER, part=Part.RECORD, came=5, expected=85
    )


def test_what_fails_costs_the_allowance_nothing() -> None:
    """Or clients that are refused could keep others from being told in full."""
    told: list[Event] = []
    allowance = Allowance(1e-9)
    for _ in range(100):
        watch = ObserverFeed(Endpoint.SERVER, told.append, allowance=allowance)
        watch.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
        watch.fact(Fact.HANDSHAKE_FAILED, "http request")
    assert allowance.left
    watch = ObserverFeed(Endpoint.SERVER, told.append, allowance=allowance)
    watch.received(b"\x16\x03\x01\x00\x01\x01", 1.0)
    watch.fact(Fact.HANDSHAKE_RETURNED)
    assert not allowance.left


def test_what_is_held_back_is_bounded_in_number_too() -> None:
    told: list[Event] = []
    watch = ObserverFeed(Endpoint.SERVER, told.append)
    watch.fact(Fact.CONNECTED)
    for _ in range(256):
        watch.received(b"\x16", 1.0)
    assert told


def test_beyond_a_budget_a_handshake_is_told_by_its_facts_and_by_the_other_end() -> None:
    told: list[Event] = []
    budget = Budget(octets=2**16, records=3, messages=9, items=9)
    watch = ObserverFeed(Endpoint.SERVER, told.append, budget=budget)
    watch.received(b"\x15\x03\x03\x00\x02\x01\x5a" * 1000, 1.0)
    watch.sent(b"\x15\x03\x03\x00\x02\x02\x28", 2.0)
    watch.fact(Fact.HANDSHAKE_FAILED, "too many warn alerts")
    *warnings, rest, alert, fact = told
    assert len(warnings) == 3
    assert isinstance(rest, Undecoded)
    assert (rest.endpoint, rest.limit) == (Endpoint.CLIENT, "more than 3 records")
    assert isinstance(alert, AlertSeen)
    assert str(alert.description) == "handshake_failure"
    assert isinstance(fact, LocalFact)
    assert fact.reason == "too many warn alerts"
