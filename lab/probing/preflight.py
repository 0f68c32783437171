"""The survey before a campaign: is it a TLS server, which versions and which keys does it take?

Rules: whatever would spoil every trial alike is found here and ends the matter; nothing else does.
The survey's client is the good one, since what a server does with that is needed to judge the rest.
It has a key that the server takes: of those that its CertificateRequest names, the first that gets
in.

This module must not know the other scenarios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Result, Signal
from lab.pki.lab_ca import LabAuthority
from lab.probing.attempt import Approach, ScenarioTrace, prepare
from lab.probing.key_terms import terms_of
from lab.probing.presentation import why_not_presented
from lab.probing.scenarios.catalogue_order import find_scenario
from lab.probing.verdict import ending
from lab.stream.contexts import TlsVersion
from lab.tls.events import Endpoint, Fact, LocalFact
from lab.tracing.trace_server import conclude


class NotProbable(Exception):
    """No trial could tell anything. Its message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What was found out before anything is tried.

    ``trials`` has the good client's trial in each version that the server speaks, ``shops`` the
    workshop whose identities the server takes in that version. ``silent`` are versions in which it
    sent neither a ServerHello nor an alert, with what it did. ``connections`` were made.
    """

    trials: dict[TlsVersion, ScenarioTrace]
    shops: dict[TlsVersion, LabAuthority]
    silent: dict[TlsVersion, str]
    connections: int

    @property
    def versions(self) -> list[TlsVersion]:
        """The versions that the server speaks, of those asked for."""
        return list(self.trials)


async def survey(
    approach: Approach, versions: Sequence[TlsVersion], shop: LabAuthority
) -> Preflight:
    """Call at the server in each version, as often as it takes to find a key that it takes.

    Raises NoConnection; NoTrace where it speaks no TLS; NotProbable where it answers no ClientHello
    in any of ``versions``, or where its certificate is not trusted.
    """
    trials, shops, silent = {}, {}, {}
    connections = 0
    heard = ""
    for version in versions:
        seen = await _first_call(approach, version, shop)
        connections += 1
        if summarize(seen.trace.events).server_hello is not None:
            calls = await _calls(seen, approach, version, shop)
            connections += len(calls) - 1
            trials[version], shops[version] = max(calls, key=_preference)
            continue
        if seen.outcome.alert is None:
            silent[version] = ending(seen)
        heard = heard or f"{seen.outcome.result.value}: {ending(seen)}"
    if not trials:
        names = " or ".join(f"TLS {version.value}" for version in versions)
        raise NotProbable(
            f"{approach.target.authority}: answers no ClientHello of {names} ({heard}); "
            "name the site to ask for (--sni), or another version"
        )
    return Preflight(trials=trials, shops=shops, silent=silent, connections=connections)


async def good_trial(approach: Approach, version: TlsVersion, shop: LabAuthority) -> ScenarioTrace:
    """Try the good client. Raises NoConnection, and NotLoaded."""
    visit = prepare(find_scenario("good"), version, approach, shop)
    return visit.conclude(await visit.run())


async def _first_call(approach: Approach, version: TlsVersion, shop: LabAuthority) -> ScenarioTrace:
    visit = prepare(find_scenario("good"), version, approach, shop)
    seen = await visit.run()
    trial = visit.conclude(seen)
    refused = _refused_by_us(trial)
    if refused:
        raise NotProbable(
            f"{trial.trace.target}: its certificate is not accepted here: {refused}; name its "
            "CA (--server-ca) and its host name (--sni), or do not verify it (--insecure)"
        )
    if summarize(seen).server_hello is None:
        conclude(visit.plan, seen)
    return trial


async def _calls(
    first: ScenarioTrace, approach: Approach, version: TlsVersion, shop: LabAuthority
) -> list[tuple[ScenarioTrace, LabAuthority]]:
    """The first call, and others with other keys until one gets in, each with its workshop."""
    calls = [(first, shop)]
    request = summarize(first.trace.events).request
    if request is None:
        return calls
    for terms in terms_of(request, version):
        if _closeness(calls[-1][0]) == _ANSWERED and calls[-1][1].terms.kind is not None:
            break
        fitted = replace(shop, terms=terms)
        calls.append((await good_trial(approach, version, fitted), fitted))
    return calls


_ANSWERED = 3


def _preference(call: tuple[ScenarioTrace, LabAuthority]) -> tuple[int, bool]:
    """How far the client got; of those that got as far, one made to the server's terms."""
    return _closeness(call[0]), call[1].terms.kind is not None


def _closeness(trial: ScenarioTrace) -> int:
    """How far a good client got: kept its certificate back, refused, let in by TLS, answered."""
    if why_not_presented(trial):
        return 0
    if trial.outcome.result is Result.ACCEPTED:
        return _ANSWERED
    return 2 if trial.outcome.signal is Signal.HTTP_STATUS else 1


def _refused_by_us(trial: ScenarioTrace) -> str:
    if trial.outcome.by is not Endpoint.CLIENT or trial.outcome.result is not Result.REJECTED:
        return ""
    for event in trial.trace.events:
        if isinstance(event, LocalFact) and event.fact is Fact.CERTIFICATE_REFUSED:
            return event.reason
    return ""
