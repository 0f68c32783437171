"""Scenarios against a server that is not made for them: with a CA from disk, and one end's view."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.diagnosis.results import Result, Signal
from lab.http.limits import Limits
from lab.pki.authority import Authority
from lab.pki.files.lab_set import Role, load_set
from lab.pki.lab_ca import LabAuthority
from lab.probing.attempt import hello_answered, keeps, try_scenario
from lab.probing.results import Norm
from lab.probing.scenarios.catalogue_order import SCENARIOS, find_scenario
from lab.probing.scenarios.scenario import Scenario, TlsClient
from lab.serving.temporary_server import HOST, temporary_server
from lab.stream.contexts import ClientAuth, ClientTls, TlsVersion
from lab.tls.code_points import AlertDescription
from lab.tracing.target import Target
from lab.tracing.trace_server import NotLoaded, Plan
from tests.support.serving import PATIENCE, server_tls

PORTABLE = [scenario for scenario in SCENARIOS if scenario.anywhere and not scenario.needs]


@pytest.fixture
def ca(certs: Path) -> LabAuthority:
    now = datetime.now(timezone.utc)
    ca = load_set(certs, now=now).ca
    return LabAuthority(authority=Authority(identity=ca), now=now)


@pytest.fixture
async def target(certs: Path) -> AsyncIterator[Target]:
    async with temporary_server(server_tls(certs), limits=Limits(handshake_timeout=0.3)) as server:
        yield Target(host=HOST, port=server.port)


def plan_for(target: Target, certs: Path, *, write_first: bool = False) -> Plan:
    ca = certs / f"{Role.CA.value}.crt"
    tls = ClientTls(server_ca=ca)
    return Plan(target=target, tls=tls, request="/todo", write_first=write_first, limit=PATIENCE)


@pytest.mark.parametrize("scenario", PORTABLE, ids=lambda each: each.name)
async def test_the_norm_holds_where_only_the_client_is_watched(
    scenario: Scenario, target: Target, certs: Path, ca: LabAuthority
) -> None:
    trial = await try_scenario(scenario, TlsVersion.TLS13, plan_for(target, certs), ca)
    assert not trial.trace.both_ends
    assert keeps(scenario.norm, trial.outcome) or hello_answered(trial)
    expected = scenario.expectations[TlsVersion.TLS13]
    # What a client alone cannot see is why a server that says nothing has gone.
    if expected.signal is not Signal.TIME_OUT:
        assert (trial.outcome.result, trial.outcome.signal) == (expected.result, expected.signal)


@pytest.mark.parametrize("write_first", [False, True])
async def test_the_alert_is_seen_whether_the_client_writes_early_or_late(
    write_first: bool, target: Target, certs: Path, ca: LabAuthority
) -> None:
    plan = plan_for(target, certs, write_first=write_first)
    trial = await try_scenario(find_scenario("expired"), TlsVersion.TLS13, plan, ca)
    outcome = trial.outcome
    assert outcome.alert is not None
    assert outcome.alert.description == AlertDescription.CERTIFICATE_EXPIRED
    assert outcome.client_handshake_returned


async def test_without_a_ca_the_server_is_not_judged(
    target: Target, certs: Path, ca: LabAuthority
) -> None:
    tls = ClientTls(verify_server=False)
    plan = Plan(target=target, tls=tls, sni="not.its.name", limit=PATIENCE)
    trial = await try_scenario(find_scenario("good"), TlsVersion.TLS12, plan, ca)
    assert trial.outcome.result is Result.ACCEPTED


async def test_a_certificate_that_openssl_does_not_load_is_told_apart(
    target: Target, certs: Path, ca: LabAuthority
) -> None:
    """At security level 2, OpenSSL loads no RSA key of 1024 bits; a bad CA file is told apart."""
    scenario = find_scenario("rsa-1024")
    assert isinstance(scenario.client, TlsClient)
    scenario = replace(scenario, client=replace(scenario.client, security_level=2))
    plan = plan_for(target, certs)
    with pytest.raises(NotLoaded, match=r"here \(.*too small\), so the server was not asked"):
        await try_scenario(scenario, TlsVersion.TLS13, plan, ca)
    unusable = replace(plan, tls=replace(plan.tls, server_ca=certs / "server.key"))
    with pytest.raises(ssl.SSLError):
        await try_scenario(scenario, TlsVersion.TLS13, unusable, ca)


async def test_a_server_that_lets_anybody_in_breaks_the_norm(certs: Path, ca: LabAuthority) -> None:
    scenario = find_scenario("no-certificate")
    assert scenario.norm is Norm.REFUSE
    async with temporary_server(server_tls(certs, ClientAuth.NONE)) as server:
        where = Target(host=HOST, port=server.port)
        trial = await try_scenario(scenario, TlsVersion.TLS13, plan_for(where, certs), ca)
    assert not keeps(scenario.norm, trial.outcome)
