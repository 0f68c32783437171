"""A ClientHello in the form of SSL 2: read as what it stands for, with all that follows it."""

from __future__ import annotations

import ssl

import pytest

from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Result
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import (
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    Malformed,
    MessageSeen,
    NotTls,
    Protocol,
    RecordSpan,
    StreamEnd,
)
from lab.tls.messages import ClientHello, ServerHello
from lab.tls.observer import Observer
from lab.tls.sslv2_hello import may_begin_sslv2_hello
from tests.support.harness import Identities, server_context
from tests.tls.messages_table import server_hello
from tests.tls.wire import handshake, record

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
CHALLENGE = bytes(range(16))
SPECS = bytes.fromhex("00002f 010080 000005 0700c0")  # two of TLS, and two of SSL 2 itself


def sslv2_hello(
    version: int = 0x0303,
    specs: bytes = SPECS,
    session_id: bytes = b"",
    challenge: bytes = CHALLENGE,
) -> bytes:
    parts = (specs, session_id, challenge)
    lengths = b"".join(len(part).to_bytes(2, "big") for part in parts)
    message = b"\1" + version.to_bytes(2, "big") + lengths + b"".join(parts)
    return (0x8000 | len(message)).to_bytes(2, "big") + message


def answer(version: int = 0x0303) -> bytes:
    hello = server_hello(suite=0x2F).data
    return record(22, handshake(2, version.to_bytes(2, "big") + hello[2:]))


def hello_in(events: list[Event]) -> ClientHello:
    event = events[0]
    assert isinstance(event, MessageSeen) and isinstance(event.message, ClientHello)
    assert not (event.encrypted or event.out_of_order)
    return event.message


def connection(observer: Observer) -> list[Event]:
    """A whole connection, whose keys are not known."""
    change = record(20, b"\1") + record(22, bytes(40))
    events = observer.feed(CLIENT, sslv2_hello(), 0.0)
    events += observer.feed(SERVER, answer() + record(22, handshake(14, b"")), 0.1)
    exchange = handshake(16, b"\0\4" + bytes(4))
    events += observer.feed(CLIENT, record(22, exchange) + change, 0.2)
    events += observer.feed(SERVER, change, 0.3)
    events += observer.feed(CLIENT, record(23, bytes(64)), 0.4)
    events += observer.feed(SERVER, record(23, bytes(64)), 0.5)
    for sender in (CLIENT, SERVER):
        events += observer.end(sender, StreamEnd.FIN, 0.6)
    return events + observer.unfinished(0.7)


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302, 0x0303])
def test_it_stands_for_a_client_hello(version: int) -> None:
    raw = sslv2_hello(version, session_id=b"i" * 16)
    events = Observer().feed(CLIENT, raw, 0.0)
    hello = hello_in(events)
    assert hello.in_sslv2_form
    assert hello.legacy_version == ProtocolVersion(version)
    assert hello.random == bytes(16) + CHALLENGE
    assert hello.legacy_session_id == b"i" * 16
    assert list(hello.cipher_suites) == [0x002F, 0x0005]
    assert (hello.extensions, hello.name) == ((), "ClientHello")
    (event,) = events
    assert isinstance(event, MessageSeen)
    assert (event.records, event.raw) == ((RecordSpan(0, len(raw)),), raw[2:])


def test_its_challenge_is_the_random_by_which_secrets_are_found() -> None:
    for challenge, random in ((b"c" * 20, bytes(12) + b"c" * 20), (b"x" + b"c" * 32, b"c" * 32)):
        asked: list[bytes] = []

        def secrets(random: bytes, asked: list[bytes] = asked) -> list[object]:
            asked.append(random)
            return []

        observer = Observer(secrets=secrets)  # type: ignore[arg-type]
        assert hello_in(observer.feed(CLIENT, sslv2_hello(challenge=challenge), 0)).random == random
        assert asked == [random]


