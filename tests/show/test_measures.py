"""Times and sizes fit their columns."""

from __future__ import annotations

import pytest

from lab.show.measures import milliseconds, short_size


@pytest.mark.parametrize(
    ("octets", "shown"),
    [(0, ""), (517, "517"), (999_999, "999999"), (1_000_000, "1000k"), (100_000_000, "100M")],
)
def test_a_size_has_six_characters_at_most(octets: int, shown: str) -> None:
    assert short_size(octets) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.00123, "1.23"),
        (99.999, "99999.00"),
        (99999.0, "99999 s"),
        (1e9, "11574 d"),
        (1e15, "..."),
    ],
)
def test_a_time_has_eight_characters_at_most(seconds: float, shown: str) -> None:
    assert milliseconds(seconds) == shown
