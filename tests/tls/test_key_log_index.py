"""A key log of any size, of which a connection is given its own secrets."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.tls import key_log_index
from lab.tls.key_log import Secret, SecretLabel, parse_key_log
from lab.tls.key_log_index import MAX_KEPT, WINDOW, KeyLogIndex

RANDOM = bytes(range(32))
OTHER = bytes(32)
HANDSHAKE = SecretLabel.CLIENT_HANDSHAKE_TRAFFIC_SECRET
APPLICATION = SecretLabel.CLIENT_TRAFFIC_SECRET_0


def line(label: SecretLabel, random: bytes, secret: bytes) -> str:
    return f"{label.value} {random.hex()} {secret.hex()}\n"


def index_of(log: bytes, size: int = 1 << 16) -> KeyLogIndex:
    """The index of a log that lies elsewhere, added in pieces of ``size`` bytes."""
    index = KeyLogIndex(lambda offset, count: log[offset : offset + count])
    for start in range(0, len(log), size):
        index.add(log[start : start + size])
    index.end()
    return index


@pytest.fixture(params=[MAX_KEPT, 0], ids=["kept", "read again"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_log_index, "MAX_KEPT", request.param)


def test_a_connection_is_given_its_own_secrets(kept: None) -> None:
    log = (
        line(HANDSHAKE, OTHER, b"o" * 32)
        + "# a comment\n\r\n"
        + line(HANDSHAKE, RANDOM, b"h" * 48).replace("\n", "\r\n")
        + "EXPORTER_SECRET "
        + RANDOM.hex()
        + " "
        + bytes(32).hex()
        + "\n"
        + "RSA 0011223344556677 "
        + bytes(48).hex()
        + "\n"
        + f"CLIENT_RANDOM {RANDOM.hex().upper()} {bytes(48).hex().upper()}\n"
        + line(APPLICATION, RANDOM, b"a" * 33)  # of no hash's length
        + line(APPLICATION, RANDOM, b"a" * 48).rstrip()
    ).encode()
    index = index_of(log)
    assert index.secrets(RANDOM) == [
        (HANDSHAKE, RANDOM, b"h" * 48),
        (SecretLabel.CLIENT_RANDOM, RANDOM, bytes(48)),
        (APPLICATION, RANDOM, b"a" * 48),
    ]
    assert (index.count, index.used) == (4, 3)
    assert index.secrets(bytes([7]) * 32) == []


def test_a_line_counts_when_it_has_ended() -> None:
    """A log that a program is writing may end in the middle of a secret."""
    text = line(HANDSHAKE, RANDOM, b"h" * 48).encode()
    index = KeyLogIndex()
    for cut in range(0, len(text), 32):
        index.add(text[cut : cut + 32])
        assert index.count == (cut + 32 >= len(text))
    assert index.secrets(RANDOM) == [(HANDSHAKE, RANDOM, b"h" * 48)]


def test_the_newest_line_of_a_kind_counts(kept: None) -> None:
    log = line(HANDSHAKE, RANDOM, b"1" * 32) + line(HANDSHAKE, RANDOM, b"2" * 32)
    assert index_of(log.encode()).secrets(RANDOM) == [(HANDSHAKE, RANDOM, b"2" * 32)]


secret_lines = st.builds(
    line,
    st.sampled_from(SecretLabel),
    st.sampled_from([RANDOM, OTHER, RANDOM[:2] + bytes(30)]),
    st.sampled_from([b"s" * 32, b"t" * 48, b"u" * 64]),
)
junk = st.sampled_from(["\n", "#" * WINDOW + "\n", "CLIENT_RANDOM 00 00\n", "x" * 300 + "\n"])


@given(st.lists(secret_lines | junk, max_size=30), st.integers(1, 5000))
def test_an_index_finds_what_a_reader_of_all_lines_finds(lines: list[str], size: int) -> None:
    text = "".join(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_log_index, "MAX_KEPT", 3)
        index = index_of(text.encode(), size)
        for random in (RANDOM, OTHER):
            expected: dict[SecretLabel, Secret] = {}
            for secret in parse_key_log(text):
                if secret[1] == random:
                    expected[secret[0]] = secret
            assert {found[0]: found for found in index.secrets(random)} == expected


@given(st.binary(max_size=2000), st.integers(1, 700))
def test_whatever_it_is_given_nothing_is_raised(data: bytes, size: int) -> None:
    index = index_of(data, size)
    index.secrets(data[:32])


def test_a_long_log_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each line beyond the first is kept where it is, and no more."""
    monkeypatch.setattr(key_log_index, "MAX_KEPT", 0)
    starts = [number.to_bytes(2, "big") + bytes(30) for number in range(64)]
    block = "".join(line(HANDSHAKE, random, bytes(48)) for random in starts).encode()
    assert len(block) > WINDOW
    index = KeyLogIndex(lambda offset, size: b"")
    index.add(block)
    tracemalloc.start()
    try:
        for _ in range(100):
            index.add(block)
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert index.count == 101 * 64
    assert kept_bytes < 100 * 64 * 16
