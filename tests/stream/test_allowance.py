"""A share of the time: saved up to a bound, spent, and owed."""

from __future__ import annotations

from lab.stream.allowance import Allowance


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def spend(allowance: Allowance, worked: Clock, seconds: float) -> None:
    with allowance.spent():
        worked.now += seconds


def test_what_is_saved_up_lasts_for_a_burst_and_no_longer() -> None:
    clock, worked = Clock(), Clock()
    allowance = Allowance(0.01, clock=clock, worked=worked)
    clock.now += 1_000_000.0
    assert allowance.left
    spend(allowance, worked, 0.39)
    assert allowance.left
    spend(allowance, worked, 0.02)
    assert not allowance.left


def test_what_is_owed_is_paid_by_the_share_of_the_time_that_passes() -> None:
    clock, worked = Clock(), Clock()
    allowance = Allowance(0.01, clock=clock, worked=worked)
    spend(allowance, worked, 0.40 + 0.10)
    clock.now += 9.0
    assert not allowance.left
    clock.now += 2.0
    assert allowance.left


def test_waiting_costs_nothing() -> None:
    clock, worked = Clock(), Clock()
    allowance = Allowance(0.01, clock=clock, worked=worked)
    with allowance.spent():
        clock.now += 1000.0  # for whoever reads the log
    assert allowance.left


def test_no_share_is_nothing_from_the_start() -> None:
    clock = Clock()
    allowance = Allowance(0.0, clock=clock)
    clock.now += 1000.0
    assert not allowance.left
