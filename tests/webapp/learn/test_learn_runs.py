"""Runs of pages: what they draw, how few at a time, and what becomes of those that fail."""

from __future__ import annotations

import pytest

from lab.webapp.jobs import MOST_AT_ONCE, Jobs, TooManyJobs
from lab.webapp.learn.guided_path import STOPS
from lab.webapp.learn.learn_runs import run_scenario_of, run_stop, shown
from lab.webapp.learn.predictions import predictions_in
from lab.webapp.learn.results import LearnRun, RunFailed
from lab.webapp.learn.stop import Stop


async def no_run() -> LearnRun:
    raise OSError(24, "Too many open files")


async def test_a_run_is_drawn_with_every_comparison() -> None:
    jobs = Jobs()
    stop = next(stop for stop in STOPS if stop.name == "later")
    predictions = predictions_in({"1.2-end": "in", "1.3-end": "server"})
    try:
        run = await shown(jobs, lambda: run_stop(stop), predictions, stop)
    finally:
        jobs.close()
    assert (run.right, run.predicted, run.as_expected) == (1, 2, True)
    assert "CertificateRequest" in run.view
    assert [comparison.title for comparison in run.comparisons] == [
        "A client that cannot be asked later",
        "A client that can be asked, and has no certificate",
    ]
    views = [run.view, *(comparison.view for comparison in run.comparisons)]
    names = [name for view in views for name in view.split('id="')[1:]]
    assert len({name.split('"')[0] for name in names}) == len(names), "names are unique in a page"


async def test_a_run_without_a_stop_is_not_measured_by_one() -> None:
    jobs = Jobs()
    try:
        run = await shown(jobs, lambda: run_scenario_of("expired"), {})
    finally:
        jobs.close()
    assert run.as_expected is None
    assert (run.right, run.predicted) == (0, 0)


async def test_a_run_that_fails_says_why() -> None:
    with pytest.raises(RunFailed, match="no scenario 'nothing'"):
        await run_scenario_of("nothing")
    stop = Stop(
        name="x", title="", question=(), look=(), expected={}, lesson=(), commands=(), run=no_run
    )
    with pytest.raises(RunFailed, match=r"Too many open files.*run it again"):
        await run_stop(stop)


async def test_more_runs_than_may_be_are_refused() -> None:
    jobs = Jobs()

    async def nested(depth: int) -> LearnRun:
        if depth:
            await jobs.run(lambda: nested(depth - 1))
        return LearnRun(traces=())

    try:
        with pytest.raises(TooManyJobs):
            await shown(jobs, lambda: nested(MOST_AT_ONCE), {})
    finally:
        jobs.close()
