"""The observer on made-up connections: each rule, and each way to break it."""

from __future__ import annotations

import zlib

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from lab.diagnosis.evidence import summarize
from lab.tls import observer as observing
from lab.tls import protection
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import AlertDescription, AlertLevel, ContentType
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    ChangeCipherSpecSeen,
    Event,
    Malformed,
    MessageSeen,
    NotCaptured,
    NotTls,
    Part,
    Protocol,
    RecordSpan,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
    Unfinished,
)
from lab.tls.message_parsing import HELLO_RETRY_RANDOM
from lab.tls.observer import Observer
from lab.tls.sealed_records import BEFORE_KEYS, BROKEN, EARLY_DATA
from tests.tls.messages_table import (
    CERTIFICATE,
    RANDOM,
    REQUEST_EXTENSIONS,
    SIGNED,
    server_hello,
)
from tests.tls.sealing import (
    CLIENT,
    SERVER,
    VERSIONS,
    Tls13,
)
from tests.tls.wire import (
    extension,
    extensions,
    handshake,
    opaque,
    record,
    u8,
    u16,
    u32,
)

ENCRYPTED_EXTENSIONS = handshake(8, extensions().data)
CERTIFICATE_REQUEST = handshake(
    13, (opaque(1, b"") + extensions(*(wire for wire, _ in REQUEST_EXTENSIONS))).data
)
CERTIFICATE_MESSAGE = handshake(11, CERTIFICATE.data)
EMPTY_CERTIFICATE = handshake(11, b"\0\0\0\0")
CERTIFICATE_VERIFY = handshake(15, SIGNED.data)
FINISHED = handshake(20, b"v" * 32)
KEY_UPDATE = handshake(24, b"\0")
TICKET = handshake(4, (u32(1) + u32(2) + opaque(1, b"") + opaque(2, b"t") + extensions()).data)
SERVER_FLIGHT = ENCRYPTED_EXTENSIONS + CERTIFICATE_MESSAGE + CERTIFICATE_VERIFY + FINISHED
HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def names(events: list[Event]) -> list[str]:
    """The events in short, for comparing."""
    return [_name(event) for event in events]


def _name(event: Event) -> str:
    if isinstance(event, MessageSeen):
        return event.message.name + (" out of order" if event.out_of_order else "")
    if isinstance(event, AlertSeen):
        return str(event.description)
    if isinstance(event, ApplicationDataSeen):
        return f"data {event.data!r}"
    if isinstance(event, SealedSeen):
        return f"sealed {event.inference}"
    if isinstance(event, ChangeCipherSpecSeen):
        return "ChangeCipherSpec" + (" out of order" if event.out_of_order else "")
    if isinstance(event, Malformed):
        return f"malformed {event.where}: {event.problem}"
    if isinstance(event, Undecoded):
        return f"{event.name} not decoded: {event.where}: {event.limit}"
    if isinstance(event, NotTls):
        return event.protocol.value
    if isinstance(event, NotCaptured):
        return f"not captured: {event.gap.name.lower()}"
    assert isinstance(event, StreamEnded)
    return f"{event.end.value}{' truncated' if event.truncated else ''}"


def connected() -> Tls13:
    """A connection after its handshake."""
    tls = Tls13()
    tls.hellos()
    tls.send(SERVER, "handshake", 22, SERVER_FLIGHT)
    tls.send(CLIENT, "handshake", 22, FINISHED)
    return tls


# Messages and records.


def test_messages_may_share_a_record_and_span_records() -> None:
    tls = Tls13()
    tls.hellos()
    events = tls.send(SERVER, "handshake", 22, SERVER_FLIGHT[:50])
    events += tls.send(SERVER, "handshake", 22, SERVER_FLIGHT[50:51], padding=20)
    events += tls.send(SERVER, "handshake", 22, SERVER_FLIGHT[51:])
    assert names(events) == ["EncryptedExtensions", "Certificate", "CertificateVerify", "Finished"]
    seen = [event for event in events if isinstance(event, MessageSeen)]
    assert [len(event.records) for event in seen] == [1, 3, 1, 1]
    assert b"".join(event.raw for event in seen) == SERVER_FLIGHT
    assert all(event.encrypted for event in seen)
    first = seen[0].records[0]
    hello = len(record(22, tls.server_hello()))
    assert first == RecordSpan(offset=hello, length=5 + 50 + 1 + 16)
    assert [event.time for event in seen] == [3.0, 5.0, 5.0, 5.0]


