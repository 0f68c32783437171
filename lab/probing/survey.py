"""The survey before a campaign: is it a TLS server, which versions does it speak, can we trust it?

Rules: whatever would spoil every trial alike is found here and ends the matter; nothing else does.
The survey's client is the good one, since what a server does with that is needed to judge the rest.

This module must not know the other scenarios.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.pki.workshop import Workshop
from lab.probing.scenarios import find_scenario
from lab.probing.tracing import conclude
from lab.probing.trial import Approach, Trial, prepare
from lab.probing.verdicts import ending
from lab.stream.contexts import TlsVersion
from lab.tls.events import Endpoint, Fact, LocalFact
from lab.tls.outcome import Result, Signal
from lab.tls.summary import summarize


class NotProbable(Exception):
    """No trial could tell anything. Its message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """``trials`` has the good client's trial in each version that the server speaks."""

    trials: dict[TlsVersion, Trial]

    @property
    def versions(self) -> list[TlsVersion]:
        """The versions that the server speaks, of those asked for."""
        return list(self.trials)

    def good_got_in(self, version: TlsVersion) -> bool:
        """Whether the good client was answered."""
        return self.trials[version].outcome.result is Result.ACCEPTED

    def status_for_good(self, version: TlsVersion) -> int | None:
        """The HTTP status by which the good client is refused, None if it is not."""
        outcome = self.trials[version].outcome
        return outcome.http_status if outcome.signal is Signal.HTTP_STATUS else None


async def survey(approach: Approach, versions: Sequence[TlsVersion], shop: Workshop) -> Survey:
    """Call at the server once in each version.

    Raises NoConnection; NoTrace where it speaks no TLS; NotProbable where it answers no ClientHello
    in any of ``versions``, or where its certificate is not trusted.
    """
    trials = {}
    heard = ""
    for version in versions:
        visit = prepare(find_scenario("good"), version, approach, shop)
        seen = await visit.run()
        trial = visit.conclude(seen)
        refused = _refused_by_us(trial)
        if refused:
            raise NotProbable(
                f"{trial.trace.target}: its certificate is not accepted here: {refused}; name its "
                "CA (--server-ca) and its host name (--sni), or do not verify it (--insecure)"
            )
        if summarize(seen).server_hello is not None:
            trials[version] = trial
        else:
            conclude(visit.plan, seen)
            heard = heard or f"{trial.outcome.result.value}: {ending(trial)}"
    if not trials:
        names = " or ".join(f"TLS {version.value}" for version in versions)
        raise NotProbable(
            f"{approach.target.authority}: answers no ClientHello of {names} ({heard}); "
            "name the site to ask for (--sni), or another version"
        )
    return Survey(trials=trials)


def _refused_by_us(trial: Trial) -> str:
    if trial.outcome.by is not Endpoint.CLIENT or trial.outcome.result is not Result.REJECTED:
        return ""
    for event in trial.trace.events:
        if isinstance(event, LocalFact) and event.fact is Fact.CERTIFICATE_REFUSED:
            return event.reason
    return ""
