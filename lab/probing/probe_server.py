"""Probe a server: the lab's own, or any other with a CA that it trusts.

Each attempt on the lab's own has a new server, and is compared with what was measured; another
server is compared with the norm.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lab.pki.lab_ca import LabAuthority
from lab.probing import runner
from lab.probing.attempt import (
    Approach,
    NotLoaded,
    ScenarioTrace,
    prepare,
)
from lab.probing.preflight import survey
from lab.probing.results import (
    Report,
    ScenarioDescription,
    ServerBehaviour,
    SilentVersion,
)
from lab.probing.runner import Try
from lab.probing.scenario_server import run_scenario
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.probing.scenarios.scenario import Scenario
from lab.probing.server_behaviour import (
    EARLY_TRIES,
    NEEDED,
    Observations,
    insights,
    to_race,
)
from lab.probing.verdict import (
    Ruling,
    ScenarioAttempts,
    circumstances,
    ending,
    finding,
    lesson,
    rule,
    rule_own,
)
from lab.stream.contexts import TlsVersion
from lab.tracing.connection import NoConnection
from lab.tracing.results import Trace
from lab.tracing.trace_server import VERSIONS

OWN_SERVER = "the lab's own server"

Progress = Callable[[int], Callable[[str], None]]
"""Takes how much there is to do; gives whom to tell the name of what is done."""

_Rule = Callable[[ScenarioTrace], Ruling]
_Rules = Callable[[Sequence[ScenarioAttempts]], Awaitable[_Rule]]
"""Takes all attempts in one version; gives the rule for their trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What to try, and how: ``repeat`` trials of each, ``concurrency`` at a time."""

    scenarios: Sequence[Scenario]
    versions: Sequence[TlsVersion]
    repeat: int = 1
    concurrency: int = 4


async def probe_own(extent: Extent, ca: LabAuthority, progress: Progress) -> Report:
    """Probe the lab's own server, started anew for each attempt."""
    openssl = ssl.OPENSSL_VERSION_INFO[:2]

    def attempt(
        scenario: Scenario, version: TlsVersion, write_first: bool
    ) -> Awaitable[ScenarioTrace]:
        return run_scenario(scenario, version, ca, write_first)

    async def rules(attempts: Sequence[ScenarioAttempts]) -> _Rule:
        return partial(rule_own, openssl=openssl)

    run = _Run(attempt=attempt, extent=extent, ca=ca)
    return await run.report(OWN_SERVER, progress, dict.fromkeys(extent.versions, rules))


async def probe_target(
    extent: Extent, approach: Approach, ca: LabAuthority, progress: Progress, *, prepared: bool
) -> Report:
    """Probe the server at ``approach``, in those of the versions that it speaks.

    ``prepared`` tells that the server has what scenarios need of it. Raises what
    :func:`~lab.probing.preflight.survey` raises.
    """
    found = await survey(approach, extent.versions, ca)

    def attempt(
        scenario: Scenario, version: TlsVersion, write_first: bool
    ) -> Awaitable[ScenarioTrace]:
        return _attempt(approach, found.shops[version], scenario, version, write_first)

    run = _Run(
        attempt=attempt,
        extent=replace(extent, versions=found.versions),
        ca=ca,
        connections=found.connections,
    )
    rules = {
        version: partial(_rule_elsewhere, run, version, found.trials[version], prepared)
        for version in found.versions
    }
    report = await run.report(approach.target.authority, progress, rules)
    unspoken = [version for version in extent.versions if version not in found.versions]
    return replace(
        report,
        skipped=tuple(VERSIONS[version] for version in unspoken if version not in found.silent),
        silent=tuple(
            SilentVersion(version=VERSIONS[version], ending=how)
            for version, how in found.silent.items()
        ),
    )


async def _rule_elsewhere(
    run: _Run,
    version: TlsVersion,
    good: ScenarioTrace,
    prepared: bool,
    attempts: Sequence[ScenarioAttempts],
) -> _Rule:
    """Return the rule for a server elsewhere, which compares refusals with the good scenarios.

    The good client is tried once more at the end. If it is not accepted any more, the server has
    changed meanwhile, and its refusals prove nothing.
    """
    last = await run.again("good", version)
    known = {"good": circumstances(good, prepared=prepared)}
    chain = next(
        tried.trials
        for tried in attempts
        if tried.version is version and tried.scenario.name == "through-intermediate"
    )
    if chain:
        known["through-intermediate"] = circumstances(chain[0], prepared=prepared)
    if last is None or circumstances(last, prepared=prepared).good_refused:
        how = "no connection" if last is None else f"{ending(last)}"
        known = {
            name: replace(fact, good_refused=fact.good_refused or f"{how}, at the end of the probe")
            for name, fact in known.items()
        }

    def judge(trial: ScenarioTrace) -> Ruling:
        return rule(trial, known.get(trial.scenario.control, known["good"]))

    return judge


