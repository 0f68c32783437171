"""The observer against the traces of RFC 8448."""

from __future__ import annotations

import random

import pytest

from lab.diagnosis.evidence import summarize
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    Event,
    Malformed,
    MessageSeen,
    SealedSeen,
    WireEvent,
)
from lab.tls.extensions import KeyShareServerHello
from lab.tls.observer import Observer
from tests.tls.rfc8448 import TRACES, Trace

CLIENT_HELLO = 1


def feed(observer: Observer, trace: Trace) -> list[Event]:
    events: list[Event] = []
    for number, (sender, _, data) in enumerate(trace.records):
        events += observer.feed(sender, data, float(number))
    return events


def observe(trace: Trace) -> list[Event]:
    observer = Observer()
    return [*observer.learn(trace.key_log), *feed(observer, trace), *observer.finish()]


def test_every_message_is_read_in_order(trace: Trace) -> None:
    seen = [event for event in observe(trace) if isinstance(event, MessageSeen)]
    assert [event.endpoint for event in seen] == [sender for sender, _, _ in trace.messages]
    for event, (_, name, data) in zip(seen, trace.messages, strict=True):
        # A HelloRetryRequest is printed as the ServerHello that it is on the wire, a ClientHello
        # of section 4 without its binders.
        assert event.message.name.replace("HelloRetryRequest", "ServerHello") == name
        assert event.raw.startswith(data)
        assert event.raw == data or (name == "ClientHello" and trace.section == "4")
    assert not any(event.out_of_order for event in seen)


def test_every_record_is_opened(trace: Trace) -> None:
    events = observe(trace)
    assert not [event for event in events if isinstance(event, SealedSeen | Malformed)]
    for number, (sender, plaintext, data) in enumerate(trace.records):
        inside = [event for event in events if event.time == number]
        assert {event.endpoint for event in inside} == {sender}
        content = b""
        for event in inside:
            assert isinstance(event, WireEvent)
            assert event.encrypted == (data[0] == 23)
            assert [span.length for span in event.records] == [len(data)]
            if isinstance(event, MessageSeen):
                content += event.raw
            elif isinstance(event, ApplicationDataSeen):
                content += event.data
            elif isinstance(event, AlertSeen):
                content += bytes([event.level, event.description])
            else:
                content += b"\x01"
        assert content == plaintext


def test_secrets_may_come_last_or_in_any_order(trace: Trace) -> None:
    expected = observe(trace)
    lines = trace.key_log.splitlines(keepends=True)
    random.Random(8448).shuffle(lines)
    observer = Observer()
    events = feed(observer, trace)
    for line in lines:
        events += observer.learn(line)
    assert [*events, *observer.finish()] == expected


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_bytes_may_be_split_anywhere(trace: Trace, size: int) -> None:
    observer = Observer()
    events = observer.learn(trace.key_log)
    for number, (sender, _, data) in enumerate(trace.records):
        for start in range(0, len(data), size):
            events += observer.feed(sender, data[start : start + size], float(number))
    assert events == observe(trace)


def test_without_secrets_what_is_sealed_is_told(trace: Trace) -> None:
    observer = Observer()
    waiting = feed(observer, trace)
    assert not [event for event in waiting if isinstance(event, SealedSeen)]
    events = waiting + observer.finish()
    sealed = [event for event in events if isinstance(event, SealedSeen)]
    protected = [data for _, _, data in trace.records if data[0] == 23]
    assert [event.length for event in sealed] == [len(data) - 5 for data in protected]
    assert [event.time for event in events] == sorted(event.time for event in events)
    for event in sealed[-2:]:
        assert event.inference == "as long as an alert: 2 bytes inside, unless it is padded"


def test_the_summary_of_client_authentication() -> None:
    (trace,) = [trace for trace in TRACES if trace.section == "6"]
    summary = summarize(observe(trace))
    assert str(summary.version) == "TLS 1.3"
    assert summary.server_hello is not None
    assert str(summary.server_hello.cipher_suite) == "TLS_AES_128_GCM_SHA256"
    assert summary.server_name == "server"
    assert summary.client_verify is not None
    assert str(summary.client_verify.algorithm) == "rsa_pss_rsae_sha256"
    assert summary.request is not None
    assert summary.client_chain is not None
    assert summary.server_chain is not None
    assert [len(der) for der in summary.client_chain + summary.server_chain] == [438, 306]


def test_which_of_them_resume_a_session_and_in_which_group() -> None:
    summaries, groups = {}, {}
    for trace in TRACES:
        summary = summaries[trace.section] = summarize(observe(trace))
        assert summary.server_hello is not None
        share = summary.server_hello.find(KeyShareServerHello)
        assert share is not None
        groups[trace.section] = str(share.server_share.group)
    assert [summaries[section].resumed for section in "34567"] == [False, True, *[False] * 3]
    assert (groups["5"], groups["6"]) == ("secp256r1", "x25519")


def test_early_data_without_its_secret() -> None:
    """The handshake secret is there: the early one will not come, and nothing waits for it."""
    (trace,) = [trace for trace in TRACES if trace.section == "4"]
    observer = Observer()
    lines = trace.key_log.splitlines(keepends=True)
    observer.learn("".join(line for line in lines if "EARLY" not in line))
    events = feed(observer, trace)
    sealed = [event for event in events if isinstance(event, SealedSeen)]
    assert [(event.endpoint, event.time, event.inference) for event in sealed] == [
        (Endpoint.CLIENT, 1.0, "early data, sent before the server's answer counts"),
        # EndOfEarlyData is under the early secret too (RFC 9846 section 4.6).
        (Endpoint.CLIENT, 4.0, "early data, sent before the server's answer counts"),
    ]
    finished = [event for event in events if isinstance(event, MessageSeen)][-1]
    assert (finished.message.name, finished.endpoint) == ("Finished", Endpoint.CLIENT)
    assert not finished.out_of_order
