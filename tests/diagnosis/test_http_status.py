"""The status of a response, from bytes that come in any pieces."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.diagnosis.http_status import StatusReader, http_status

INFORMATIONAL = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.0 599 \r\n\r\n", 599),
        (b"HTTP/1.1 204\r\n", 204),
        (INFORMATIONAL * 2 + b"HTTP/1.1 403 Forbidden\r\n", 403),
        (INFORMATIONAL, None),
        (b"HTTP/1.1 103 Early Hints\r\nHTTP/1.1 200 OK\r\n", None),
        (b"HTTP/1.1 199 \r\n\r\n", None),
        (b"HTTP/1.1 200", None),
        (b"HTTP/2.0 200 OK\r\n", None),
        (b"HTTP/1.1 600 x\r\n", None),
        (b"HTTP/1.1 2000 x\r\n", None),
        (b"", None),
    ],
)
def test_the_status_of_the_first_final_response(data: bytes, status: int | None) -> None:
    assert http_status(data) == status
    reader = StatusReader()
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
    assert reader.status == status


@given(st.lists(st.integers(0, 60), max_size=8), st.sampled_from([200, 403, 599]))
def test_the_pieces_change_nothing(cuts: list[int], status: int) -> None:
    data = INFORMATIONAL * 2 + f"HTTP/1.1 {status} Word\r\n\r\n".encode()
    places = sorted({0, len(data), *cuts})
    reader = StatusReader()
    for start, end in itertools.pairwise(places):
        reader.feed(data[start:end])
    assert (reader.status, reader.done) == (status, True)


def test_more_than_16_kib_are_not_searched() -> None:
    head = b"HTTP/1.1 103 Early Hints\r\n"
    for size, status in ((16384, 200), (16385, None)):
        final = b"HTTP/1.1 200 "
        filled = head + b"x" * (size - len(head) - 4 - len(final)) + b"\r\n\r\n" + final
        reader = StatusReader()
        reader.feed(filled[:20])
        reader.feed(filled[20:])
        assert (reader.status, reader.done) == (status, True)
    endless = StatusReader()
    while not endless.done:
        endless.feed(head)
    assert endless.status is None


def test_what_can_be_no_response_is_done_at_once() -> None:
    reader = StatusReader()
    reader.feed(b"220 mail.example ESMTP\r\n")
    assert reader.done and reader.status is None
