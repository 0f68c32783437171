"""The status of a response, from bytes that come in any pieces."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.diagnosis.http_status import MOST_BODY, StatusReader, body_text, http_status

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


NGINX = (
    b"<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>\r\n"
    b"<center><h1>400 Bad Request</h1></center>\r\n"
    b"<center>No required SSL certificate was sent</center>\r\n<hr><center>nginx</center>\r\n"
    b"</body>\r\n</html>\r\n"
)
NGINX_TEXT = (
    "400 No required SSL certificate was sent; 400 Bad Request; "
    "No required SSL certificate was sent; nginx"
)
REFUSED = b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n"


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (REFUSED + b"\r\n" + NGINX, NGINX_TEXT),
        (INFORMATIONAL + REFUSED + b"\r\n" + NGINX, NGINX_TEXT),
        (
            REFUSED
            + b"Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n7;x=y\r\n second\r\n0\r\n\r\n",
            "first second",
        ),
        (REFUSED + b"Transfer-Encoding: chunked\r\n\r\nno chunk", ""),
        (REFUSED + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b", ""),
        (REFUSED + b"\r\n", ""),
        (REFUSED, ""),
        (b"no HTTP\r\n\r\ntext", ""),
        (REFUSED + b"\r\n<b>a &amp; b</b>\x1b[31m\x00", "a & b; \\x1b[31m\\x00"),
        (REFUSED + b'\r\n{"error": "no"}\n', '{"error": "no"}'),
        (REFUSED + b"\r\n" + b" " * MOST_BODY + b"too far", ""),
        (REFUSED + b"\r\n" + b"x" * 300, "x" * 200),
    ],
)
def test_the_text_of_a_body(response: bytes, text: str) -> None:
    assert body_text(response) == text


@given(st.binary(max_size=200))
def test_any_body_is_read(data: bytes) -> None:
    for head in (REFUSED + b"\r\n", REFUSED + b"Transfer-Encoding: chunked\r\n\r\n", b""):
        assert body_text(head + data).isprintable()