async def _attempt(
    approach: Approach,
    ca: LabAuthority,
    scenario: Scenario,
    version: TlsVersion,
    write_first: bool = False,
) -> ScenarioTrace:
    """Try a scenario against a server elsewhere. Raises NoConnection, and NotLoaded."""
    attempt = prepare(scenario, version, replace(approach, write_first=write_first), ca)
    return attempt.conclude(await attempt.run())


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run over an extent; counts the connections that it makes."""

    attempt: Try
    extent: Extent
    ca: LabAuthority
    connections: int = 0

    async def report(
        self, target: str, progress: Progress, rules: Mapping[TlsVersion, _Rules]
    ) -> Report:
        start = time.monotonic()
        chosen = [scenario.name for scenario in self.extent.scenarios]
        more = [find_scenario(name) for name in NEEDED if name not in chosen]
        versions = self.extent.versions
        done = progress((len(chosen) + len(more)) * len(versions))
        attempts = await self._all(self.extent.scenarios, self.extent.repeat, done)
        others = await self._all(more, 1, done)
        rule_in = {version: await rules[version]([*attempts, *others]) for version in versions}
        findings = tuple(
            finding(tried, [rule_in[tried.version](trial) for trial in tried.trials])
            for tried in attempts
        )
        return Report(
            target=target,
            findings=findings,
            insights=tuple(await self._insights([*attempts, *others], rule_in)),
            skipped=(),
            connections=self.connections,
            seconds=time.monotonic() - start,
        )

    async def _all(
        self, scenarios: Sequence[Scenario], repeat: int, done: Callable[[str], None]
    ) -> list[ScenarioAttempts]:
        return await runner.run(
            scenarios,
            self.extent.versions,
            self._counted,
            repeat=repeat,
            concurrency=self.extent.concurrency,
            done=done,
        )

    async def _counted(
        self, scenario: Scenario, version: TlsVersion, write_first: bool
    ) -> ScenarioTrace:
        self.connections += 1
        return await self.attempt(scenario, version, write_first)

    async def again(self, name: str, version: TlsVersion) -> ScenarioTrace | None:
        """Try a scenario once more; None: there was no connection."""
        try:
            return await self._counted(find_scenario(name), version, False)
        except (NoConnection, NotLoaded):
            return None

    async def _insights(
        self, attempts: Sequence[ScenarioAttempts], rules: Mapping[TlsVersion, _Rule]
    ) -> list[ServerBehaviour]:
        grounds = {}
        for version in self.extent.versions:
            trials = {
                tried.scenario.name: tried.trials[0]
                for tried in attempts
                if tried.version is version and tried.trials
            }
            if all(name in trials for name in NEEDED):
                grounds[version] = await self._ground(version, trials, rules[version])
        return insights(grounds)

    async def _ground(
        self, version: TlsVersion, trials: Mapping[str, ScenarioTrace], judge: _Rule
    ) -> Observations:
        rulings = {name: judge(trials[name]) for name in NEEDED}
        # In TLS 1.2 a client cannot write before the server has judged it.
        name = to_race(trials, rulings) if version is TlsVersion.TLS13 else ""
        early: list[ScenarioAttempts] = []
        if name:
            early = await runner.run(
                [find_scenario(name)],
                [version],
                lambda scenario, version, _: self._counted(scenario, version, True),
                repeat=EARLY_TRIES,
                concurrency=1,
                done=lambda _: None,
            )
        return Observations(
            trials=trials,
            rulings=rulings,
            early=[trial for tried in early for trial in tried.trials],
            late=trials[name] if name else None,
            ca=self.ca.root.subject.public_bytes(),
        )


async def explain(
    extent: Extent, approach: Approach | None, ca: LabAuthority
) -> tuple[ScenarioDescription, list[Trace]]:
    """Describe the first scenario of ``extent``, and trace it in each version.

    Without ``approach`` the server is the lab's own. Raises NoConnection, NotLoaded, and what
    :func:`~lab.probing.preflight.survey` raises.
    """
    scenario = extent.scenarios[0]
    traces = []
    found = await survey(approach, extent.versions, ca) if approach else None
    for version in found.versions if found else extent.versions:
        if approach is None or found is None:
            trial = await run_scenario(scenario, version, ca)
        else:
            trial = await _attempt(approach, found.shops[version], scenario, version)
        traces.append(trial.trace)
    address = approach.target.authority if approach else "localhost:8443"
    command = scenario.command.format(
        cert="client.pem", ca="ca.crt", crl="crl.pem", address=address
    )
    return replace(lesson(scenario), command=command), traces
