from __future__ import annotations

import asyncio
import gc
import sys
import weakref

import pytest

from lab.http.limits import (
    Interruption,
    Limits,
    WaitInterrupted,
    wait_until,
)
from lab.http.shutdown_signal import ShutdownSignal


@pytest.mark.parametrize("name", ["idle_timeout", "max_header", "max_body"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"limit {name} must be greater than zero"):
        Limits(**{name: 0})


def now() -> float:
    return asyncio.get_running_loop().time()


def far() -> float:
    return now() + 1000.0


async def test_a_wait_that_ends_gives_its_value() -> None:
    assert await wait_until(far(), asyncio.sleep(0, "done")) == "done"
    assert await wait_until(far(), asyncio.sleep(0, "done"), closing=ShutdownSignal()) == "done"


async def test_a_deadline_ends_a_wait_at_its_time_and_the_task_goes_on() -> None:
    for _ in range(2):
        deadline = now() + 0.02
        with pytest.raises(WaitInterrupted) as caught:
            await wait_until(deadline, asyncio.Event().wait())
        assert caught.value.cause is Interruption.TIMED_OUT
        # The loop counts what lies within the resolution of its clock as due.
        assert now() > deadline - 0.001
    assert await wait_until(far(), asyncio.sleep(0, "on")) == "on"
    if sys.version_info >= (3, 11):
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


async def test_a_deadline_that_has_passed_ends_a_wait_at_once() -> None:
    with pytest.raises(WaitInterrupted):
        await wait_until(now() - 1, asyncio.Event().wait())
    assert await wait_until(now() - 1, returning("at hand")) == "at hand"


async def returning(value: str) -> str:
    return value


async def test_no_deadline_strikes_after_its_wait() -> None:
    await wait_until(now() + 0.001, asyncio.sleep(0))
    later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, later.set)
    await later.wait()  # a deadline of the past must not reach in here


async def test_closing_ends_a_wait_that_heeds_it() -> None:
    closing = ShutdownSignal()
    asyncio.get_running_loop().call_soon(closing.set)
    with pytest.raises(WaitInterrupted) as caught:
        await wait_until(far(), asyncio.Event().wait(), closing=closing)
    assert caught.value.cause is Interruption.CLOSING


async def test_closing_and_a_deadline_in_one_turn_end_a_wait_once() -> None:
    closing = ShutdownSignal()
    asyncio.get_running_loop().call_soon(closing.set)
    with pytest.raises(WaitInterrupted):
        await wait_until(now(), asyncio.Event().wait(), closing=closing)
    assert await wait_until(far(), asyncio.sleep(0, "on")) == "on"


async def test_closing_leaves_other_waits_alone() -> None:
    closing, go_on = ShutdownSignal(), asyncio.Event()
    await wait_until(far(), asyncio.sleep(0), closing=closing)

    async def close_then_go_on() -> None:
        closing.set()
        for _ in range(5):  # turns in which a wait would have been ended
            await asyncio.sleep(0)
        go_on.set()

    other = asyncio.create_task(close_then_go_on())
    await wait_until(far(), go_on.wait())
    await other


async def test_a_cancellation_from_outside_stays_one() -> None:
    closing = ShutdownSignal()
    task = asyncio.create_task(wait_until(far(), asyncio.Event().wait(), closing=closing))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="needs Python 3.11, which tells the two apart"
)
async def test_a_cancellation_from_outside_that_meets_an_interruption_is_kept() -> None:
    closing = ShutdownSignal()
    task = asyncio.create_task(wait_until(far(), asyncio.Event().wait(), closing=closing))
    await asyncio.sleep(0)
    closing.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_wait_that_has_ended_is_held_by_nothing() -> None:
    closing, event = ShutdownSignal(), asyncio.Event()
    event.set()
    held = weakref.ref(event)
    await wait_until(far(), event.wait(), closing=closing)
    del event
    gc.collect()
    assert held() is None
