"""What is cut out of the bytes that have come, and which framing is refused, piece by piece."""

from __future__ import annotations

import re

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.http import framing
from lab.http.framing import Unparsed, body_pieces
from lab.http.limits import Limits
from lab.http.message import Refused, next_event

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = {b"transfer-encoding": b"chunked"}
LIMITS = Limits(max_header=100, max_header_fields=3, max_body=50)


def cut_head(*pieces: bytes) -> bytes:
    """Return the head that is found when ``pieces`` come one after the other."""
    unparsed = Unparsed(LIMITS)
    head = b""
    for piece in pieces:
        assert not head
        unparsed.append(piece)
        head = unparsed.cut_head()
    return head


def is_refused(*pieces: bytes) -> bool:
    try:
        cut_head(*pieces)
    except Refused:
        return True
    return False


@given(
    st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b" ", b"\t"]), min_size=1, max_size=9),
    st.data(),
)
def test_a_head_that_comes_in_pieces_is_judged_like_a_whole_one(
    parts: list[bytes], data: st.DataObject
) -> None:
    head = b"G" + b"".join(parts)
    end = head.find(b"\r\n\r\n")
    head = head if end < 0 else head[: end + 4]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(head)), max_size=5)) | {len(head)})
    pieces = [head[start:stop] for start, stop in zip([0, *cuts], cuts, strict=False)]
    assert is_refused(*pieces) == is_refused(head)
    # A CR at the end of what has come may yet be half a line end.
    lines = head.removesuffix(b"\r").replace(b"\r\n", b"")
    faulty = bool(set(lines) & set(b"\r\n") or re.search(rb"\r\n[ \t]", head))
    assert is_refused(head) == faulty


@pytest.mark.parametrize("empty", [b"", b"\r\n"])
def test_one_empty_line_before_a_head_is_skipped(empty: bytes) -> None:
    whole = empty + HEAD
    for at in range(len(whole)):
        assert cut_head(whole[:at], whole[at:]) == HEAD
    assert cut_head(*(bytes([byte]) for byte in whole)) == HEAD
    assert is_refused(b"\r\n" + b"\r\n" + HEAD)


def test_an_empty_line_is_skipped_before_each_head() -> None:
    unparsed = Unparsed(LIMITS)
    unparsed.append((b"\r\n" + HEAD) * 3)
    assert [unparsed.cut_head() for _ in range(4)] == [HEAD, HEAD, HEAD, b""]
    assert not unparsed


def test_each_byte_of_a_head_and_of_trailers_is_searched_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = []

    class Counting:
        def search(self, data: bytearray, start: int, end: int) -> re.Match[bytes] | None:
            searched.append(end - start)
            return pattern.search(data, start, end)

    pattern = framing._FAULTS
    monkeypatch.setattr(framing, "_FAULTS", Counting())
    unparsed = Unparsed(Limits())
    request = HEAD[:-2] + b"X: " + b"x" * 3000 + b"\r\n\r\n"
    for byte in request:
        unparsed.append(bytes([byte]))
        head = unparsed.cut_head()
    assert head == request
    assert sum(searched) <= 3 * len(request)
    searched.clear()
    body = b"0\r\nX: " + b"x" * 3000 + b"\r\n\r\n"
    pieces = body_pieces(unparsed, CHUNKED, Limits(), waiting=False)
    for byte in body:
        unparsed.append(bytes([byte]))
        next(pieces)
    assert not unparsed
    assert sum(searched) <= 3 * len(body)


def cut_body(headers: dict[bytes, bytes], *pieces: bytes) -> tuple[bytes, bytes]:
    """Return a body's content as h11 reads it, and what is left when h11 finds its end."""
    unparsed = Unparsed(LIMITS)
    http = h11.Connection(h11.SERVER)
    http.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\n")
    http.receive_data(b"".join(b"%s: %s\r\n" % field for field in headers.items()) + b"\r\n")
    assert isinstance(next_event(http), h11.Request)
    coming = iter(pieces)
    content = b""
    for piece in body_pieces(unparsed, headers, LIMITS, waiting=False):
        if not piece:
            unparsed.append(next(coming))
            continue
        http.receive_data(piece)
        while isinstance(event := next_event(http), h11.Data):
            content += event.data
    assert isinstance(event, h11.EndOfMessage)
    return content, unparsed.cut(1000)


def test_a_body_of_a_length_is_cut_to_it() -> None:
    assert cut_body({b"content-length": b"5"}, b"ab", b"cdeGET") == (b"abcde", b"GET")


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"000;e=f\r\nA: b\r\nC: d\r\n\r\n"])
def test_a_chunked_body_is_cut_to_its_end(end: bytes) -> None:
    body = b"3;x=y\r\na\nb\r\nA \r\n\r\n\r\n\r\n\r\n\r\n\r\n" + end
    content = b"a\nb" + b"\r\n" * 5
    assert cut_body(CHUNKED, body + HEAD) == (content, HEAD)
    assert cut_body(CHUNKED, *(bytes([byte]) for byte in body)) == (content, b"")


@pytest.mark.parametrize(
    ("headers", "body", "status", "pending"),
    [
        ({b"content-length": b"51"}, b"", 413, 51),
        (CHUNKED, b"1;" + b"e" * 100, 431, 0),
        (CHUNKED, b"0\r\nX: " + b"x" * 100, 431, 0),
        (CHUNKED, b"0\r\n" + b"X: x\r\n" * 4 + b"\r\n", 431, 0),
        *(
            (CHUNKED, line + b"\r\n", 400, 0)
            for line in (b"", b"-1", b"+1", b"0x1", b" 1", b"1_0", b"x", b"1 ;", b"f" * 21)
        ),
        (CHUNKED, b"1;a\nb", 400, 0),
        (CHUNKED, b"1;a\rb", 400, 0),
        (CHUNKED, b"0\r\nX: a\r\n b", 400, 0),
        (CHUNKED, b"0\r\n b: a\r\n\r\n", 400, 0),
    ],
)
def test_a_body_is_refused(
    headers: dict[bytes, bytes], body: bytes, status: int, pending: int
) -> None:
    with pytest.raises(Refused) as caught:
        cut_body(headers, body)
    assert (caught.value.response.status, caught.value.pending) == (status, pending)


def test_a_body_that_was_not_called_for_is_not_pending() -> None:
    with pytest.raises(Refused) as caught:
        body_pieces(Unparsed(LIMITS), {b"content-length": b"51"}, LIMITS, waiting=True)
    assert caught.value.pending == 0
