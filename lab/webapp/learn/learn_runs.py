"""Running what a page of Learn asks for, for real, and drawing what came of it.

Rules: connections are made on the event loop, among few jobs at a time; what computes for long is
done in a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from markupsafe import Markup

from lab.api import LabError, explain_scenario_async
from lab.show.html.trace_view import traces_view
from lab.webapp.jobs import Jobs
from lab.webapp.learn.predictions import (
    ComparedVersion,
    Predictions,
    came_out_as,
    compare,
)
from lab.webapp.learn.results import LearnRun, RunFailed
from lab.webapp.learn.stop import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownComparison:
    """Further connections of a run, drawn."""

    title: str
    words: str
    view: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """A run as a page shows it.

    ``right`` of ``predicted`` predictions were so, of those that the run tells something about.
    ``as_expected`` tells that it came out as the stop says, None where no stop was asked.
    """

    versions: tuple[ComparedVersion, ...]
    view: Markup
    comparisons: tuple[ShownComparison, ...] = ()
    as_expected: bool | None = None

    @property
    def _judged(self) -> list[bool]:
        answers = (answer.right for version in self.versions for answer in version.answers)
        return [right for right in answers if right is not None]

    @property
    def predicted(self) -> int:
        """How many predictions were compared."""
        return len(self._judged)

    @property
    def right(self) -> int:
        """How many of them were right."""
        return sum(self._judged)


async def run_scenario_of(name: str) -> LearnRun:
    """Run a scenario in both versions against the lab's server. Raises RunFailed."""
    try:
        explanation = await explain_scenario_async(name, keep_records=True)
    except LabError as error:
        raise RunFailed(str(error)) from error
    return LearnRun(traces=explanation.traces)


async def run_stop(stop: Stop) -> LearnRun:
    """Run what a stop is about. Raises RunFailed."""
    if stop.run is None:
        return await run_scenario_of(stop.scenario)
    try:
        return await stop.run()
    except (OSError, TimeoutError) as error:  # no socket left, or a machine that stands still
        raise RunFailed(f"the connection did not come about: {error}; run it again") from error


async def shown(
    jobs: Jobs,
    run: Callable[[], Awaitable[LearnRun]],
    predictions: Predictions,
    stop: Stop | None = None,
) -> ShownRun:
    """Run, compare with the predictions, and draw. Raises RunFailed, and TooManyJobs."""

    async def work() -> ShownRun:
        result = await run()
        return await jobs.in_thread(_drawn, result, predictions, stop)

    return await jobs.run(work)


def _drawn(run: LearnRun, predictions: Predictions, stop: Stop | None) -> ShownRun:
    return ShownRun(
        versions=compare(predictions, run.traces),
        view=traces_view(run.traces),
        comparisons=tuple(
            ShownComparison(
                title=comparison.title,
                words=comparison.words,
                view=traces_view(comparison.traces, key=f"more{number}"),
            )
            for number, comparison in enumerate(run.comparisons, start=1)
        ),
        as_expected=None if stop is None else came_out_as(stop.expected, run.traces),
    )
