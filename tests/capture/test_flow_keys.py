from __future__ import annotations

import pytest

from lab.capture.flow_keys import addresses, reversed_key

KEYS = {
    bytes([10, 0, 0, 1, 10, 0, 0, 2, 0xC3, 0x50, 1, 0xBB]): [
        ("10.0.0.1", 50000),
        ("10.0.0.2", 443),
    ],
    bytes(15) + b"\x01" + b"\xfd" + bytes(14) + b"\x02\0\x01\0\x02": [("::1", 1), ("fd00::2", 2)],
}


@pytest.mark.parametrize(("key", "ends"), KEYS.items())
def test_a_key_holds_both_ends(key: bytes, ends: list[tuple[str, int]]) -> None:
    assert list(addresses(key)) == ends
    assert list(addresses(reversed_key(key))) == ends[::-1]
    assert reversed_key(reversed_key(key)) == key