def test_an_alert_between_the_parts_of_a_message_is_told() -> None:
    tls = Tls13()
    tls.hellos()
    tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS + b"\x0b\x00\x01")
    events = tls.send(SERVER, "handshake", 21, b"\x02\x50")
    events += tls.observer.end(SERVER, StreamEnd.FIN, 9.0)
    assert names(events) == ["internal_error", "FIN truncated"]


@pytest.mark.parametrize(
    ("content_type", "data", "told"),
    [
        (22, b"", "malformed Handshake: an empty fragment"),
        (21, b"", "malformed Alert: 0 bytes where an alert has 2"),
        (21, b"\x02\x28\x02\x28", "malformed Alert: 4 bytes where an alert has 2"),
        (20, b"\x01", "malformed TLSInnerPlaintext.type: change_cipher_spec is protected"),
        (25, b"x", "malformed TLSInnerPlaintext.type: tls12_cid is no content of TLS"),
        (0x99, b"x", "malformed TLSInnerPlaintext.type: unknown(0x99) is no content of TLS"),
        (22, FINISHED + b"\x04", "malformed Handshake: a message goes on over a change of keys"),
        (23, b"x" * 16385, "malformed TLSPlaintext.length: 16385 where 16384 is the most"),
        (
            22,
            handshake(15, b"\x08"),
            "malformed CertificateVerify.algorithm: 2 bytes expected, 1 left",
        ),
    ],
)
def test_content_that_breaks_the_syntax(content_type: int, data: bytes, told: str) -> None:
    tls = Tls13()
    tls.hellos()
    offset = len(record(22, tls.server_hello()))
    events = tls.send(SERVER, "handshake", content_type, data)
    assert names(events)[-1] == told
    (malformed,) = [event for event in events if isinstance(event, Malformed)]
    assert (malformed.offset, malformed.endpoint, malformed.time) == (offset, SERVER, 3.0)
    # This direction is read no further, the other is.
    assert tls.send(SERVER, "handshake", 22, SERVER_FLIGHT) == []
    assert names(tls.feed(SERVER, HTTP)) == []
    assert names(tls.send(CLIENT, "handshake", 21, b"\x02\x32")) == ["decode_error"]
    assert names(tls.observer.end(SERVER, StreamEnd.FIN, 9.0)) == ["FIN"]


@pytest.mark.parametrize("content_type", [20, 23])
def test_a_message_may_not_be_interrupted(content_type: int) -> None:
    tls = Tls13()
    tls.hellos()
    tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS[:4])
    if content_type == 20:
        events = tls.feed(SERVER, record(20, b"\x01"))
    else:
        events = tls.send(SERVER, "handshake", 23, b"data")
    kind = ContentType(content_type)
    assert names(events) == [f"malformed Handshake: a message is interrupted by {kind}"]


def test_a_record_in_the_clear_may_not_be_longer_than_the_rfc_says() -> None:
    observer = Observer()
    assert names(observer.feed(CLIENT, record(22, b"x" * 16385), 1.0)) == [
        "malformed TLSPlaintext.length: 16385 where 16384 is the most"
    ]


def test_a_bad_header_is_told_after_what_came_before_it() -> None:
    tls = Tls13()
    hello = record(22, tls.client_hello())
    events = tls.feed(CLIENT, hello + b"\x16\x03\x03\xff\xff")
    assert names(events) == [
        "ClientHello",
        "malformed TLSCiphertext.length: 65535 where at most 18432 is allowed",
    ]
    (malformed,) = [event for event in events if isinstance(event, Malformed)]
    assert malformed.offset == len(hello)


def test_a_direction_stops_once() -> None:
    observer = Observer()
    events = observer.feed(CLIENT, record(22, b"") + b"\x16\x03\x03\xff\xff", 1.0)
    assert names(events) == ["malformed Handshake: an empty fragment"]


# TLS 1.3: keys.


