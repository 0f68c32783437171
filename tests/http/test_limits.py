from __future__ import annotations

import asyncio
import gc
import selectors
import sys
import weakref

import pytest

from lab.http.limits import (
    Interruption,
    Limits,
    ShutdownSignal,
    WaitInterrupted,
    WaitTimer,
)

FAR = 1000.0


@pytest.mark.parametrize("name", ["idle_timeout", "max_header", "max_body"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"limit {name} must be greater than zero"):
        Limits(**{name: 0})


async def test_a_wait_that_ends_gives_its_value() -> None:
    timer = WaitTimer(closing=ShutdownSignal(), tick=FAR)
    assert await timer.wait(asyncio.sleep(0, "done"), deadline=timer.after(FAR)) == "done"
    timer.stop()


async def test_a_deadline_ends_a_wait_and_the_task_goes_on() -> None:
    timer = WaitTimer(closing=ShutdownSignal(), tick=0.01)
    for _ in range(2):
        with pytest.raises(WaitInterrupted) as caught:
            await timer.wait(asyncio.Event().wait(), deadline=timer.after(0.02))
        assert caught.value.cause is Interruption.TIMED_OUT
    assert await timer.wait(asyncio.sleep(0, "on"), deadline=timer.after(FAR)) == "on"
    timer.stop()
    if sys.version_info >= (3, 11):
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        selector = selectors.DefaultSelector()
        super().__init__(selector)
        self.now = 0.0
        poll = selector.select

        def select(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            assert timeout is not None, "nothing would ever happen"
            self.now += timeout
            return poll(0)

        selector.select = select  # type: ignore[method-assign]

    def time(self) -> float:
        return self.now


def test_a_deadline_strikes_at_its_time_however_it_lies_between_the_ticks() -> None:
    async def strikes() -> list[float]:
        timer = WaitTimer(closing=ShutdownSignal(), tick=10.0)
        struck = []
        for seconds in (10.0, 12.0, 37.0, 10.0):
            with pytest.raises(WaitInterrupted):
                await timer.wait(asyncio.Event().wait(), deadline=timer.after(seconds))
            struck.append(asyncio.get_running_loop().time())
        timer.stop()
        return struck

    loop = VirtualLoop()
    try:
        assert loop.run_until_complete(strikes()) == pytest.approx([10.0, 22.0, 59.0, 69.0])
    finally:
        loop.close()


async def test_no_deadline_strikes_between_two_waits() -> None:
    timer = WaitTimer(closing=ShutdownSignal(), tick=0.001)
    await timer.wait(asyncio.sleep(0), deadline=timer.after(0.001))
    ticked = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, ticked.set)
    await ticked.wait()  # outside the timer: deadlines of the past must not reach in here
    timer.stop()


async def test_closing_ends_an_idle_wait() -> None:
    closing = ShutdownSignal()
    timer = WaitTimer(closing=closing, tick=FAR)
    asyncio.get_running_loop().call_soon(closing.set)
    with pytest.raises(WaitInterrupted) as caught:
        await timer.wait(asyncio.Event().wait(), deadline=timer.after(FAR), idle=True)
    assert caught.value.cause is Interruption.CLOSING
    timer.stop()


async def test_closing_leaves_a_busy_wait_alone() -> None:
    closing, go_on = ShutdownSignal(), asyncio.Event()
    timer = WaitTimer(closing=closing, tick=FAR)

    async def close_then_go_on() -> None:
        closing.set()
        for _ in range(5):  # turns in which the timer would have struck
            await asyncio.sleep(0)
        go_on.set()

    other = asyncio.create_task(close_then_go_on())
    await timer.wait(go_on.wait(), deadline=timer.after(FAR))
    await other
    timer.stop()


async def test_a_cancellation_from_outside_stays_one() -> None:
    started = asyncio.Event()

    async def body() -> None:
        timer = WaitTimer(closing=ShutdownSignal(), tick=FAR)
        started.set()
        try:
            await timer.wait(asyncio.Event().wait(), deadline=timer.after(FAR), idle=True)
        finally:
            timer.stop()

    task = asyncio.create_task(body())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.skipif(
    sys.version_info < (3, 11), reason="needs Python 3.11, which tells the two apart"
)
async def test_a_cancellation_that_meets_an_interruption_is_kept() -> None:
    closing = ShutdownSignal()

    async def body() -> None:
        timer = WaitTimer(closing=closing, tick=FAR)
        try:
            await timer.wait(asyncio.Event().wait(), deadline=timer.after(FAR), idle=True)
        finally:
            timer.stop()

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    closing.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stopped_timer_is_held_by_nothing() -> None:
    closing = ShutdownSignal()
    timer = WaitTimer(closing=closing, tick=FAR)
    timer.stop()
    held = weakref.ref(timer)
    del timer
    gc.collect()
    assert held() is None
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_every_callback_is_called() -> None:
    closing, called = ShutdownSignal(), list[str]()
    closing.add_callback(lambda: called.append("one"))
    closing.add_callback(lambda: called.append("other"))
    assert not closing.is_set() and not called
    closing.set()
    assert closing.is_set() and sorted(called) == ["one", "other"]


def test_a_removed_callback_is_not_called() -> None:
    closing, called = ShutdownSignal(), list[str]()

    def remove_itself() -> None:
        called.append("removed itself")
        closing.remove_callback(remove_itself)

    def removed() -> None:
        called.append("removed")

    closing.add_callback(remove_itself)
    closing.add_callback(removed)
    closing.remove_callback(removed)
    closing.remove_callback(removed)
    closing.set()
    assert called == ["removed itself"]
