"""Work in a thread that nobody waits for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from lab.serving.apart import Apart
from tests.support.doors import PATIENCE, environment


async def test_what_work_returns_and_raises() -> None:
    apart = Apart("test")
    assert await apart.run(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        await apart.run(lambda: 1 // 0)
    assert await asyncio.gather(*(apart.run(lambda n=n: n) for n in range(5))) == [*range(5)]  # type: ignore[misc]
    thread = await apart.run(threading.current_thread)
    apart.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()


async def test_who_stops_waiting_stops_no_work() -> None:
    apart = Apart("test")
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(PATIENCE)
        done.set()

    waiting = asyncio.create_task(apart.run(work))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    await apart.run(lambda: None)
    assert done.is_set()
    apart.stop()


_HANGS = """
import asyncio, sys, threading
from lab.serving.apart import Apart

async def main():
    apart, begun = Apart("test"), threading.Event()

    def work():
        begun.set()
        threading.Event().wait()

    waiting = asyncio.create_task(apart.run(work))
    while not begun.is_set():
        await asyncio.sleep(0)
    waiting.cancel()
    apart.stop()

asyncio.run(main())
print("ended")
"""


def test_work_that_hangs_does_not_keep_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HANGS],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        env=environment(),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


async def test_an_answer_for_a_loop_that_is_closed_is_dropped() -> None:
    go = threading.Event()
    apart = Apart("test")

    async def ask() -> None:
        asking = asyncio.create_task(apart.run(lambda: go.wait(PATIENCE)))
        await asyncio.sleep(0)
        asking.cancel()

    await asyncio.to_thread(asyncio.run, ask())
    go.set()
    assert await apart.run(lambda: "still at work") == "still at work"
    apart.stop()