def test_a_whole_connection() -> None:
    tls = Tls13()
    events = tls.hellos()
    events += tls.feed(SERVER, record(20, b"\x01"))
    flight = ENCRYPTED_EXTENSIONS + CERTIFICATE_REQUEST + CERTIFICATE_MESSAGE
    events += tls.send(SERVER, "handshake", 22, flight + CERTIFICATE_VERIFY + FINISHED)
    events += tls.feed(CLIENT, record(20, b"\x01"))
    events += tls.send(CLIENT, "handshake", 22, EMPTY_CERTIFICATE + FINISHED)
    events += tls.send(SERVER, "application", 21, b"\x02\x74")
    events += tls.observer.end(SERVER, StreamEnd.RESET, 9.0)
    assert names(events) == [
        "ClientHello",
        "ServerHello",
        "ChangeCipherSpec",
        "EncryptedExtensions",
        "CertificateRequest",
        "Certificate",
        "CertificateVerify",
        "Finished",
        "ChangeCipherSpec",
        "Certificate",
        "Finished",
        "certificate_required",
        "RST",
    ]
    (alert,) = [event for event in events if isinstance(event, AlertSeen)]
    assert alert == AlertSeen(
        time=alert.time,
        endpoint=SERVER,
        records=alert.records,
        encrypted=True,
        level=AlertLevel.FATAL,
        description=AlertDescription.CERTIFICATE_REQUIRED,
    )
    summary = summarize(events)
    assert summary.client_chain == ()
    assert summary.server_chain == (b"leaf", b"issuer")
    assert summary.request is not None


def test_key_updates_of_both_sides() -> None:
    tls = connected()
    for sender in (CLIENT, SERVER):
        for _ in range(3):
            assert names(tls.send(sender, "application", 22, KEY_UPDATE)) == ["KeyUpdate"]
            tls.sealers[sender, "application"] = tls.sealer(sender, "application").updated()
            assert names(tls.send(sender, "application", 23, b"x")) == ["data b'x'"]


def test_after_a_key_update_nothing_follows_in_its_record() -> None:
    tls = connected()
    events = tls.send(CLIENT, "application", 22, KEY_UPDATE + KEY_UPDATE)
    assert names(events)[1:] == ["malformed Handshake: a message goes on over a change of keys"]


def test_post_handshake_authentication() -> None:
    tls = connected()
    assert names(tls.send(SERVER, "application", 22, TICKET + CERTIFICATE_REQUEST)) == [
        "NewSessionTicket",
        "CertificateRequest",
    ]
    answer = CERTIFICATE_MESSAGE + CERTIFICATE_VERIFY + FINISHED
    assert names(tls.send(CLIENT, "application", 22, answer)) == [
        "Certificate",
        "CertificateVerify",
        "Finished",
    ]
    assert names(tls.send(CLIENT, "application", 23, b"x")) == ["data b'x'"]


def test_an_alert_in_the_clear_before_the_sender_has_keys() -> None:
    tls = Tls13()
    tls.hellos()
    assert names(tls.feed(CLIENT, record(21, b"\x02\x2f"))) == ["illegal_parameter"]


def test_a_message_in_the_clear_once_there_are_keys_is_out_of_order() -> None:
    tls = Tls13()
    tls.hellos()
    assert names(tls.feed(SERVER, record(22, ENCRYPTED_EXTENSIONS))) == [
        "EncryptedExtensions out of order"
    ]


def test_a_message_out_of_order_is_told_once() -> None:
    tls = Tls13()
    tls.hellos()
    events = tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS + CERTIFICATE_VERIFY)
    events += tls.send(SERVER, "handshake", 22, FINISHED)
    events += tls.feed(SERVER, record(20, b"\x01"))
    assert names(events) == [
        "EncryptedExtensions",
        "CertificateVerify out of order",
        "Finished",
        "ChangeCipherSpec out of order",
    ]


def test_hellos_from_the_wrong_side_are_out_of_order_and_settle_nothing() -> None:
    tls = Tls13()
    events = tls.feed(CLIENT, record(22, handshake(2, server_hello().data)))
    events += tls.feed(SERVER, record(22, tls.client_hello()))
    assert names(events) == ["ServerHello out of order", "ClientHello out of order"]
    # Had TLS 1.2 been settled, this would break its rules.
    assert names(tls.feed(CLIENT, record(23, b"x" * 40))) == [f"sealed {BEFORE_KEYS}"]
    summary = summarize(events)
    assert (summary.client_hello, summary.version) == (None, None)


def test_data_before_any_key_was_agreed() -> None:
    tls = Tls13()
    for sender in (CLIENT, SERVER):
        assert names(tls.feed(sender, record(23, b"x" * 40))) == [f"sealed {BEFORE_KEYS}"]


