"""Names: as RFC 4514 writes them, and as OpenSSL compares them."""

from __future__ import annotations

import pytest

from lab.x509 import der
from lab.x509.der import Element
from lab.x509.names import (
    common_names,
    distinguished_name,
    email_addresses,
    general_name_text,
    same_name,
)

CN, EMAIL, ORGANIZATION = "550403", "2a864886f70d010901", "55040a"
UTF8, PRINTABLE, T61, BMP, UNIVERSAL, OCTETS = 0x0C, 0x13, 0x14, 0x1E, 0x1C, 0x04


def name(*attributes: tuple[str, int, bytes]) -> bytes:
    """Return a name of one attribute in each relative name: type, string type and content."""
    return der.sequence(
        *(
            Element(
                tag=der.SET,
                content=der.sequence(
                    Element(tag=der.OBJECT_IDENTIFIER, content=bytes.fromhex(kind)),
                    Element(tag=tag, content=content),
                ).encode(),
            )
            for kind, tag, content in attributes
        )
    ).encode()


@pytest.mark.parametrize(
    ("tag", "content", "text"),
    [
        (UTF8, "Müller".encode(), "Müller"),
        (PRINTABLE, b"svc_account@x", "svc_account@x"),
        (T61, "Müller".encode(), "Müller"),
        (T61, "Müller".encode("latin-1"), "Müller"),
        (BMP, "Müller".encode("utf-16-be"), "Müller"),
        (UNIVERSAL, "Müller".encode("utf-32-be"), "Müller"),
        (UTF8, b"\xff", "#0c01ff"),
        (OCTETS, b"\1\2", "#04020102"),
        (UTF8, b'a+b,"c"\\<>;', 'a\\+b\\,\\"c\\"\\\\\\<\\>\\;'),
        (UTF8, b"#a ", "\\#a\\ "),
        (UTF8, b" ", "\\ "),
        (UTF8, b"a\0b", "a\\00b"),
    ],
)
def test_every_type_of_string_is_read(tag: int, content: bytes, text: str) -> None:
    assert distinguished_name(name((CN, tag, content))) == f"CN={text}"


def test_the_most_specific_part_is_in_front() -> None:
    whole = name((ORGANIZATION, UTF8, b"Lab"), (CN, UTF8, b"a"), ("2a0304", UTF8, b"b"))
    assert distinguished_name(whole) == "1.2.3.4=b,CN=a,O=Lab"
    assert common_names(whole) == ["a"]
    assert email_addresses(name((EMAIL, 0x16, b"a@b.test"))) == ["a@b.test"]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (name((CN, PRINTABLE, b"test  ROOT ")), True),
        (name((CN, BMP, "Test Root".encode("utf-16-be"))), True),
        (name((CN, UTF8, b"TestRoot")), False),
        (name((ORGANIZATION, UTF8, b"Test Root")), False),
        (name((CN, UTF8, b"Test Root"), (CN, UTF8, b"Test Root")), False),
        (b"", False),
    ],
)
def test_names_are_compared_without_string_type_case_and_spaces(other: bytes, same: bool) -> None:
    assert same_name(name((CN, UTF8, b"Test Root")), other) is same


def test_only_letters_of_ascii_lose_their_case() -> None:
    one, other = name((CN, UTF8, "Ä".encode())), name((CN, UTF8, "ä".encode()))
    assert not same_name(one, other)


@pytest.mark.parametrize(
    ("tag", "content", "text"),
    [
        (0x82, b"a.test", "DNS:a.test"),
        (0x81, b"a@b.test", "email:a@b.test"),
        (0x86, b"spiffe://a/b", "URI:spiffe://a/b"),
        (0x87, bytes((192, 0, 2, 1)), "IP:192.0.2.1"),
        (0x87, bytes((192, 0, 2, 0, 255, 255, 255, 0)), "IP:192.0.2.0/24"),
        (0x88, bytes.fromhex("2a03"), "RID:1.2.3"),
        (0xA4, name((CN, UTF8, b"a")), "dirName:CN=a"),
        (0xA0, b"", "otherName"),
    ],
)
def test_general_names(tag: int, content: bytes, text: str) -> None:
    assert general_name_text(Element(tag=tag, content=content)) == text


@pytest.mark.parametrize(
    ("tag", "content"),
    [(0x82, b"\xff"), (0x87, b"\1"), (0x87, bytes((192, 0, 2, 0, 255, 0, 255, 0))), (0x88, b"")],
)
def test_what_is_no_general_name(tag: int, content: bytes) -> None:
    with pytest.raises(ValueError):
        general_name_text(Element(tag=tag, content=content))
