"""Connections of TLS 1.3's drafts: named, read as far as they are in the clear, inferred behind."""

from __future__ import annotations

import pytest

from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result
from lab.tls.code_points import CompressionMethod, ProtocolVersion
from lab.tls.draft_versions import is_protected_otherwise
from lab.tls.events import Endpoint, Event, MessageSeen, SealedSeen, StreamEnd
from lab.tls.messages import ServerHello
from lab.tls.observer import Observer
from tests.tls.messages_table import RANDOM, client_hello, server_hello
from tests.tls.wire import extension, extensions, handshake, opaque, raw, record, u16, vector

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
SHORT = range(0x7F0E, 0x7F16)
AS_FINISHED = range(0x7F16, 0x7F1D)


def short_server_hello(version: int) -> bytes:
    """A ServerHello of a draft up to 21, whose key share has the number 40."""
    share = extension(40, u16(29), opaque(2, bytes(32)))
    return handshake(2, (u16(version) + raw(RANDOM) + u16(0x1301) + extensions(share)).data)


def offer(version: int) -> bytes:
    versions = extension(43, vector(1, u16(version), u16(0x0303)))
    return record(22, handshake(1, client_hello(versions).data), 0x0301)


def answer(version: int) -> bytes:
    if version in SHORT:
        return short_server_hello(version)
    return handshake(2, server_hello(extension(43, u16(version))).data)


def connection(version: int) -> list[Event]:
    """A connection whose keys are not known, from hello to data of the server and the end."""
    observer = Observer()
    observer.learn(f"SERVER_HANDSHAKE_TRAFFIC_SECRET {RANDOM.hex()} {bytes(32).hex()}\n")
    events = observer.feed(CLIENT, offer(version), 0.0)
    events += observer.feed(SERVER, record(22, answer(version)) + record(23, bytes(900)), 0.1)
    events += observer.feed(CLIENT, record(23, bytes(53)) + record(23, bytes(200)), 0.2)
    events += observer.feed(SERVER, record(23, bytes(400)), 0.3)
    for sender in (SERVER, CLIENT):
        events += observer.end(sender, StreamEnd.FIN, 0.4)
    return events + observer.unfinished(0.5)


@pytest.mark.parametrize("version", [*SHORT, *AS_FINISHED])
def test_a_draft_is_named_and_inferred_as_tls13(version: int) -> None:
    events = connection(version)
    (hello,) = (
        event.message
        for event in events
        if isinstance(event, MessageSeen) and isinstance(event.message, ServerHello)
    )
    assert str(hello.negotiated_version) == f"TLS 1.3 draft {version - 0x7F00}"
    assert hello.is_tls13
    assert hello.legacy_compression_method == CompressionMethod.NULL
    assert [len(hello.extensions), hello.cipher_suite] == [1, 0x1301]
    assert not any(event.out_of_order for event in events if isinstance(event, MessageSeen))
    assert judge(events).result is Result.ACCEPTED


@pytest.mark.parametrize("version", [0x7F0E, 0x7F15, 0x7F17, 0x7F18, 0x7E02])
def test_records_of_a_draft_are_sealed_for_a_reason_of_ours(version: int) -> None:
    """Labels of the key schedule, or what is authenticated, are others: no secret would open it."""
    sealed = [event for event in connection(version) if isinstance(event, SealedSeen)]
    assert len(sealed) == 4
    limit = f"records of {ProtocolVersion(version)} are not opened here"
    assert {event.limit for event in sealed} == {limit}


def test_only_records_like_the_finished_versions_are_opened() -> None:
    opened = [version for version in range(0x7F00, 0x7F20) if not is_protected_otherwise(version)]
    assert opened == [0x7F19, 0x7F1A, 0x7F1B, 0x7F1C]
    assert not any(map(is_protected_otherwise, (0x0300, 0x0303, 0x0304)))
    assert is_protected_otherwise(0x0305)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (0x7F00, "unknown(0x7f00)"),
        (0x7F01, "TLS 1.3 draft 1"),
        (0x7F1C, "TLS 1.3 draft 28"),
        (0x7F1D, "unknown(0x7f1d)"),
        (0x7E01, "TLS 1.3 (Google's experiment 1)"),
        (0xFB1A, "TLS 1.3 draft 26 (Facebook's)"),
        (0x7A7A, "GREASE(0x7a7a)"),
    ],
)
def test_names(version: int, name: str) -> None:
    assert str(ProtocolVersion(version)) == name
    assert not ProtocolVersion(version).is_known


def test_early_data_of_a_draft_stays_sealed() -> None:
    observer = Observer()
    observer.learn(f"CLIENT_HANDSHAKE_TRAFFIC_SECRET {RANDOM.hex()} {bytes(32).hex()}\n")
    hello = client_hello(extension(43, vector(1, u16(0x7F13))), extension(42))
    events = observer.feed(CLIENT, record(22, handshake(1, hello.data)) + record(23, bytes(57)), 0)
    events += observer.feed(SERVER, record(22, short_server_hello(0x7F13)), 0.1)
    events += observer.feed(CLIENT, record(23, bytes(53)), 0.2) + observer.finish()
    assert [type(event).__name__ for event in events[-2:]] == ["MessageSeen", "SealedSeen"]
    last = events[-1]
    assert isinstance(last, SealedSeen)
    assert last.limit == "records of TLS 1.3 draft 19 are not opened here"
    assert last.inference.startswith("as long as a Finished")


@pytest.mark.parametrize("suite", [u16(0x1301), raw(b"")])
def test_the_retry_request_of_a_draft_is_in_order(suite) -> None:  # type: ignore[no-untyped-def]
    """It is a message of its own type; draft 19 was the first to name a suite in it."""
    observer = Observer()
    retry = u16(0x7F13 if suite.data else 0x7F12) + suite + extensions(extension(40, u16(23)))
    events = observer.feed(CLIENT, offer(0x7F13), 0.0)
    events += observer.feed(SERVER, record(22, handshake(6, retry.data)), 0.1)
    events += observer.feed(CLIENT, offer(0x7F13), 0.2)
    events += observer.feed(SERVER, record(22, short_server_hello(0x7F13)), 0.3)
    seen = [event for event in events if isinstance(event, MessageSeen)]
    names = [event.message.name for event in seen]
    assert names == ["ClientHello", "hello_retry_request", "ClientHello", "ServerHello"]
    assert not any(event.out_of_order for event in seen)


def test_a_server_hello_of_tls12_is_short_of_nothing() -> None:
    """The short form is for the drafts' numbers alone."""
    short = short_server_hello(0x7F12)
    observer = Observer()
    observer.feed(CLIENT, offer(0x7F12), 0.0)
    events = observer.feed(SERVER, record(22, short[:4] + b"\3\3" + short[6:]), 0.1)
    assert [type(event).__name__ for event in events] == ["Malformed"]
