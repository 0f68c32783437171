"""A campaign: many scenarios in their versions, some at a time, each as often as is wanted.

Rules: a server that serves one client at a time is not to be held up: clients that say nothing come
last. A connection that fails is told of and stops nobody else.

This module must not know where the server is, nor what its answers are worth.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from lab.probing.attempt import NotLoaded, ScenarioTrace
from lab.probing.scenarios.catalogue_order import SCENARIOS, find_scenario
from lab.probing.scenarios.scenario import BareClient, Scenario
from lab.probing.verdict import ScenarioAttempts
from lab.stream.contexts import TlsVersion
from lab.tracing.connection import NoConnection

Try = Callable[[Scenario, TlsVersion, bool], Awaitable[ScenarioTrace]]
"""Tries a scenario once; the last argument makes the client write before it reads.

Raises NoConnection, and NotLoaded."""


_GRACE = 1.0


class NothingSelected(ValueError):
    """No scenario is left. Its message is for the user."""


def selection(only: Sequence[str], skip: Sequence[str], *, own: bool) -> list[Scenario]:
    """The scenarios to run, in the catalogue's order.

    ``only`` and ``skip`` are names, empty for no choice; with ``own`` the server is the lab's.
    Raises UnknownScenario, and NothingSelected.
    """
    wanted, unwanted = ({find_scenario(name).name for name in names} for names in (only, skip))
    chosen = [
        each
        for each in SCENARIOS
        if (not wanted or each.name in wanted) and each.name not in unwanted
    ]
    if not own:
        for each in chosen:
            if wanted and not each.anywhere:
                raise NothingSelected(
                    f"{each.name} is about the lab's own server; leave HOST:PORT out to try it"
                )
        chosen = [each for each in chosen if each.anywhere]
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
    """All attempts, in the scenarios' order and then the versions'.

    Of each, ``repeat`` trials are made; ``concurrency`` attempts are under way at any time.
    ``done`` is told the name of each that is over. Cancelled, it lets those under way end, for a
    second.
    """
    places = [(scenario, version) for scenario in scenarios for version in versions]
    order = sorted(range(len(places)), key=lambda each: _holds_up(places[each][0]))
    waiting = deque(order)
    attempts: dict[int, ScenarioAttempts] = {}

    async def work() -> None:
        while waiting:
            number = waiting.popleft()
            scenario, version = places[number]
            attempts[number] = await _attempt(scenario, version, attempt, repeat)
            done(scenario.name)

    workers = [asyncio.ensure_future(work()) for _ in range(concurrency)]
    try:
        over, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        for worker in over:
            worker.result()
    except asyncio.CancelledError:
        # What is under way may end in order; nothing new is begun.
        waiting.clear()
        await asyncio.wait(workers, timeout=_GRACE)
        raise
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [attempts[number] for number in range(len(places))]


def _holds_up(scenario: Scenario) -> bool:
    return isinstance(scenario.client, BareClient)


async def _attempt(
    scenario: Scenario, version: TlsVersion, attempt: Try, repeat: int
) -> ScenarioAttempts:
    trials: list[ScenarioTrace] = []
    try:
        for _ in range(repeat):
            trials.append(await attempt(scenario, version, False))
    except (NoConnection, NotLoaded) as error:
        return ScenarioAttempts(
            scenario=scenario, version=version, trials=tuple(trials), failure=str(error)
        )
    return ScenarioAttempts(scenario=scenario, version=version, trials=tuple(trials))
