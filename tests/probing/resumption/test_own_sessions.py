"""The lab's own server is right with sessions, whatever changed since they began."""

from __future__ import annotations

import asyncio

import pytest

from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.results import Verdict
from lab.probing.resumption.own_sessions import try_own_session
from lab.probing.resumption.session_grounds import SessionExtent
from lab.probing.resumption.session_scenarios import Change, SessionScenario
from lab.probing.resumption.session_verdict import rule_session
from lab.stream.contexts import TlsVersion
from lab.tracing.results import IdentitySource, SessionKind, SessionUse
from tests.support.pki_fixtures import utc_now

OWN = SessionExtent().choosing((), (), own=True).scenarios
RESUMED = {
    "session-resumed",
    "session-with-another-certificate",
    "session-without-certificate",
    "session-after-expiry",
    "session-to-other-name",
}


@pytest.fixture(scope="module")
def ca() -> LabAuthority:
    return new_lab_authority(utc_now())


WAYS = ((TlsVersion.TLS12, True), (TlsVersion.TLS12, False), (TlsVersion.TLS13, True))


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(
            scenario,
            id=scenario.name,
            marks=[pytest.mark.slow] if scenario.change is Change.EXPIRED else [],
        )
        for scenario in OWN
    ],
)
async def test_nobody_gets_past_the_check(scenario: SessionScenario, ca: LabAuthority) -> None:
    """Reloads make new ticket keys; a certificate's end is looked at by the application."""
    trials = await asyncio.gather(*(try_own_session(scenario, *way, ca) for way in WAYS))
    for trial, (_, tickets) in zip(trials, WAYS, strict=True):
        finding = rule_session(trial)
        assert trial.resumption is not None
        assert (trial.resumption.kind is SessionKind.ID) is not tickets
        resumed = scenario.name in RESUMED
        assert trial.resumption.use is (SessionUse.RESUMED if resumed else SessionUse.NOT_RESUMED)
        expired = scenario.change is Change.EXPIRED
        assert finding.verdict is (Verdict.BY_HTTP if expired else Verdict.RIGHT)
        if resumed:
            assert trial.resumption.certificate_requested is False
            assert trial.resumption.source is IdentitySource.SERVER
            assert trial.first is not None
            assert trial.resumption.identity == trial.first.client_certificate
        assert finding.admitted is (scenario.change not in (Change.EXPIRED, *_CHANGED))


_CHANGED = (Change.REVOKED, Change.OTHER_CA)
