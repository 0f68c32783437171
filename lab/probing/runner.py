"""Run many scenarios in their versions, some at a time, each as often as is wanted.

Rules: a server that serves one client at a time must not be blocked: clients that send nothing come
last. An attempt whose connection fails is reported, and ends no other.

This module must not know where the server is, nor what its answers are worth.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from lab.probing.attempt import ScenarioTrace
from lab.probing.endings import ending
from lab.probing.scenarios.catalogue_order import SCENARIOS, find_scenario
from lab.probing.scenarios.scenario import BareClient, Scenario
from lab.probing.scenarios.trends import NAMED_SCENARIOS
from lab.probing.verdict import ScenarioAttempts
from lab.stream.contexts import TlsVersion
from lab.tracing.connection import NoConnection
from lab.tracing.trace_server import NotLoaded

Try = Callable[[Scenario, TlsVersion, bool], Awaitable[ScenarioTrace]]
"""Tries a scenario once; the last argument makes the client write before it reads.

Raises NoConnection, and NotLoaded."""

_GRACE = 1.0


class NothingSelected(ValueError):
    """No scenario is left. Its message is for the user."""


def selection(only: Sequence[str], skip: Sequence[str], *, own: bool) -> list[Scenario]:
    """Return the scenarios to run, in the catalogue's order.

    ``only`` and ``skip`` are names, empty for no choice; with ``own`` the server is the lab's.
    Those to be named are left out unless ``only`` has them. Raises UnknownScenario, and
    NothingSelected.
    """
    wanted, unwanted = ([find_scenario(name) for name in names] for names in (only, skip))
    for scenario in wanted:
        if not own and not scenario.anywhere:
            raise NothingSelected(
                f"{scenario.name} is about the lab's own server; leave HOST:PORT out to try it"
            )
    chosen = [
        scenario
        for scenario in (*SCENARIOS, *(NAMED_SCENARIOS if wanted else ()))
        if (not wanted or scenario in wanted)
        and scenario not in unwanted
        and (own or scenario.anywhere)
    ]
    if not chosen:
        raise NothingSelected("no scenario is left to try; see --list for their names")
    return chosen


async def run(
    scenarios: Sequence[Scenario],
    versions: Sequence[TlsVersion],
    attempt: Try,
    *,
    repeat: int,
    concurrency: int,
    done: Callable[[str], None],
) -> list[ScenarioAttempts]:
    """Make all attempts; return them in the scenarios' order and then the versions'.

    Each is tried ``repeat`` times; ``concurrency`` attempts run at a time. ``done`` is called with
    the name of each that has ended. Where this is cancelled, those that run may end within a
    second, and no other is begun.
    """
    places = [(scenario, version) for scenario in scenarios for version in versions]
    waiting = deque(sorted(places, key=lambda place: isinstance(place[0].client, BareClient)))
    attempts: dict[tuple[str, TlsVersion], ScenarioAttempts] = {}

    async def work() -> None:
        while waiting:
            scenario, version = waiting.popleft()
            attempts[scenario.name, version] = await _attempt(scenario, version, attempt, repeat)
            done(scenario.name)

    workers = [asyncio.ensure_future(work()) for _ in range(concurrency)]
    try:
        ended, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        for worker in ended:
            worker.result()
    except asyncio.CancelledError:
        waiting.clear()
        await asyncio.wait(workers, timeout=_GRACE)
        raise
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [attempts[scenario.name, version] for scenario, version in places]


async def _attempt(
    scenario: Scenario, version: TlsVersion, attempt: Try, repeat: int
) -> ScenarioAttempts:
    trials: list[ScenarioTrace] = []
    failure = ""
    try:
        for _ in range(repeat):
            trial = await attempt(scenario, version, False)
            if any(ending(trial) == ending(other) for other in trials):
                trial = trial.without_records()  # the first of its kind shows them
            trials.append(trial)
    except (NoConnection, NotLoaded) as error:
        failure = str(error)
    return ScenarioAttempts(
        scenario=scenario, version=version, trials=tuple(trials), failure=failure
    )