def test_a_record_that_does_not_open() -> None:
    tls = Tls13()
    tls.hellos()
    sealed = bytearray(tls.sealer(SERVER, "handshake").seal(22, ENCRYPTED_EXTENSIONS))
    sealed[9] ^= 1
    assert names(tls.feed(SERVER, bytes(sealed))) == [f"sealed {BROKEN}"]
    # The next one opens; order is not judged any more, since a message may have been lost.
    assert names(tls.send(SERVER, "handshake", 22, FINISHED)) == ["Finished"]


def test_messages_that_change_keys_change_none_where_they_do_not_belong() -> None:
    tls = Tls13()
    tls.hellos()
    events = tls.send(CLIENT, "handshake", 22, KEY_UPDATE)
    events += tls.send(CLIENT, "handshake", 22, handshake(5, b""))
    events += tls.send(CLIENT, "handshake", 21, b"\x01\x00")
    events += tls.feed(SERVER, record(22, tls.server_hello()))
    events += tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS)
    assert names(events) == [
        "KeyUpdate out of order",
        "EndOfEarlyData out of order",
        "close_notify",
        "ServerHello out of order",
        "EncryptedExtensions",
    ]


def test_a_suite_of_tls13_that_nothing_here_opens_does_not_wait() -> None:
    tls = Tls13()
    tls.feed(CLIENT, record(22, tls.client_hello()))
    hello = server_hello(VERSIONS).data.replace(b"\x13\x01\x00", b"\x00\xc6\x00", 1)
    tls.feed(SERVER, record(22, handshake(2, hello)))
    assert names(tls.feed(SERVER, record(23, b"x" * 50))) == ["sealed "]


def test_a_compressed_certificate_is_read() -> None:
    tls = Tls13()
    tls.hellos()
    compressed = zlib.compress(CERTIFICATE.data)
    length = len(CERTIFICATE.data).to_bytes(3, "big")
    message = handshake(25, u16(1).data + length + opaque(3, compressed).data)
    unknown = handshake(25, u16(2).data + length + opaque(3, compressed).data)
    events = tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS + unknown)
    assert summarize(events).server_chain is None
    events += tls.send(SERVER, "handshake", 22, message + CERTIFICATE_VERIFY)
    assert names(events) == [
        "EncryptedExtensions",
        "CompressedCertificate",
        "CompressedCertificate out of order",
        "CertificateVerify",
    ]
    assert summarize(events).server_chain == (b"leaf", b"issuer")


# Early data (RFC 9846 section 4.3.10).

EARLY = extension(42)


def test_early_data_is_opened_before_the_server_has_answered() -> None:
    tls = Tls13()
    tls.observer.learn(tls.key_log)
    tls.feed(CLIENT, record(22, tls.client_hello(EARLY)))
    tls.feed(CLIENT, record(20, b"\x01"))
    assert names(tls.send(CLIENT, "early", 23, b"early")) == ["data b'early'"]
    tls.feed(SERVER, record(22, tls.server_hello()))
    assert names(tls.send(CLIENT, "early", 23, b"more")) == ["data b'more'"]
    accepted = handshake(8, extensions(EARLY).data)
    tls.send(SERVER, "handshake", 22, accepted + FINISHED)
    assert names(tls.send(CLIENT, "early", 22, handshake(5, b""))) == ["EndOfEarlyData"]
    assert names(tls.send(CLIENT, "handshake", 22, FINISHED)) == ["Finished"]
    assert names(tls.send(CLIENT, "application", 23, b"x")) == ["data b'x'"]


def test_early_data_that_the_server_refuses() -> None:
    tls = Tls13()
    tls.hellos(EARLY)
    assert names(tls.send(CLIENT, "early", 23, b"early")) == ["data b'early'"]
    tls.send(SERVER, "handshake", 22, SERVER_FLIGHT)
    assert names(tls.send(CLIENT, "handshake", 22, FINISHED)) == ["Finished"]


