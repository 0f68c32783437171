from __future__ import annotations

import pytest

from lab.tls.code_points import ContentType
from lab.tls.events import Protocol, RecordSpan
from lab.tls.reader import MAX_MESSAGE, MAX_RECORDS, BeyondLimit, WireError
from lab.tls.records import (
    MAX_FRAGMENT,
    MessageReassembler,
    Record,
    RecordReader,
    looks_like_tls,
    sniff,
)
from tests.tls.wire import handshake, record

STREAM = record(22, b"hello", 0x0301) + record(21, b"\x01\x00") + record(23, b"")
RECORDS = [
    Record(ContentType.HANDSHAKE, STREAM[:5], b"hello", RecordSpan(offset=0, length=10)),
    Record(ContentType.ALERT, STREAM[10:15], b"\x01\x00", RecordSpan(offset=10, length=7)),
    Record(ContentType.APPLICATION_DATA, STREAM[17:22], b"", RecordSpan(offset=17, length=5)),
]


def read(reader: RecordReader, data: bytes) -> list[Record]:
    reader.feed(data)
    return list(reader.records())


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_records_come_out_at_every_split(size: int) -> None:
    reader = RecordReader()
    found = []
    for start in range(0, len(STREAM), size):
        found += read(reader, STREAM[start : start + size])
    assert found == RECORDS
    assert reader.pending == b""
    assert reader.offset == len(STREAM)


@pytest.mark.parametrize("end", range(len(STREAM)))
def test_what_is_not_a_whole_record_stays_pending(end: int) -> None:
    reader = RecordReader()
    found = read(reader, STREAM[:end])
    assert found == [item for item in RECORDS if item.span.offset + item.span.length <= end]
    assert STREAM[: reader.offset] + reader.pending == STREAM[:end]
    assert found + read(reader, STREAM[end:]) == RECORDS


def test_the_longest_record() -> None:
    reader = RecordReader()
    (found,) = read(reader, record(23, b"x" * MAX_FRAGMENT))
    assert len(found.fragment) == MAX_FRAGMENT


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"\x19\x03\x03\x00\x00", "TLSPlaintext.type: tls12_cid is no record of TLS"),
        (b"\x47\x45\x54\x20\x2f", "TLSPlaintext.type: unknown(0x47) is no record of TLS"),
        (
            b"\x16\x02\x03\x00\x00",
            "TLSPlaintext.legacy_record_version: unknown(0x0203) is no TLS",
        ),
        (b"\x16\x03\x03\x48\x01", "TLSCiphertext.length: 18433 where at most 18432 is allowed"),
    ],
)
def test_a_header_that_no_record_has(header: bytes, message: str) -> None:
    reader = RecordReader()
    reader.feed(STREAM + header)
    records = reader.records()
    assert [next(records) for _ in RECORDS] == RECORDS
    with pytest.raises(WireError) as caught:
        next(records)
    assert str(caught.value) == message
    assert reader.offset == len(STREAM)


@pytest.mark.parametrize("first", [b"\x16", b"\x16\x03", b"\x15\x03\x03", b"\x14\x03", b"\x17\x03"])
def test_tls(first: bytes) -> None:
    assert looks_like_tls(first)


