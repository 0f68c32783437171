"""Scenarios run beside each other: in order, within bounds, and to a clean end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lab.probing.attempt import ScenarioTrace
from lab.probing.results import Norm, Verdict
from lab.probing.runner import NothingSelected, run, selection
from lab.probing.scenarios.catalogue_order import SCENARIOS, UnknownScenario, find_scenario
from lab.probing.scenarios.scenario import Scenario
from lab.probing.verdict import worst_finding
from lab.stream.contexts import TlsVersion
from lab.tls.events import Endpoint, RecordSpan
from lab.tls.record_log import ObservedRecord
from lab.tracing.connection import NoConnection
from lab.tracing.trace_server import NotLoaded
from tests.support.scenario_traces import ACCEPTED, rejected_by_alert, scenario_trace


def test_a_selection() -> None:
    assert selection([], [], own=True) == list(SCENARIOS)
    (waiting,) = selection(["expires-while-connected"], [], own=True)
    assert waiting not in SCENARIOS
    names = [each.name for each in selection(["expired", "good"], [], own=True)]
    assert names == ["good", "expired"]
    away = selection([], ["silence"], own=False)
    assert all(each.anywhere and each.name != "silence" for each in away)
    assert any(each.norm is Norm.ACCEPT for each in away)
    with pytest.raises(NothingSelected, match="server-expired is about the lab's own server"):
        selection(["server-expired"], [], own=False)
    with pytest.raises(NothingSelected, match="no scenario is left"):
        selection([], [each.name for each in SCENARIOS], own=True)
    with pytest.raises(UnknownScenario):
        selection([], ["nonsense"], own=True)


class Host:
    """Stands in for a server: counts who is there at once, and refuses to be reached by some."""

    def __init__(self) -> None:
        self.there = 0
        self.most = 0
        self.order: list[str] = []

    async def attempt(self, scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        assert not early
        self.order.append(scenario.name)
        self.there += 1
        self.most = max(self.most, self.there)
        await asyncio.sleep(0)
        self.there -= 1
        if scenario.name == "expired":
            raise NoConnection("nobody there")
        return scenario_trace(scenario.name, ACCEPTED)


async def test_a_run_keeps_order_and_bounds() -> None:
    host, done = Host(), list[str]()
    scenarios = [find_scenario(name) for name in ("silence", "good", "expired", "wrong-ca")]
    attempts = await run(
        scenarios,
        list(TlsVersion),
        host.attempt,
        repeat=2,
        concurrency=3,
        done=done.append,
    )
    assert [(each.scenario.name, each.version) for each in attempts] == [
        (each.name, version) for each in scenarios for version in TlsVersion
    ]
    assert [len(each.trials) for each in attempts] == [2, 2, 2, 2, 0, 0, 2, 2]
    assert {each.failure for each in attempts} == {"", "nobody there"}
    assert host.most == 3
    # Who says nothing holds up a server that serves one at a time.
    assert set(host.order[-2:]) == {"silence"}
    assert len(done) == len(attempts)


async def test_of_repeated_trials_the_first_of_a_kind_keeps_its_records() -> None:
    record = ObservedRecord(
        endpoint=Endpoint.CLIENT,
        time=0.0,
        span=RecordSpan(offset=0, length=6),
        raw=b"\x14\3\3\0\1\1",
        encrypted=False,
    )

    async def attempt(scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        trial = scenario_trace(scenario.name, next(outcomes))
        return replace(trial, trace=replace(trial.trace, records=(record,)))

    outcomes = iter([ACCEPTED, ACCEPTED, rejected_by_alert(48), ACCEPTED])
    (attempts,) = await run(
        [find_scenario("good")],
        [TlsVersion.TLS13],
        attempt,
        repeat=4,
        concurrency=1,
        done=lambda name: None,
    )
    assert [bool(trial.trace.records) for trial in attempts.trials] == [True, False, True, False]


async def test_a_certificate_that_cannot_be_loaded_stops_nobody_else() -> None:
    async def attempt(scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        if scenario.name == "rsa-1024":
            raise NotLoaded("too weak")
        return scenario_trace(scenario.name, ACCEPTED)

    attempts = await run(
        [find_scenario("rsa-1024"), find_scenario("good")],
        [TlsVersion.TLS13],
        attempt,
        repeat=1,
        concurrency=1,
        done=lambda name: None,
    )
    assert [each.failure for each in attempts] == ["too weak", ""]
    found = worst_finding(attempts[0], [])
    assert (found.verdict, found.matters) == (Verdict.NOT_TRIED, True)


async def test_a_bug_ends_a_run() -> None:
    async def attempt(scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await run(
            list(SCENARIOS),
            list(TlsVersion),
            attempt,
            repeat=1,
            concurrency=4,
            done=lambda name: None,
        )


async def test_a_run_that_is_cancelled_begins_nothing_new() -> None:
    begun, go_on = list[str](), asyncio.Event()

    async def attempt(scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        begun.append(scenario.name)
        await go_on.wait()
        return scenario_trace(scenario.name, ACCEPTED)

    done = list[str]()
    running = asyncio.ensure_future(
        run(
            list(SCENARIOS),
            list(TlsVersion),
            attempt,
            repeat=1,
            concurrency=2,
            done=done.append,
        )
    )
    while len(begun) < 2:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(begun) == len(done) == 2


async def test_after_a_bug_the_attempts_under_way_end_before_the_run() -> None:
    begun, ended = asyncio.Event(), list[str]()

    async def attempt(scenario: Scenario, version: TlsVersion, early: bool) -> ScenarioTrace:
        if scenario.name == "expired":
            await begun.wait()
            raise RuntimeError("a bug")
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.append(scenario.name)
        raise AssertionError("it waits for ever")

    with pytest.raises(RuntimeError, match="a bug"):
        await run(
            [find_scenario("good"), find_scenario("expired")],
            [TlsVersion.TLS13],
            attempt,
            repeat=1,
            concurrency=2,
            done=lambda name: None,
        )
    assert ended == ["good"]