def test_early_data_before_a_hello_retry_request() -> None:
    tls = Tls13()
    tls.observer.learn(tls.key_log)
    tls.feed(CLIENT, record(22, tls.client_hello(EARLY)))
    assert names(tls.send(CLIENT, "early", 23, b"early")) == ["data b'early'"]
    retry = handshake(2, server_hello(VERSIONS, random=HELLO_RETRY_RANDOM).data)
    assert names(tls.feed(SERVER, record(22, retry))) == ["HelloRetryRequest"]
    assert names(tls.send(CLIENT, "early", 23, b"late")) == ["data b'late'"]
    assert names(tls.feed(CLIENT, record(22, tls.client_hello()))) == ["ClientHello"]
    assert names(tls.feed(SERVER, record(22, tls.server_hello()))) == ["ServerHello"]
    assert names(tls.send(SERVER, "handshake", 22, SERVER_FLIGHT))[-1] == "Finished"
    assert names(tls.send(CLIENT, "handshake", 22, FINISHED)) == ["Finished"]


def test_early_data_whose_secret_does_not_come() -> None:
    tls = Tls13()
    events = tls.hellos(EARLY, learn=False)
    events += tls.send(CLIENT, "early", 23, b"early")
    lines = tls.key_log.splitlines(keepends=True)
    assert names(events) == ["ClientHello", "ServerHello"]
    assert names(tls.observer.learn(lines[1])) == [f"sealed {EARLY_DATA}"]
    assert names(tls.send(CLIENT, "handshake", 22, FINISHED)) == ["Finished out of order"]


def test_early_data_waits_for_its_secret_before_the_server_has_answered() -> None:
    tls = Tls13()
    tls.feed(CLIENT, record(22, tls.client_hello(EARLY)))
    assert tls.send(CLIENT, "early", 23, b"early") == []
    assert tls.feed(SERVER, record(22, tls.server_hello())) == []
    assert names(tls.observer.learn(tls.key_log)) == ["data b'early'", "ServerHello"]


@pytest.mark.parametrize("learned", [0, 1])
def test_early_data_that_is_given_up(learned: int) -> None:
    tls = Tls13()
    tls.feed(CLIENT, record(22, tls.client_hello(EARLY)))
    tls.send(CLIENT, "early", 23, b"early")
    tls.feed(SERVER, record(22, tls.server_hello()))
    tls.send(CLIENT, "handshake", 22, FINISHED)
    if learned:
        early = tls.key_log.splitlines(keepends=True)[0]
        assert names(tls.observer.learn(early)) == ["data b'early'", "ServerHello"]
    told = names(tls.observer.finish())
    assert told[-1] == (
        "sealed as long as a Finished message: 36 bytes inside, unless it is padded"
    )
    assert len(told) == (1 if learned else 3)


def test_early_data_under_a_suite_that_nothing_here_opens() -> None:
    tls = Tls13()
    tls.observer.learn(tls.key_log)
    tls.feed(CLIENT, record(22, tls.client_hello(EARLY)))
    hello = server_hello(VERSIONS).data.replace(b"\x13\x01\x00", b"\x00\xc6\x00", 1)
    tls.feed(SERVER, record(22, handshake(2, hello)))
    assert names(tls.feed(CLIENT, record(23, b"x" * 50))) == ["sealed "]


def test_broken_early_data() -> None:
    tls = Tls13()
    tls.observer.learn(tls.key_log)
    tls.feed(CLIENT, record(22, tls.client_hello(EARLY)))
    assert names(tls.feed(CLIENT, record(23, b"x" * 40))) == [f"sealed {EARLY_DATA}"]
    tls.feed(SERVER, record(22, tls.server_hello()))
    assert names(tls.feed(CLIENT, record(23, b"x" * 40))) == [f"sealed {EARLY_DATA}"]


# Secrets that come late or never.


def test_what_waits_holds_back_what_came_after_it_in_both_directions() -> None:
    tls = Tls13()
    assert names(tls.hellos(learn=False)) == ["ClientHello", "ServerHello"]
    assert tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS) == []
    assert tls.feed(CLIENT, record(20, b"\x01")) == []
    assert tls.observer.end(CLIENT, StreamEnd.FIN, 9.0) == []
    lines = tls.key_log.splitlines(keepends=True)
    assert tls.observer.learn(lines[1]) == []
    assert tls.observer.learn("# nothing") == []
    events = tls.observer.learn(lines[2])
    assert names(events) == ["EncryptedExtensions", "ChangeCipherSpec", "FIN"]
    assert [event.time for event in events] == [3.0, 4.0, 9.0]


