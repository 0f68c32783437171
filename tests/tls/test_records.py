from __future__ import annotations

import pytest

from lab.tls.code_points import ContentType
from lab.tls.events import RecordSpan
from lab.tls.reader import WireError
from lab.tls.records import MAX_FRAGMENT, Record, RecordReader
from tests.tls.wire import record

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
        (b"\x18\x03\x03\x00\x00", "TLSPlaintext.type: heartbeat is no record of TLS"),
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
