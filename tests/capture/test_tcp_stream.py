from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.capture.tcp_stream import MAX_PIECES, MAX_WAITING, PIECE_COST, TcpStream, distance

SEGMENTS = st.lists(
    st.tuples(st.integers(-5, 60), st.binary(max_size=20), st.integers(0, 4)), max_size=12
)


@given(SEGMENTS, st.sampled_from([0, 2**32 - 30]))
def test_the_first_bytes_for_a_place_stay(
    segments: list[tuple[int, bytes, int]], start: int
) -> None:
    stream = TcpStream()
    stream.next = start
    expected: dict[int, int | None] = {}
    for number, (behind, data, absent) in enumerate(segments):
        stream.place(behind, data, absent, (number, 0.0))
        for place, byte in enumerate([*data, *[None] * absent], behind):
            if place >= 0:
                expected.setdefault(place, byte)
    got: dict[int, int | None] = {}
    at = 0
    while True:
        for data, absent, _ in stream.take():
            got.update(enumerate([*data, *[None] * absent], at))
            at += len(data) + absent
        if not stream.hole:
            break
        at += stream.hole
        stream.skip(stream.hole)
    assert got == expected
    assert stream.waiting == 0
    assert stream.next == (start + at) % 2**32


def test_sequence_numbers_wrap_around() -> None:
    assert distance(5, 2**32 - 5) == 10
    assert distance(2**32 - 5, 5) == -10


def test_what_waits_is_bounded_in_pieces_and_in_bytes() -> None:
    stream = TcpStream()
    stream.next = 0
    for number in range(MAX_PIECES + 1):
        assert not stream.full
        stream.place(1 + 2 * number, b"x", 0, (number, 0.0))
    assert stream.full
    stream = TcpStream()
    stream.next = 0
    stream.place(1, bytes(MAX_WAITING - PIECE_COST), 0, (0, 0.0))
    assert not stream.full
    stream.place(1 + MAX_WAITING, b"x", 0, (0, 0.0))
    assert stream.full


def test_a_fin_counts_once_all_before_it_has_been_taken() -> None:
    stream = TcpStream()
    stream.next = 100
    stream.fin(7, (3, 1.0))
    stream.fin(9, (4, 2.0))
    assert stream.finished is False
    stream.place(0, b"1234567", 0, (5, 3.0))
    assert stream.take() == [(b"1234567", 0, (5, 3.0))]
    assert (stream.finished, stream.fin_stamp) == (True, (3, 1.0))