def test_finish_lets_go_of_what_waits_and_of_what_comes_later() -> None:
    tls = Tls13()
    tls.hellos(learn=False)
    tls.send(SERVER, "handshake", 22, SERVER_FLIGHT)
    tls.send(CLIENT, "handshake", 22, EMPTY_CERTIFICATE)
    tls.send(CLIENT, "handshake", 22, FINISHED)
    assert names(tls.observer.finish()) == [
        "sealed ",
        "sealed as long as an empty Certificate message: 8 bytes inside, unless it is padded",
        "sealed as long as a Finished message: 36 bytes inside, unless it is padded",
    ]
    events = tls.send(SERVER, "application", 21, b"\x02\x74")
    events += tls.feed(CLIENT, record(23, b"short"))
    assert names(events) == [
        "sealed as long as an alert: 2 bytes inside, unless it is padded",
        "sealed too short to be a record of this cipher",
    ]
    (alert, _) = events
    assert isinstance(alert, SealedSeen)
    assert (alert.content_type, alert.length) == (ContentType.APPLICATION_DATA, 19)
    assert tls.observer.finish() == []
    # A change of keys may have passed: a secret that comes now opens nothing.
    assert tls.observer.learn(tls.key_log) == []
    assert names(tls.send(CLIENT, "handshake", 22, FINISHED)) == [
        "sealed as long as a Finished message: 36 bytes inside, unless it is padded"
    ]


def test_without_a_key_log_finish_may_come_first() -> None:
    tls = Tls13()
    assert tls.observer.finish() == []
    tls.hellos(learn=False)
    assert names(tls.send(SERVER, "handshake", 22, SERVER_FLIGHT)) == ["sealed "]


def test_no_more_records_wait_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "MAX_WAITING_RECORDS", 3)
    tls = Tls13()
    tls.hellos(learn=False)
    for _ in range(3):
        assert tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS) == []
    events = tls.feed(SERVER, record(20, b"\x01"))
    # The oldest came out, and with it this direction's last chance of being read.
    assert names(events) == ["sealed ", "sealed ", "sealed ", "ChangeCipherSpec"]


def test_no_more_bytes_wait_than_are_allowed() -> None:
    tls = Tls13()
    tls.hellos(learn=False)
    data = record(23, b"x" * 16384)
    events: list[Event] = []
    for number in range(1, 40):
        events += tls.feed(CLIENT if number % 2 else SERVER, data)
        if number == observing.MAX_WAITING_BYTES // 16384:
            assert events == []
    assert len(events) > 0


def test_the_other_direction_still_waits_where_one_was_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observing, "MAX_WAITING_RECORDS", 2)
    tls = Tls13()
    tls.hellos(learn=False)
    tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS)
    tls.send(CLIENT, "handshake", 22, EMPTY_CERTIFICATE)
    assert names(tls.send(CLIENT, "handshake", 22, FINISHED)) == ["sealed "]
    assert names(tls.observer.learn(tls.key_log)) == ["Certificate", "Finished"]


# What is no TLS, and how streams end.


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (HTTP, Protocol.HTTP),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Protocol.HTTP),
        (b"\x80\x2e\x01\x03\x01" + bytes(43), Protocol.SSLV2),
        (b"220 mail.example ESMTP\r\n", Protocol.SMTP_OR_FTP),
        (bytes(100), Protocol.UNKNOWN),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_what_is_not_tls_is_told_once(data: bytes, protocol: Protocol, size: int) -> None:
    observer = Observer()
    events: list[Event] = []
    for start in range(0, len(data), size):
        events += observer.feed(SERVER, data[start : start + size], 1.0)
    (event,) = events
    assert isinstance(event, NotTls)
    assert event.protocol is protocol
    assert data.startswith(event.sample)
    assert 5 <= len(event.sample) <= 64
    assert names(observer.end(SERVER, StreamEnd.FIN, 2.0)) == ["FIN"]


