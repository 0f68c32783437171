from __future__ import annotations

import random

import pytest

from lab.capture.ip_fragments import MAX_FRAGMENTS, MAX_PACKETS, MAX_WAITING, IpFragments

CONTENT = bytes(range(200))


def fragments(size: int = 24) -> list[tuple[int, bytes, bool]]:
    places = range(0, len(CONTENT), size)
    return [(at, CONTENT[at : at + size], at + size >= len(CONTENT)) for at in places]


@pytest.mark.parametrize("seed", range(10))
def test_fragments_in_any_order_and_twice_make_one_packet(seed: int) -> None:
    rng = random.Random(seed)
    pieces = fragments() + fragments(40)
    rng.shuffle(pieces)
    waiting = IpFragments()
    got = [waiting.add(b"k", at, data, 0, last=last) for at, data, last in pieces]
    assert (CONTENT, 0) in got
    assert {value for value in got if value is not None} == {(CONTENT, 0)}


def test_what_was_not_captured_of_a_fragment_cuts_the_packet_there() -> None:
    waiting = IpFragments()
    assert waiting.add(b"k", 0, CONTENT[:30], 70, last=False) is None
    assert waiting.add(b"k", 100, CONTENT[100:], 0, last=True) == (CONTENT[:30], 170)


def test_fragments_of_different_packets_do_not_mix() -> None:
    waiting = IpFragments()
    assert waiting.add(b"a", 0, b"01234567", 0, last=False) is None
    assert waiting.add(b"b", 8, b"x", 0, last=True) is None
    assert waiting.add(b"b", 0, b"abcdefgh", 0, last=False) == (b"abcdefghx", 0)


def test_what_waits_is_bounded() -> None:
    waiting = IpFragments()
    for number in range(MAX_PACKETS + 1):
        waiting.add(number.to_bytes(4, "big"), 0, b"01234567", 0, last=False)
    last = b"89abcdef"
    assert waiting.add(bytes(4), 8, last, 0, last=True) is None, "the oldest is gone"
    newest = MAX_PACKETS.to_bytes(4, "big")
    assert waiting.add(newest, 8, last, 0, last=True) == (b"0123456789abcdef", 0)
    for number in range(MAX_WAITING // 65536 + 2):
        waiting.add(b"n%d" % number, 8, bytes(65536), 0, last=False)
    assert waiting.add(b"n0", 0, last, 0, last=False) is None
    many = [waiting.add(b"m", 8, b"x", 0, last=False) for _ in range(MAX_FRAGMENTS)]
    assert set(many) == {None}
