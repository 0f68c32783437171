"""Probe the sessions of a server: try each scenario in each version, some at a time.

Rules: what changes a server for all its clients comes last, one after the other. In TLS 1.2 a
client may offer a ticket or a session ID, and a server may keep one of them and not the other: both
are tried, and the worse verdict counts.
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

TrySession = Callable[[SessionScenario, TlsVersion, bool], Awaitable[SessionTrial]]
"""Tries a scenario once, with tickets or without. Raises NoConnection, and NotLoaded."""

_FOR_ALL = (Change.REVOKED, Change.OTHER_CA)
_WAYS = {TlsVersion.TLS12: (True, False), TlsVersion.TLS13: (True,)}
"""Whether the client takes tickets: in TLS 1.3 there is nothing else."""


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

    async def one(scenario: SessionScenario, version: TlsVersion) -> list[SessionTrial]:
        tries = [_tried(scenario, version, tickets, attempt) for tickets in _WAYS[version]]
        async with gate:
            if scenario.change in _FOR_ALL:
                trials = [await trying for trying in tries]
            else:
                trials = await asyncio.gather(*tries)
        done(scenario.name)
        return trials

    early = [place for place in places if place[0].change not in _FOR_ALL]
    trials = dict(zip(early, await asyncio.gather(*(one(*place) for place in early)), strict=True))
    for place in places:
        if place not in trials:
            trials[place] = await one(*place)
    return SessionFindings(
        findings=tuple(_worst(trials[place]) for place in places),
        connections=sum(trial.connections for tried in trials.values() for trial in tried),
    )


async def _tried(
    scenario: SessionScenario, version: TlsVersion, tickets: bool, attempt: TrySession
) -> SessionTrial:
    try:
        return await attempt(scenario, version, tickets)
    except (NoConnection, NotLoaded) as error:
        return SessionTrial(
            scenario=scenario, version=version, tickets=tickets, obstacle=str(error)
        )


def _worst(trials: Sequence[SessionTrial]) -> Finding:
    return max(map(rule_session, trials), key=lambda finding: finding.verdict.weight)


async def explain_session(
    scenario: SessionScenario, versions: Sequence[TlsVersion], attempt: TrySession
) -> Explanation:
    """Describe a scenario, and trace it in each version: where the session begins, and its offer.

    Raises NothingSelected where it could not be tried, and what ``attempt`` raises.
    """
    trials = [await attempt(scenario, version, True) for version in versions]
    traces = tuple(trace for trial in trials for trace in trial.traces)
    if not traces:
        raise NothingSelected(f"{scenario.name} could not be tried: {trials[0].obstacle}")
    return Explanation(scenario=scenario, traces=traces)
