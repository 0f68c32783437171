"""Probe a server: the lab's own, or any other with a CA that it trusts.

Each attempt on the lab's own has a new server, and is compared with what was measured; another
server is compared with the norm.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from lab.pki.lab_ca import LabAuthority
from lab.probing import runner
from lab.probing.attempt import ScenarioTrace, try_scenario
from lab.probing.endings import ending
from lab.probing.preflight import Preflight, survey
from lab.probing.results import (
    OWN_ADDRESS,
    OWN_SERVER,
    Explanation,
    Finding,
    Report,
    ServerBehaviour,
    SilentVersion,
)
from lab.probing.resumption.own_sessions import try_own_session
from lab.probing.resumption.probe_sessions import TrySession, explain_session, probe_sessions
from lab.probing.resumption.session_grounds import SessionExtent, session_grounds
from lab.probing.resumption.session_trial import try_session
from lab.probing.runner import Try
from lab.probing.scenario_server import run_scenario
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.probing.scenarios.scenario import Scenario
from lab.probing.server_behaviour import EARLY_TRIES, NEEDED, Observations, insights, to_race
from lab.probing.verdict import (
    ScenarioAttempts,
    circumstances,
    rule,
    rule_own,
    worst_finding,
)
from lab.stream.contexts import TlsVersion
from lab.tracing.connection import NoConnection
from lab.tracing.packet_file import PacketFile
from lab.tracing.trace_server import VERSIONS, NotLoaded, Plan

MOST_OCTETS = 1 << 24
"""How many bytes of records are kept of a whole probe; the rest of a trace is bounded anyhow."""

Progress = Callable[[int], Callable[[str], None]]
"""Takes how many attempts there are; returns what to call with the name of each that is done."""

_Rule = Callable[[ScenarioTrace], Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What to try, and how: ``repeat`` trials of each, ``concurrency`` at a time.

    ``packets`` is a file to write the connections to the lab's own server to, and ``keep_records``
    has the records of these kept with their bytes; a ``Plan`` has both of another. ``sessions``
    says which sessions to try, and where.
    """

    scenarios: Sequence[Scenario]
    versions: Sequence[TlsVersion]
    repeat: int = 1
    concurrency: int = 4
    packets: PacketFile | None = None
    keep_records: bool = False
    sessions: SessionExtent = field(default_factory=SessionExtent)


async def probe_own(extent: Extent, ca: LabAuthority, progress: Progress) -> Report:
    """Probe the lab's own server, started anew for each attempt."""

    async def attempt(scenario: Scenario, version: TlsVersion, write_first: bool) -> ScenarioTrace:
        packets, keep = extent.packets, extent.keep_records
        return await run_scenario(scenario, version, ca, write_first, packets, keep)

    async def rules(version: TlsVersion, attempts: Sequence[ScenarioAttempts]) -> _Rule:
        return partial(rule_own, openssl=ssl.OPENSSL_VERSION_INFO[:2])

    session = partial(
        try_own_session, ca=ca, packets=extent.packets, keep_records=extent.keep_records
    )
    run = _Run(attempt=attempt, session=session, extent=extent, ca=ca)
    return await run.report(OWN_SERVER, progress, rules)


async def probe_target(
    extent: Extent, plan: Plan, ca: LabAuthority, progress: Progress, *, prepared: bool
) -> Report:
    """Probe the server at ``plan``, in those of the versions that it speaks.

    ``prepared`` tells that the server has what scenarios need of it. Raises what
    :func:`~lab.probing.preflight.survey` raises.
    """
    preflight = await survey(plan, extent.versions, ca)
    with session_grounds(extent.sessions, plan, preflight.authorities) as grounds:
        run = _Run(
            attempt=partial(_attempt, plan, preflight),
            session=partial(try_session, grounds=grounds),
            extent=replace(extent, versions=preflight.versions),
            ca=ca,
            connections=preflight.connections,
        )
        rules = partial(_rule_elsewhere, run, preflight, prepared)
        report = await run.report(plan.target.address, progress, rules)
    silent = preflight.silent
    return replace(
        report,
        skipped=tuple(
            VERSIONS[version]
            for version in extent.versions
            if version not in preflight.versions and version not in silent
        ),
        silent=tuple(
            SilentVersion(version=VERSIONS[version], ending=silent[version]) for version in silent
        ),
    )


async def _attempt(
    plan: Plan,
    preflight: Preflight,
    scenario: Scenario,
    version: TlsVersion,
    write_first: bool = False,
) -> ScenarioTrace:
    """Try a scenario against a server elsewhere. Raises NoConnection, and NotLoaded."""
    plan = replace(plan, write_first=write_first)
    return await try_scenario(scenario, version, plan, preflight.authorities[version])


