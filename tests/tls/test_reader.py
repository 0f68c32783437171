from __future__ import annotations

import pytest

from lab.tls.reader import Reader, WireError


def test_numbers_are_big_endian() -> None:
    reader = Reader(b"\x01\x02\x03\x04\x05\x06\x07\x08\x09", "thing")
    assert reader.uint8("a") == 1
    assert reader.uint16("b") == 0x0203
    assert reader.uint(3, "c") == 0x040506
    assert reader.remaining == 3
    assert reader.fixed(2, "d") == b"\x07\x08"
    assert reader.rest("rest") == b"\x09"
    reader.finish()


def test_vectors() -> None:
    reader = Reader(b"\x02ab\x00\x04\x00\x01\x00\x02\x03xyz\x02\x01\x02", "thing")
    assert reader.opaque(1, "text") == b"ab"
    assert reader.uint16s(2, "numbers") == b"\0\1\0\2"
    assert reader.vector(1, "inner", lambda inner: inner.fixed(3, "xyz")) == b"xyz"
    assert reader.items(1, "items", lambda inner: inner.uint8("item"), most=2) == (1, 2)
    reader.finish()


@pytest.mark.parametrize(
    ("data", "read", "message"),
    [
        (b"", lambda r: r.uint8("a"), "thing.a: 1 byte expected, 0 left"),
        (b"\x01", lambda r: r.uint16("a"), "thing.a: 2 bytes expected, 1 left"),
        (b"\x01", lambda r: r.fixed(3, "a"), "thing.a: 3 bytes expected, 1 left"),
        (b"\x01", lambda r: r.uint(3, "a"), "thing.a: 3 bytes expected, 1 left"),
        (b"\x01", lambda r: r.opaque(2, "a"), "thing.a: 2 bytes of length expected, 1 left"),
        (b"\x03ab", lambda r: r.opaque(1, "a"), "thing.a: length 3 where 2 bytes are left"),
        (b"\x00", lambda r: r.opaque(1, "a", 1), "thing.a: length 0 where at least 1 is required"),
        (
            b"\x02ab",
            lambda r: r.opaque(1, "a", 0, 1),
            "thing.a: length 2 where at most 1 is allowed",
        ),
        (
            b"\x03abc",
            lambda r: r.uint16s(1, "a"),
            "thing.a: length 3 is odd, the items have 2 bytes each",
        ),
        (
            b"\x02ab",
            lambda r: r.vector(1, "inner", lambda i: i.uint8("a")),
            "thing.inner: 1 bytes left over at its end",
        ),
        (
            b"\x01abc",
            lambda r: r.vector(1, "inner", lambda i: i.uint16("a")),
            "thing.inner.a: 2 bytes expected, 1 left",
        ),
        (
            b"\x01a",
            lambda r: r.items(1, "inner", lambda i: i.uint8("a"), 2, most=9),
            "thing.inner: length 1 where at least 2 is required",
        ),
        (b"a", lambda r: r.finish(), "thing: 1 bytes left over at its end"),
        (b"a", lambda r: r.fail("a", "is wrong"), "thing.a: is wrong"),
    ],
)
def test_errors_name_the_field_and_the_problem(data, read, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(WireError) as caught:
        read(Reader(data, "thing"))
    assert str(caught.value) == message
    assert f"{caught.value.where}: {caught.value.problem}" == message


def test_a_length_may_not_reach_beyond_the_vector_around_it() -> None:
    reader = Reader(b"\x02\x02ab", "thing")
    with pytest.raises(WireError, match=r"thing\.outer\.inner: length 2 where 1 bytes are left"):
        reader.vector(1, "outer", lambda outer: outer.opaque(1, "inner"))
