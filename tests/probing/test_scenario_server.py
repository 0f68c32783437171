"""Every scenario in both versions, against the lab's own server, over real sockets."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import Result, Signal
from lab.pki.catalogue import REVOKED_SERIAL
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.attempt import ScenarioTrace, deviations
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenario_server import run_scenario
from lab.probing.scenarios.catalogue_order import SCENARIOS, find_scenario
from lab.probing.scenarios.scenario import Scenario, TlsClient
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import AlertDescription
from lab.tls.events import Endpoint

OPENSSL = ssl.OPENSSL_VERSION_INFO[:2]
EVERY = [(scenario, version) for scenario in SCENARIOS for version in TlsVersion]
every_trial = pytest.mark.parametrize(
    ("scenario", "version"), EVERY, ids=[f"{each.name}-{version.value}" for each, version in EVERY]
)

_trials: dict[tuple[str, TlsVersion], ScenarioTrace] = {}


# Of the session, as _trials is: a worker may leave this module and come back to it.
@pytest.fixture(scope="session")
def ca() -> LabAuthority:
    return new_lab_authority(datetime.now(timezone.utc))


async def trial_of(scenario: Scenario, version: TlsVersion, ca: LabAuthority) -> ScenarioTrace:
    """Tried once, looked at by several tests."""
    key = (scenario.name, version)
    if key not in _trials:
        _trials[key] = await run_scenario(scenario, version, ca)
    return _trials[key]


@every_trial
async def test_the_client_sends_the_chain_that_it_was_given(
    scenario: Scenario, version: TlsVersion, ca: LabAuthority
) -> None:
    trial = await trial_of(scenario, version, ca)
    sent = summarize(trial.trace.events).client_chain
    client = scenario.client
    if not isinstance(client, TlsClient) or client.identity is None:
        assert not sent
        assert trial.trace.client_certificate is None
    elif not sent:
        # Not asked for, not come to it, or kept back for want of an algorithm.
        assert (
            scenario.family is ScenarioFamily.SERVER
            or scenario.name == "client-key-without-algorithm"
        )
    else:
        given = client.identity(ca).chain
        assert sent[0] == trial.trace.client_certificate
        # OpenSSL puts the issuer behind a lone leaf where it finds it in its own trust store. What
        # was left out on purpose must not come back in that way.
        if len(given) == 1 and sent[1:] == (ca.root.public_bytes(Encoding.DER),):
            sent = sent[:1]
        names = [x509.load_der_x509_certificate(each).subject for each in sent]
        assert names == [each.subject for each in given]


@every_trial
async def test_the_server_does_what_is_expected(
    scenario: Scenario, version: TlsVersion, ca: LabAuthority
) -> None:
    trial = await trial_of(scenario, version, ca)
    assert deviations(trial, OPENSSL) == ()
    assert trial.trace.both_ends
    assert trial.outcome.server_handshake_returned is (
        trial.outcome.result is Result.ACCEPTED or trial.outcome.signal is Signal.HTTP_STATUS
    )


@every_trial
async def test_the_diagnosis_names_the_cause_among_its_first_two(
    scenario: Scenario, version: TlsVersion, ca: LabAuthority
) -> None:
    trial = await trial_of(scenario, version, ca)
    named = scenario.codes.intersection(each.code for each in trial.trace.causes[:2])
    assert named


@every_trial
async def test_the_version_that_was_asked_for_is_spoken(
    scenario: Scenario, version: TlsVersion, ca: LabAuthority
) -> None:
    trial = await trial_of(scenario, version, ca)
    assert trial.version is version
    negotiated = trial.trace.negotiated_version
    assert negotiated in (None, trial.trace.requested_version)
    if isinstance(scenario.client, TlsClient):
        assert negotiated is not None


async def test_the_revoked_certificate_is_the_same_in_both_its_scenarios(
    ca: LabAuthority,
) -> None:
    for version in TlsVersion:
        known = await trial_of(find_scenario("revoked"), version, ca)
        unknown = await trial_of(find_scenario("revoked-no-crl"), version, ca)
        serials = {
            x509.load_der_x509_certificate(trial.trace.client_certificate or b"").serial_number
            for trial in (known, unknown)
        }
        assert serials == {REVOKED_SERIAL}


CHANGES: dict[str, dict[str, Any]] = {
    "result: rejected, expected accepted": {"result": Result.ACCEPTED},
    "ended by: server, expected client": {"by": Endpoint.CLIENT, "verify_code": None, "reason": ""},
    "signal: alert, expected FIN": {"signal": Signal.FIN},
    "HTTP status: None, expected 403": {"http_status": 403},
    "verify code: 10, expected 9": {"verify_code": 9},
    "OpenSSL's reason: certificate has expired, expected too old": {"reason": "too old"},
    "client's handshake call returned: True, expected False": {"client_returned": False},
    "alert: certificate_expired, expected none": {"alerts": frozenset()},
    "alert: certificate_expired, expected bad_certificate or unknown_ca": {
        "alerts": frozenset({AlertDescription.UNKNOWN_CA, AlertDescription.BAD_CERTIFICATE})
    },
}


@pytest.mark.parametrize("deviation", CHANGES)
async def test_each_deviation_is_told(deviation: str, ca: LabAuthority) -> None:
    version = TlsVersion.TLS13
    trial = await trial_of(find_scenario("expired"), version, ca)
    expected = replace(trial.scenario.expectations[version], **CHANGES[deviation])
    other = replace(trial.scenario, expectations={version: expected})
    assert deviations(replace(trial, scenario=other), (3, 0)) == (deviation,)


async def test_a_missing_alert_is_told(ca: LabAuthority) -> None:
    version = TlsVersion.TLS13
    trial = await trial_of(find_scenario("good"), version, ca)
    alerts = frozenset({AlertDescription.UNKNOWN_CA})
    expected = replace(trial.scenario.expectations[version], alerts=alerts)
    other = replace(trial.scenario, expectations={version: expected})
    told = deviations(replace(trial, scenario=other), (3, 0))
    assert told == ("alert: None, expected unknown_ca",)


async def test_where_nothing_was_measured_the_norm_is_left(ca: LabAuthority) -> None:
    trial = await trial_of(find_scenario("expired"), TlsVersion.TLS13, ca)
    assert deviations(trial, (9, 9)) == ()
    other = replace(trial, scenario=replace(trial.scenario, norm=Norm.ACCEPT))
    assert deviations(other, (9, 9)) == ("rejected, where the norm is to accept",)
