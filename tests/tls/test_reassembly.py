from __future__ import annotations

import pytest

from lab.tls.bounds import MAX_MESSAGE, MAX_RECORDS
from lab.tls.events import RecordSpan
from lab.tls.reader import BeyondLimit
from lab.tls.reassembly import MessageReassembler
from tests.tls.wire import handshake

MESSAGES = [handshake(1, b"a" * 300), handshake(14, b""), handshake(20, b"b" * 12)]
STREAM = b"".join(MESSAGES)


@pytest.mark.parametrize("size", range(1, len(STREAM) + 1))
def test_messages_come_out_at_every_split(size: int) -> None:
    assembler = MessageReassembler()
    found = []
    for offset in range(0, len(STREAM), size):
        span = RecordSpan(offset=offset, length=size)
        found += list(assembler.add(STREAM[offset : offset + size], span))
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
    for _ in assembler.add(STREAM + b"\x01", RecordSpan(offset=0, length=1)):
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
