from __future__ import annotations

import pytest

from lab.x509 import der
from lab.x509.der import Element


@pytest.mark.parametrize(
    ("size", "length"),
    [
        (0, "00"),
        (0x7F, "7f"),
        (0x80, "8180"),
        (0xFF, "81ff"),
        (0x100, "820100"),
        (0xFFFF, "82ffff"),
        (0x10000, "83010000"),
    ],
)
def test_a_length_has_its_shortest_form(size: int, length: str) -> None:
    element = Element(tag=0x04, content=b"x" * size)
    encoded = element.encode()
    assert encoded == bytes.fromhex("04" + length) + element.content
    assert der.elements(encoded) == [element]


def test_elements_lie_one_behind_the_other() -> None:
    data = bytes.fromhex("020105" + "0500" + "a003020101")
    found = der.elements(data)
    assert found == [
        Element(tag=0x02, content=b"\5"),
        Element(tag=0x05, content=b""),
        Element(tag=0xA0, content=b"\2\1\1"),
    ]
    assert b"".join(each.encode() for each in found) == data
    assert der.elements(b"") == []


def test_a_sequence_is_made_and_taken_apart() -> None:
    inside = (Element(tag=0x02, content=b"\5"), der.bit_string(b"\xaa"))
    whole = der.sequence(*inside)
    assert whole.encode() == bytes.fromhex("3007" + "020105" + "030200aa")
    assert der.parts(whole.encode()) == list(inside)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("02", "one-byte tag"),
        ("1f8101", "one-byte tag"),
        ("3080", "definite length"),
        ("0205aa", "5 octets ends after 1"),
        ("028201", "ends after 0"),
    ],
)
def test_what_is_no_element_is_said_so(data: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        der.elements(bytes.fromhex(data))


def test_parts_are_those_of_a_sequence() -> None:
    with pytest.raises(ValueError, match="tag 0x31 where a SEQUENCE"):
        der.parts(bytes.fromhex("3100"))