async def _rule_elsewhere(
    run: _Run,
    preflight: Preflight,
    prepared: bool,
    version: TlsVersion,
    attempts: Sequence[ScenarioAttempts],
) -> _Rule:
    """Return the rule for a server elsewhere, which compares refusals with the good scenarios.

    The good client is tried once more at the end. If it is not accepted any more, the server has
    changed meanwhile, and its refusals prove nothing.
    """
    last = await run.again("good", version)
    ca = run.ca.root.subject.public_bytes()
    known = {"good": circumstances(preflight.trials[version], prepared=prepared, ca=ca)}
    trials = {
        tried.scenario.name: tried.trials[0]
        for tried in attempts
        if tried.version is version and tried.trials
    }
    if (chain := trials.get("through-intermediate")) is not None:
        known["through-intermediate"] = circumstances(chain, prepared=prepared, ca=ca)
    if (wrong := trials.get("wrong-ca")) is not None:
        verifies = rule(wrong, known["good"]).bad_refused
        known = {name: replace(fact, verifies=verifies) for name, fact in known.items()}
    if last is None or circumstances(last, prepared=prepared).good_refused:
        how = "no connection" if last is None else ending(last)
        known = {
            name: replace(fact, good_refused=fact.good_refused or f"{how}, at the end of the probe")
            for name, fact in known.items()
        }
    return lambda trial: rule(trial, known.get(trial.scenario.control, known["good"]))


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run over an extent; counts the connections that it makes, and what it keeps of them."""

    attempt: Try
    session: TrySession
    extent: Extent
    ca: LabAuthority
    connections: int = 0
    room: int = field(default_factory=lambda: MOST_OCTETS)

    async def report(
        self,
        target: str,
        progress: Progress,
        rules: Callable[[TlsVersion, Sequence[ScenarioAttempts]], Awaitable[_Rule]],
    ) -> Report:
        """Make the run; ``rules`` takes all attempts, and returns the rule for a version."""
        start = time.monotonic()
        chosen, versions = self.extent.scenarios, self.extent.versions
        names = [scenario.name for scenario in chosen]
        more = [find_scenario(name) for name in NEEDED if name not in names]
        sessions = self.extent.sessions.scenarios
        done = progress((len(chosen) + len(more) + len(sessions)) * len(versions))
        attempts = await self._all(chosen, self.extent.repeat, done)
        others = await self._all(more, 1, done)
        rule_in = {version: await rules(version, [*attempts, *others]) for version in versions}
        findings = tuple(
            worst_finding(tried, [rule_in[tried.version](trial) for trial in tried.trials])
            for tried in attempts
        )
        of_sessions = await probe_sessions(
            sessions, versions, self.session, concurrency=self.extent.concurrency, done=done
        )
        self.connections += of_sessions.connections
        return Report(
            target=target,
            findings=(*findings, *of_sessions.findings),
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
        trial = await self.attempt(scenario, version, write_first)
        octets = sum(len(record.raw) for record in trial.trace.records)
        if octets > self.room:
            return trial.without_records()
        self.room -= octets
        return trial

    async def again(
        self, name: str, version: TlsVersion, *, write_first: bool = False
    ) -> ScenarioTrace | None:
        """Try a scenario once more; None: there was no connection."""
        try:
            return await self._counted(find_scenario(name), version, write_first)
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
        findings = {name: judge(trial) for name, trial in trials.items()}
        # In TLS 1.2 a client cannot write before the server has judged it.
        name = to_race(trials, findings) if version is TlsVersion.TLS13 else ""
        early = [
            await self.again(name, version, write_first=True)
            for _ in range(EARLY_TRIES if name else 0)
        ]
        return Observations(
            trials=trials,
            findings=findings,
            early=[trial for trial in early if trial is not None],
            late=trials[name] if name else None,
            ca=self.ca.root.subject.public_bytes(),
        )


async def explain(extent: Extent, plan: Plan | None, ca: LabAuthority) -> Explanation:
    """Describe the first scenario of ``extent``, and trace it in each version.

    Without ``plan`` the server is the lab's own. Raises NoConnection, NotLoaded, NothingSelected,
    and what :func:`~lab.probing.preflight.survey` raises.
    """
    if not extent.scenarios:
        return await _explain_session(extent, plan, ca)
    scenario = extent.scenarios[0]
    if plan is None:
        trials = [
            await run_scenario(
                scenario, version, ca, packets=extent.packets, keep_records=extent.keep_records
            )
            for version in extent.versions
        ]
    else:
        preflight = await survey(plan, extent.versions, ca)
        trials = [
            await _attempt(plan, preflight, scenario, version) for version in preflight.versions
        ]
    way = (plan.target.address, plan.route.words) if plan else (OWN_ADDRESS,)
    command = scenario.shell_command(*way)
    return Explanation(
        scenario=replace(scenario, command=command), traces=tuple(trial.trace for trial in trials)
    )


async def _explain_session(extent: Extent, plan: Plan | None, ca: LabAuthority) -> Explanation:
    scenario = extent.sessions.scenarios[0]
    if plan is None:
        packets, keep = extent.packets, extent.keep_records
        own = partial(try_own_session, ca=ca, packets=packets, keep_records=keep)
        return await explain_session(scenario, extent.versions, own)
    preflight = await survey(plan, extent.versions, ca)
    with session_grounds(extent.sessions, plan, preflight.authorities) as grounds:
        attempt = partial(try_session, grounds=grounds)
        return await explain_session(scenario, preflight.versions, attempt)