def test_the_records_behind_it_are_read_in_both_directions() -> None:
    events = connection(Observer())
    names = [event.message.name for event in events if isinstance(event, MessageSeen)]
    assert names == ["ClientHello", "ServerHello", "ServerHelloDone", "ClientKeyExchange"]
    assert not any(event.out_of_order for event in events if isinstance(event, MessageSeen))
    assert sum(isinstance(event, ChangeCipherSpecSeen) for event in events) == 2
    assert judge(events).result is Result.ACCEPTED


@pytest.mark.parametrize("size", range(1, 14))
def test_it_may_come_in_pieces(size: int) -> None:
    observer, data = Observer(), sslv2_hello() + record(21, b"\2\x28")
    events: list[Event] = []
    for at in range(0, len(data), size):
        events += observer.feed(CLIENT, data[at : at + size], 0.0)
    assert [type(event).__name__ for event in events] == ["MessageSeen", "AlertSeen"]


@pytest.mark.parametrize("end", range(5, len(sslv2_hello()), 7))
def test_where_it_is_not_whole_it_is_only_named(end: int) -> None:
    observer = Observer()
    assert observer.feed(CLIENT, sslv2_hello()[:end], 0.0) == []
    event, *_ = observer.end(CLIENT, StreamEnd.FIN, 0.1)
    assert isinstance(event, NotTls) and event.protocol is Protocol.SSLV2


@pytest.mark.parametrize(
    "first",
    [
        sslv2_hello(0x0002),
        sslv2_hello(specs=b""),
        sslv2_hello(specs=SPECS[:-1]),
        sslv2_hello(challenge=b""),
        sslv2_hello()[:10] + b"\xff" + sslv2_hello()[11:],
        sslv2_hello(specs=SPECS * 400),
    ],
)
def test_what_is_no_hello_for_tls_is_not_decoded(first: bytes) -> None:
    """Of SSL 2 itself, or with lengths that lie, or longer than any hello."""
    assert not may_begin_sslv2_hello(first)
    (event,) = Observer().feed(CLIENT, first, 0.0)
    assert isinstance(event, NotTls) and event.protocol is Protocol.SSLV2


def test_only_clients_send_it() -> None:
    (event,) = Observer().feed(SERVER, sslv2_hello(), 0.0)
    assert isinstance(event, NotTls) and event.protocol is Protocol.SSLV2


def test_a_server_that_answers_in_ssl_2_is_named() -> None:
    observer = Observer()
    observer.feed(CLIENT, sslv2_hello(), 0.0)
    body = b"\4\0\1\0\2" + b"\0\1\0\3\0\4" + b"cabcxxxx"
    (event,) = observer.feed(SERVER, (0x8000 | len(body)).to_bytes(2, "big") + body, 0.1)
    assert isinstance(event, NotTls) and event.protocol is Protocol.SSLV2


def test_what_breaks_the_syntax_behind_it_is_malformed() -> None:
    events = Observer().feed(CLIENT, sslv2_hello() + b"\x99" * 5, 0.0)
    hello_in(events)
    assert isinstance(events[-1], Malformed)
    assert events[-1].offset == len(sslv2_hello())


def test_openssl_answers_it(identities: Identities) -> None:
    """A server of today's OpenSSL takes it for the ClientHello that it stands for."""
    context = server_context(
        identities,
        identities.rsa_server,
        ask=False,
        version=ssl.TLSVersion.TLSv1_2,
        ciphers="AES128-SHA:@SECLEVEL=0",
    )
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(sslv2_hello())
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    observer = Observer()
    observer.feed(CLIENT, sslv2_hello(), 0.0)
    first, *rest = observer.feed(SERVER, outgoing.read(), 0.1)
    assert isinstance(first, MessageSeen) and isinstance(first.message, ServerHello)
    assert first.message.negotiated_version == ProtocolVersion.TLS_1_2
    assert first.message.cipher_suite == 0x2F
    assert rest and not any(event.out_of_order for event in rest if isinstance(event, MessageSeen))
