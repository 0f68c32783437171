"""Probe the sessions of a server: try each scenario in each version, some at a time.

Rules: what changes a server for all its clients comes last, one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lab.probing.results import Explanation, Finding
from lab.probing.resumption.session_scenarios import Change, SessionScenario
from lab.probing.resumption.session_trial import SessionTrial
from lab.probing.resumption.session_verdict import rule_session
from lab.probing.runner import NothingSelected
from lab.stream.contexts import TlsVersion
from lab.tracing.connection import NoConnection
from lab.tracing.trace_server import NotLoaded

TrySession = Callable[[SessionScenario, TlsVersion], Awaitable[SessionTrial]]
"""Tries a scenario once. Raises NoConnection, and NotLoaded."""

_FOR_ALL = (Change.REVOKED, Change.OTHER_CA)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFindings:
    """What was found, in the scenarios' order, and how many ``connections`` were made."""

    findings: tuple[Finding, ...]
    connections: int


async def probe_sessions(
    scenarios: Sequence[SessionScenario],
    versions: Sequence[TlsVersion],
    attempt: TrySession,
    *,
    concurrency: int,
    done: Callable[[str], None],
) -> SessionFindings:
    """Try all scenarios, ``concurrency`` at a time; ``done`` gets the name of each that ended."""
    gate = asyncio.Semaphore(concurrency)
    places = [(scenario, version) for scenario in scenarios for version in versions]

    async def one(scenario: SessionScenario, version: TlsVersion) -> SessionTrial:
        async with gate:
            try:
                return await attempt(scenario, version)
            except (NoConnection, NotLoaded) as error:
                return SessionTrial(scenario=scenario, version=version, obstacle=str(error))
            finally:
                done(scenario.name)

    early = [place for place in places if place[0].change not in _FOR_ALL]
    trials = dict(zip(early, await asyncio.gather(*(one(*place) for place in early)), strict=True))
    for place in places:
        if place not in trials:
            trials[place] = await one(*place)
    return SessionFindings(
        findings=tuple(rule_session(trials[place]) for place in places),
        connections=sum(trial.connections for trial in trials.values()),
    )


async def explain_session(
    scenario: SessionScenario, versions: Sequence[TlsVersion], attempt: TrySession
) -> Explanation:
    """Describe a scenario, and trace it in each version: where the session begins, and its offer.

    Raises NothingSelected where it could not be tried, and what ``attempt`` raises.
    """
    trials = [await attempt(scenario, version) for version in versions]
    traces = tuple(trace for trial in trials for trace in trial.traces)
    if not traces:
        raise NothingSelected(f"{scenario.name} could not be tried: {trials[0].obstacle}")
    return Explanation(scenario=scenario, traces=traces)
