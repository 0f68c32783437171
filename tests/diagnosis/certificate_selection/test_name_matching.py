"""Which names are compared, and what is left open of them; what clients do is in the table."""

from __future__ import annotations

import pytest
from cryptography import x509

from lab.diagnosis.certificate_selection.name_matching import (
    NameMatch,
    all_are_covered,
    names_one,
)

_Kind = x509.name._ASN1Type
_COMMON = x509.NameOID.COMMON_NAME
_CUSTOM = x509.ObjectIdentifier("1.2.3.4.9")


def name(
    text: str, kind: _Kind = _Kind.UTF8String, attribute: x509.ObjectIdentifier = _COMMON
) -> bytes:
    return x509.Name([x509.NameAttribute(attribute, text, kind)]).public_bytes()


def of_value(value: str, kind: str = "0603550403") -> bytes:
    """Return a name of one attribute, all in hex."""
    found = bytes.fromhex(kind + value)
    for tag in (0x30, 0x31, 0x30):
        found = bytes((tag, len(found))) + found
    return found


@pytest.mark.parametrize("kind", ["UTF8String", "PrintableString", "T61String", "IA5String"])
def test_names_in_the_usual_strings_are_covered(kind: str) -> None:
    assert all_are_covered((name("A CA", getattr(_Kind, kind)), name("Another")))


# OpenSSL breaks off at most of these, BoringSSL at the long length, Java at the numbers; NSS sends
# any certificate where a name is empty.
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(b"\x30\x00", id="empty"),
        pytest.param(bytes.fromhex("30023100"), id="empty set"),
        pytest.param(name("A CA")[:-3], id="cut short"),
        pytest.param(name("A CA") + b"\0", id="something behind it"),
        pytest.param(of_value("0c02fffe"), id="no UTF-8"),
        pytest.param(of_value("1e03006100"), id="half a character"),
        pytest.param(of_value("1e02d800"), id="half a surrogate pair"),
        pytest.param(of_value("020105"), id="a number as the value"),
        pytest.param(of_value("0500"), id="nothing as the value"),
        pytest.param(of_value("0c810161"), id="a length in the long form"),
        pytest.param(of_value("0c0161", "0603558083"), id="an identifier without an end"),
        pytest.param(of_value("0c0161", "060455800403"), id="a padded identifier"),
        pytest.param(of_value("0c0161", "0600"), id="an empty identifier"),
    ],
)
def test_one_odd_name_leaves_the_request_open(odd: bytes) -> None:
    assert not all_are_covered((name("A CA"), odd))


# Java takes each for the same: it goes by Unicode's normal form, without regard to case.
@pytest.mark.parametrize(
    "other", ["CAFÉ CA", "Cafe\u0301 CA", "Café\u00a0CA", "\uff23afé CA"], ids=ascii
)
def test_letters_beyond_ascii_are_left_open(other: str) -> None:
    assert names_one((name(other),), name("Café CA"), NameMatch.NORMALISED) is None
    assert names_one((name(other),), name("Café CA"), NameMatch.BYTES) is False
    assert names_one((name("Cafe 2"),), name("Café CA"), NameMatch.NORMALISED) is False


def test_attributes_without_a_short_name_are_left_open() -> None:
    # Java compares their values byte for byte, NSS by their text.
    own = name("Abc", attribute=_CUSTOM)
    for other in (name("abc", attribute=_CUSTOM), name("Abc", _Kind.PrintableString, _CUSTOM)):
        assert names_one((other,), own, NameMatch.NORMALISED) is None
    assert names_one((own,), own, NameMatch.NORMALISED) is True