def test_a_server_that_answers_a_client_hello_in_http() -> None:
    tls = Tls13()
    hello = tls.feed(CLIENT, record(22, tls.client_hello()))
    answer = tls.feed(SERVER, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert names(hello + answer) == ["ClientHello", "plain HTTP"]


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (b"", ["FIN"]),
        (b"\x16", ["FIN truncated"]),
        (b"\x16\x03\x01", ["FIN truncated"]),
        (b"G", ["no protocol known here", "FIN"]),
        (b"\x80\x2e", ["no protocol known here", "FIN"]),
        (record(22, b"\x01\x00"), ["FIN truncated"]),
        (record(21, b"\x02\x28"), ["handshake_failure", "FIN"]),
        (record(21, b"\x02\x28")[:-1], ["FIN truncated"]),
        (record(21, b"\x02\x28") + b"GET", ["handshake_failure", "FIN truncated"]),
    ],
)
def test_a_stream_that_ends(first: bytes, told: list[str]) -> None:
    observer = Observer()
    events = observer.feed(CLIENT, first, 1.0) if first else []
    assert names(events + observer.end(CLIENT, StreamEnd.FIN, 2.0)) == told


def test_a_stream_that_ends_inside_a_sealed_message() -> None:
    tls = Tls13()
    tls.hellos(learn=False)
    tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS + CERTIFICATE_MESSAGE[:9])
    assert tls.observer.end(SERVER, StreamEnd.RESET, 9.0) == []
    assert names(tls.observer.learn(tls.key_log)) == ["EncryptedExtensions", "RST truncated"]


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (b"", []),
        (b"\x16", [(Part.RECORD, 1, None)]),
        (b"\x16\x03\x03\x40", [(Part.RECORD, 4, None)]),
        (b"\x16\x03\x03\x40\x00", [(Part.RECORD, 5, 16389)]),
        (b"\x16\x03\x03\x40\x00aaaa", [(Part.RECORD, 9, 16389)]),
        (record(22, b"\x02\x00"), [(Part.MESSAGE, 2, None)]),
        (record(22, b"\x02\x00\x01\x00abc"), [(Part.MESSAGE, 7, 260)]),
        (record(22, b"\x02\x00\x01\x00abc") + b"\x15\x03", [(Part.RECORD, 2, None)]),
        (record(21, b"\x01\x70"), []),
        (b"\x16\x03\x03\xff\xff", []),
        (b"HTTP/1.1 400", []),
    ],
    ids=repr,
)
@pytest.mark.parametrize("size", [1, 1000])
def test_what_has_begun_is_told_when_nobody_waits_any_longer(
    first: bytes, told: list[tuple[Part, int, int | None]], size: int
) -> None:
    observer = Observer()
    for start in range(0, len(first), size):
        observer.feed(SERVER, first[start : start + size], 1.0)
    events = observer.unfinished(2.0)
    assert events == [
        Unfinished(time=2.0, endpoint=SERVER, part=part, came=came, expected=expected)
        for part, came, expected in told
    ]


def test_what_has_begun_may_go_on_afterwards() -> None:
    observer = Observer()
    observer.feed(SERVER, record(21, b"\x02\x28")[:-1], 1.0)
    assert len(observer.unfinished(2.0)) == 1
    assert names(observer.feed(SERVER, b"\x28", 3.0)) == ["handshake_failure"]


def test_what_ended_has_been_told_of_already() -> None:
    observer = Observer()
    observer.feed(SERVER, b"\x16", 1.0)
    assert names(observer.end(SERVER, StreamEnd.FIN, 2.0)) == ["FIN truncated"]
    assert observer.unfinished(3.0) == []


def test_a_few_bytes_that_are_no_tls_are_told_when_no_more_are_waited_for() -> None:
    observer = Observer()
    observer.feed(SERVER, b"220", 1.0)
    assert names(observer.unfinished(2.0)) == ["no protocol known here"]


# TLS 1.2 and before, as far as no real peer shows it.


def hellos12(tls: Tls13, suite: int = 0xC02F, version: int = 0x0303, method: int = 0) -> None:
    tls.feed(CLIENT, record(22, tls.client_hello()))
    hello = u16(version).data + b"r" * 32 + b"\0" + u16(suite).data + u8(method).data
    tls.feed(SERVER, record(22, handshake(2, hello)))


def test_application_data_in_the_clear_is_malformed() -> None:
    tls = Tls13()
    hellos12(tls)
    assert names(tls.feed(CLIENT, record(23, b"x"))) == [
        "malformed TLSPlaintext.type: application_data before the handshake has ended"
    ]