@pytest.mark.parametrize(
    ("first", "protocol"),
    [
        (b"GET / HTTP/1.1", Protocol.HTTP),
        (b"GET /", Protocol.HTTP),
        (b"POST ", Protocol.HTTP),
        (b"OPTIO", Protocol.HTTP),
        (b"DELETE /x", Protocol.HTTP),
        (b"HTTP/1.1 400 Bad Request", Protocol.HTTP),
        (b"PRI * HTTP/2.0", Protocol.HTTP),
        (b"\x80\x2e\x01\x03\x01\x00\x15", Protocol.SSLV2),
        (b"\x80\x2e\x01\x00\x02", Protocol.SSLV2),
        (b"\x80\x2e\x01\x00\x03", Protocol.UNKNOWN),
        (b"\x80\x2e\x02\x03\x01", Protocol.UNKNOWN),
        (b"\x80\x2e\x01", Protocol.UNKNOWN),
        (b"<!DOCTYPE HTML>", Protocol.HTTP),
        (b"<html", Protocol.HTTP),
        (b"<HEAD>", Protocol.HTTP),
        (b"<?xml", Protocol.UNKNOWN),
        (b"220 mail.example ESMTP", Protocol.SMTP_OR_FTP),
        (b"220-w", Protocol.SMTP_OR_FTP),
        (b"2200 ", Protocol.UNKNOWN),
        (b"+OK ready", Protocol.POP3),
        (b"* OK [CAPABILITY IMAP4rev1]", Protocol.IMAP),
        (b"SSH-2.0-OpenSSH_9.2", Protocol.SSH),
        (b'"IMPLEMENTATION" "Dovecot"', Protocol.SIEVE),
        (b"200 news.example InterNetNews", Protocol.NNTP),
        (b"<?xml version='1.0'?><stream:stream id=", Protocol.XMPP),
        (b"GETAWAY", Protocol.UNKNOWN),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", Protocol.PROXY),
        (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11", Protocol.PROXY),
        (b"\x4a\0\0\0\x0a8.0.36\0", Protocol.MYSQL),
        (b"\x45\0\0\0\xffj\x04Host", Protocol.MYSQL),
        (b"\x30\x24\x02\x01\0\x78\x1f\x0a\x01\x02", Protocol.LDAP),
        (b"\x16\xfe\xfd\x00\x00", Protocol.UNKNOWN),
        (b"\x19\x03\x03", Protocol.UNKNOWN),
        (b"\x00", Protocol.UNKNOWN),
    ],
)
def test_not_tls(first: bytes, protocol: Protocol) -> None:
    assert not looks_like_tls(first)
    assert sniff(first) is protocol


MESSAGES = [handshake(1, b"a" * 300), handshake(14, b""), handshake(20, b"b" * 12)]
MESSAGE_STREAM = b"".join(MESSAGES)


@pytest.mark.parametrize("size", range(1, len(MESSAGE_STREAM) + 1))
def test_messages_come_out_at_every_split(size: int) -> None:
    assembler = MessageReassembler()
    found = []
    for offset in range(0, len(MESSAGE_STREAM), size):
        span = RecordSpan(offset=offset, length=size)
        found += list(assembler.add(MESSAGE_STREAM[offset : offset + size], span))
    assert [raw for raw, _ in found] == MESSAGES
    start = 0
    for raw, spans in found:
        last = start + len(raw) - 1
        assert [span.offset // size for span in spans] == list(
            range(start // size, last // size + 1)
        )
        start += len(raw)
    assert not assembler.unfinished


def test_unfinished_tells_what_is_left_while_messages_come_out() -> None:
    assembler = MessageReassembler()
    left = []
    for _ in assembler.add(MESSAGE_STREAM + b"\x01", RecordSpan(offset=0, length=1)):
        left.append(assembler.unfinished)
    assert left == [True, True, True]
    assert assembler.unfinished
    assert list(assembler.add(b"\x00\x00\x00", RecordSpan(offset=1, length=1))) == [
        (b"\x01\x00\x00\x00", (RecordSpan(offset=0, length=1), RecordSpan(offset=1, length=1)))
    ]
    assert not assembler.unfinished


def test_a_message_that_is_too_long_comes_after_those_before_it() -> None:
    assembler = MessageReassembler()
    header = b"\x0b" + (MAX_MESSAGE + 1).to_bytes(3, "big")
    messages = assembler.add(MESSAGES[1] + header, RecordSpan(offset=0, length=1))
    assert next(messages)[0] == MESSAGES[1]
    with pytest.raises(
        BeyondLimit, match=r"Handshake\.length: 262145 where at most 262144 is read"
    ):
        next(messages)


def test_the_longest_message() -> None:
    assembler = MessageReassembler()
    message = handshake(11, b"x" * MAX_MESSAGE)
    found = []
    for offset in range(0, len(message), 2**14):
        part = message[offset : offset + 2**14]
        found += list(assembler.add(part, RecordSpan(offset=offset, length=2**14)))
    assert [raw for raw, _ in found] == [message]


def test_a_message_may_not_span_any_number_of_records() -> None:
    assembler = MessageReassembler()
    span = RecordSpan(offset=0, length=6)
    list(assembler.add(b"\x0b\x03\x00\x00", span))
    for _ in range(MAX_RECORDS - 1):
        list(assembler.add(b"x", span))
    with pytest.raises(BeyondLimit, match="a message in more than 4096 records"):
        list(assembler.add(b"x", span))
