"""Code points: unknown numbers, and lists of them that keep bytes only."""

from __future__ import annotations

import copy
import gc
import pickle
import struct

import pytest

from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import (
    CodePoint,
    CodePoints,
    code_table,
    sample,
)
from lab.tls.code_points import (
    AlertDescription,
    ExtensionType,
    NamedGroup,
    ProtocolVersion,
    PskKeyExchangeMode,
    SignatureScheme,
)


def test_unknown_values_are_named_by_their_number() -> None:
    assert str(CipherSuite(0x1234)) == "unknown(0x1234)"
    assert str(AlertDescription(7)) == "unknown(0x07)"
    assert repr(AlertDescription(7)) == "<AlertDescription.unknown(0x07): 7>"
    assert not AlertDescription(7).is_known
    assert AlertDescription(7) == AlertDescription(7)
    assert AlertDescription(7) != AlertDescription(8)


def test_unknown_values_can_be_copied() -> None:
    unknown = AlertDescription(7)
    assert copy.deepcopy(unknown) == pickle.loads(pickle.dumps(unknown)) == unknown
    assert str(pickle.loads(pickle.dumps(unknown))) == "unknown(0x07)"


def test_unknown_values_are_kept_nowhere() -> None:
    def held() -> int:
        gc.collect()
        return sum(isinstance(thing, CipherSuite) for thing in gc.get_objects())

    before = len(CipherSuite), len(code_table(CipherSuite)), held()
    points = CodePoints(CipherSuite, bytes(range(256)) * 256)
    assert str(points[1]) == "unknown(0x0203)"
    assert len({str(point) for point in points}) > 100
    assert (len(CipherSuite), len(code_table(CipherSuite)), held()) == before


def test_grease_is_told() -> None:
    """RFC 8701 section 2 lists them."""
    assert str(CipherSuite(0x0A0A)) == "GREASE(0x0a0a)"
    for kind in (CipherSuite, ExtensionType, NamedGroup, SignatureScheme, ProtocolVersion):
        found = [number for number in range(65536) if kind(number).is_grease]
        assert found == [0x1010 * high + 0x0A0A for high in range(16)]
    modes = [number for number in range(256) if PskKeyExchangeMode(number).is_grease]
    assert modes == [0x0B, 0x2A, 0x49, 0x68, 0x87, 0xA6, 0xC5, 0xE4]
    assert not any(AlertDescription(number).is_grease for number in range(256))


LIST = CodePoints(CipherSuite, b"\x13\x01\x0a\x0a\x40\x13\x01\x13")


TUPLE = tuple(map(CipherSuite, (0x1301, 0x0A0A, 0x4013, 0x0113)))


def test_a_list_of_code_points_is_as_good_as_the_tuple_of_them() -> None:
    assert LIST == TUPLE
    assert TUPLE == LIST
    assert CodePoints(CipherSuite, struct.pack(">4H", *LIST.numbers)) == LIST
    assert TUPLE[:3] != LIST
    assert list(TUPLE) != LIST
    assert hash(LIST) == hash(TUPLE)
    assert len(LIST) == 4
    assert tuple(LIST) == TUPLE
    assert repr(LIST) == repr(TUPLE)
    assert [LIST[at] for at in range(-4, 4)] == [TUPLE[at] for at in range(-4, 4)]
    for places in (slice(1, 3), slice(None, None, -2), slice(9, 10)):
        assert LIST[places] == TUPLE[places]
        assert isinstance(LIST[places], CodePoints)
    with pytest.raises(IndexError):
        LIST[4]
    assert pickle.loads(pickle.dumps(LIST)) == copy.deepcopy(LIST) == LIST


def test_a_list_contains_numbers_and_not_the_bytes_between_them() -> None:
    assert 0x1301 in LIST
    assert CipherSuite(0x4013) in LIST
    assert 0x010A not in LIST
    assert 70000 not in LIST
    anything: object = "x"
    assert anything not in LIST
    modes = CodePoints(PskKeyExchangeMode, b"\x00\x01")
    assert PskKeyExchangeMode.PSK_DHE_KE in modes
    assert 256 not in modes


def test_a_sample_of_a_list_makes_no_more_than_it_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sample(LIST, 2) == ([0x1301, 0x4013], 1)
    assert sample(TUPLE, 2) == ([0x1301, 0x4013], 1)
    assert sample(iter("abc"), 5) == (["a", "b", "c"], 0)
    made = []
    whole = CodePoint._missing_.__func__  # type: ignore[attr-defined]

    def counting(cls: type[CodePoint], value: object) -> object:
        made.append(value)
        return whole(cls, value)

    monkeypatch.setattr(CodePoint, "_missing_", classmethod(counting))
    data = b"".join(number.to_bytes(2, "big") for number in range(0x4000, 0xC000))
    shown, rest = sample(CodePoints(CipherSuite, data), 3)
    assert (len(shown), rest, len(made)) == (3, 0x8000 - 8 - 3, 3)
