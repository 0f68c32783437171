"""Jobs: how many run at a time, and that computing leaves the event loop alone."""

from __future__ import annotations

import asyncio
import threading

import pytest

from lab.webapp.jobs import MOST_AT_ONCE, Jobs, TooManyJobs


async def test_more_jobs_than_may_run_are_refused_at_once() -> None:
    jobs, end = Jobs(), asyncio.Event()
    running = [asyncio.create_task(jobs.run(end.wait)) for _ in range(MOST_AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyJobs):
        await jobs.run(end.wait)
    end.set()
    await asyncio.gather(*running)
    assert await jobs.compute(threading.current_thread) is not threading.main_thread()
    jobs.close()


async def test_a_job_that_fails_frees_its_place() -> None:
    jobs = Jobs()
    for _ in range(MOST_AT_ONCE + 1):
        with pytest.raises(ZeroDivisionError):
            await jobs.compute(lambda: 1 / 0)
    jobs.close()
