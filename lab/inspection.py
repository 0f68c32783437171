"""A whole probe: the lab's own server at home, or anybody's by a CA that it trusts.

At home every trial has a server of its own, held against what was measured; away there is one
server, held against the norm.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lab.pki.workshop import Workshop
from lab.probing import campaign
from lab.probing.campaign import Try
from lab.probing.insights import EARLY_TRIES, NEEDED, Ground, insights, to_race
from lab.probing.scenario import Scenario
from lab.probing.scenarios import find_scenario
from lab.probing.survey import survey
from lab.probing.tracing import VERSIONS
from lab.probing.trial import Approach, Trial, prepare
from lab.probing.verdicts import Attempt, Circumstances, Ruling, finding, lesson, rule, rule_own
from lab.rehearsal import rehearse
from lab.stream.contexts import TlsVersion
from lab.tls.findings import Insight, Lesson, Report
from lab.tls.trace import Trace

OWN_SERVER = "the lab's own server"

Progress = Callable[[int], Callable[[str], None]]
"""Takes how much there is to do; gives whom to tell the name of what is done."""

_Rule = Callable[[Trial], Ruling]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What to try, and how: ``repeat`` trials of each, ``concurrency`` at a time."""

    scenarios: Sequence[Scenario]
    versions: Sequence[TlsVersion]
    repeat: int = 1
    concurrency: int = 4


async def probe_own(extent: Extent, shop: Workshop, progress: Progress) -> Report:
    """Try the lab's own server, started anew for each trial."""
    openssl = ssl.OPENSSL_VERSION_INFO[:2]

    def attempt(scenario: Scenario, version: TlsVersion, early: bool) -> Awaitable[Trial]:
        return rehearse(scenario, version, shop, early)

    run = _Run(attempt=attempt, extent=extent, shop=shop)
    return await run.report(OWN_SERVER, progress, lambda _: partial(rule_own, openssl=openssl))


async def probe_target(
    extent: Extent, approach: Approach, shop: Workshop, progress: Progress, *, prepared: bool
) -> Report:
    """Try the server at ``approach``, in those of the versions that it speaks.

    ``prepared`` tells that the server has what scenarios need of it. Raises what
    :func:`~lab.probing.survey.survey` raises.
    """
    found = await survey(approach, extent.versions, shop)

    def rules(version: TlsVersion) -> _Rule:
        known = Circumstances(
            good_got_in=found.good_got_in(version),
            status_for_good=found.status_for_good(version),
            prepared=prepared,
        )
        return partial(rule, known=known)

    run = _Run(
        attempt=partial(visit, approach, shop),
        extent=replace(extent, versions=found.versions),
        shop=shop,
        connections=len(extent.versions),
    )
    report = await run.report(approach.target.authority, progress, rules)
    skipped = tuple(VERSIONS[each] for each in extent.versions if each not in found.versions)
    return replace(report, skipped=skipped)


async def visit(
    approach: Approach, shop: Workshop, scenario: Scenario, version: TlsVersion, early: bool
) -> Trial:
    """Try a scenario against a server elsewhere. Raises NoConnection."""
    made = prepare(scenario, version, replace(approach, write_first=early), shop)
    return made.conclude(await made.run())


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run over an extent; counts the connections that it makes."""

    attempt: Try
    extent: Extent
    shop: Workshop
    connections: int = 0

    async def report(
        self, target: str, progress: Progress, rules: Callable[[TlsVersion], _Rule]
    ) -> Report:
        start = time.monotonic()
        chosen = [scenario.name for scenario in self.extent.scenarios]
        more = [find_scenario(name) for name in NEEDED if name not in chosen]
        versions = self.extent.versions
        done = progress((len(chosen) + len(more)) * len(versions))
        attempts = await self._all(self.extent.scenarios, self.extent.repeat, done)
        others = await self._all(more, 1, done)
        rule_in = {version: rules(version) for version in versions}
        findings = tuple(
            finding(each, [rule_in[each.version](trial) for trial in each.trials])
            for each in attempts
        )
        return Report(
            target=target,
            findings=findings,
            insights=tuple(await self._insights([*attempts, *others])),
            skipped=(),
            connections=self.connections,
            seconds=time.monotonic() - start,
        )

    async def _all(
        self, scenarios: Sequence[Scenario], repeat: int, done: Callable[[str], None]
    ) -> list[Attempt]:
        return await campaign.run(
            scenarios,
            self.extent.versions,
            self._counted,
            repeat=repeat,
            concurrency=self.extent.concurrency,
            done=done,
        )

    async def _counted(self, scenario: Scenario, version: TlsVersion, early: bool) -> Trial:
        self.connections += 1
        return await self.attempt(scenario, version, early)

    async def _insights(self, attempts: Sequence[Attempt]) -> list[Insight]:
        grounds = {}
        for version in self.extent.versions:
            trials = {
                each.scenario.name: each.trials[0]
                for each in attempts
                if each.version is version and each.trials
            }
            if all(name in trials for name in NEEDED):
                grounds[version] = await self._ground(version, trials)
        return insights(grounds)

    async def _ground(self, version: TlsVersion, trials: Mapping[str, Trial]) -> Ground:
        # In TLS 1.2 a client cannot write before the server has judged it.
        name = to_race(trials) if version is TlsVersion.TLS13 else ""
        early: list[Attempt] = []
        if name:
            early = await campaign.run(
                [find_scenario(name)],
                [version],
                lambda scenario, version, _: self._counted(scenario, version, True),
                repeat=EARLY_TRIES,
                concurrency=1,
                done=lambda _: None,
            )
        return Ground(
            trials=trials,
            early=[trial for each in early for trial in each.trials],
            late=trials[name] if name else None,
            ca=self.shop.root.subject.public_bytes(),
        )


async def explain(
    extent: Extent, approach: Approach | None, shop: Workshop
) -> tuple[Lesson, list[Trace]]:
    """The first scenario of ``extent`` as a lesson, and its runs: at home without ``approach``.

    Raises NoConnection.
    """
    scenario = extent.scenarios[0]
    traces = []
    for version in extent.versions:
        if approach is None:
            trial = await rehearse(scenario, version, shop)
        else:
            trial = await visit(approach, shop, scenario, version, False)
        traces.append(trial.trace)
    address = approach.target.authority if approach else "localhost:8443"
    command = scenario.command.format(
        cert="client.pem", ca="ca.crt", crl="crl.pem", address=address
    )
    return replace(lesson(scenario), command=command), traces