@pytest.mark.parametrize(
    ("suite", "version", "method"),
    [(0xC02F, 0x0302, 0), (0x000A, 0x0303, 0), (0x1234, 0x0303, 0), (0xC02F, 0x0303, 1)],
    ids=["TLS 1.1", "3DES", "unknown suite", "compression"],
)
def test_what_no_secret_can_open_does_not_wait(suite: int, version: int, method: int) -> None:
    tls = Tls13()
    hellos12(tls, suite, version, method)
    assert names(tls.feed(CLIENT, record(20, b"\x01"))) == ["ChangeCipherSpec out of order"]
    sealed = b"".join(record(kind, b"x" * 40) for kind in (22, 22, 21, 20))
    assert names(tls.feed(CLIENT, sealed)) == [
        "sealed a Finished message",
        "sealed a handshake message",
        "sealed an alert",
        "sealed a ChangeCipherSpec of a renegotiation",
    ]


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        (0xC02F, "application data, 16 bytes"),
        (0xCCA8, "application data, 24 bytes"),
        (0xC0A0, "application data, 24 bytes"),
        (0xC013, "application data"),
        (0x1234, "application data"),
    ],
)
def test_how_much_application_data_a_sealed_record_holds(suite: int, told: str) -> None:
    tls = Tls13()
    hellos12(tls, suite)
    tls.feed(CLIENT, record(20, b"\x01"))
    events = tls.feed(CLIENT, record(23, b"x" * 40)) + tls.observer.finish()
    assert names(events) == [f"sealed {told}"]


def test_a_sealed_record_too_short_for_its_cipher() -> None:
    tls = Tls13()
    hellos12(tls)
    tls.observer.finish()
    tls.feed(CLIENT, record(20, b"\x01"))
    assert names(tls.feed(CLIENT, record(23, b"x"))) == ["sealed too short for its cipher"]


def test_a_cipher_that_this_build_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: bytes) -> None:
        raise UnsupportedAlgorithm("not in this build")

    monkeypatch.setattr(protection, "AESGCM", refuse)
    monkeypatch.setattr(protection, "_can_open", protection._can_open.__wrapped__)
    tls = Tls13()
    hellos12(tls)
    tls.observer.learn(f"CLIENT_RANDOM {RANDOM.hex()} {bytes(48).hex()}")
    tls.feed(CLIENT, record(20, b"\x01"))
    assert names(tls.feed(CLIENT, record(22, b"x" * 40))) == ["sealed a Finished message"]


def test_a_change_cipher_spec_before_the_server_hello_changes_nothing() -> None:
    tls = Tls13()
    tls.feed(CLIENT, record(22, tls.client_hello()))
    assert names(tls.feed(CLIENT, record(20, b"\x01"))) == ["ChangeCipherSpec"]
    assert names(tls.feed(CLIENT, record(20, b"\x02"))) == [
        "malformed ChangeCipherSpec: not the one byte 1 that it must be"
    ]


def test_a_server_alone_is_followed_without_its_client() -> None:
    tls = Tls13()
    assert names(tls.feed(SERVER, record(22, tls.server_hello()))) == ["ServerHello out of order"]
    tls.observer.learn(tls.key_log)
    assert tls.send(SERVER, "handshake", 22, ENCRYPTED_EXTENSIONS) == []
    assert names(tls.observer.finish()) == ["sealed "]


def test_a_server_alone_of_tls12_is_followed_too() -> None:
    tls = Tls13()
    hello = u16(0x0303).data + b"r" * 32 + b"\0" + u16(0xC02F).data + b"\0"
    tls.feed(SERVER, record(22, handshake(2, hello)))
    tls.feed(SERVER, record(20, b"\x01"))
    assert names(tls.feed(SERVER, record(22, b"x" * 40))) == ["sealed a Finished message"]


# What stays sealed.


@pytest.mark.parametrize(
    ("suite", "inside"),
    [("TLS_AES_128_GCM_SHA256", 2), ("TLS_AES_128_CCM_8_SHA256", 10), ("TLS_SM4_GCM_SM3", None)],
)
def test_a_sealed_record_says_how_much_fits_into_it(suite: str, inside: int | None) -> None:
    observer = Observer()
    observer.finish()
    tls = Tls13(observer)
    tls.feed(CLIENT, record(22, tls.client_hello()))
    number = CipherSuite[suite]
    tls.feed(SERVER, record(22, handshake(2, server_hello(VERSIONS, suite=number).data)))
    (sealed,) = tls.feed(SERVER, record(23, bytes(19)))
    assert isinstance(sealed, SealedSeen)
    assert (sealed.inner_length, sealed.early_data) == (inside, False)
