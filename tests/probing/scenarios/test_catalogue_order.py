"""The scenarios as data: complete, told apart, and honest about what was measured."""

from __future__ import annotations

import re
import ssl
import string
from collections import Counter

import pytest

from lab.diagnosis.results import Outcome, Result, Signal
from lab.pki import catalogue
from lab.probing.attempt import keeps
from lab.probing.results import Norm, ScenarioFamily
from lab.probing.scenarios.catalogue_order import SCENARIOS, UnknownScenario, find_scenario
from lab.probing.scenarios.scenario import (
    COMMAND_WORDS,
    MEASURED_WITH,
    HelloClient,
    Host,
    Scenario,
    TlsClient,
)
from lab.probing.scenarios.trends import NAMED_SCENARIOS
from lab.stream.contexts import TlsVersion

EVERY = (*SCENARIOS, *NAMED_SCENARIOS)
each_scenario = pytest.mark.parametrize("scenario", EVERY, ids=lambda each: each.name)

# The mistakes that the original lab lists, and what becomes of them in truth.
ACCEPTED, REFUSED = True, False
MISTAKES: dict[str, dict[str, bool]] = {
    "missing SAN in server cert": {
        "server-cn-only": ACCEPTED,
        "server-cn-only-by-address": REFUSED,
    },
    "missing clientAuth EKU in client cert": {
        "eku-missing": ACCEPTED,
        "eku-server-only": REFUSED,
        "eku-any": REFUSED,
    },
    "SAN in CSR but not in signed cert": {"server-extensions-lost": REFUSED},
    "CERT_OPTIONAL instead of CERT_REQUIRED": {
        "optional-without-certificate": REFUSED,  # by HTTP, where the application looks
        "optional-expired": REFUSED,
    },
    "using system CA store for client verification": {
        "server-of-another-trusted-ca": ACCEPTED,
        "client-of-another-trusted-ca": ACCEPTED,
    },
    "committing private keys to git": {"revoked-no-crl": ACCEPTED, "revoked": REFUSED},
    "sharing one cert between all clients": {
        "on-the-list-by-cn": ACCEPTED,  # all who share it are one client
        "revoked": REFUSED,  # and go together
    },
    "not checking getpeercert() fields": {"good": ACCEPTED, "not-on-the-list": REFUSED},
}


def test_there_are_enough_and_their_names_are_apart() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) >= 45
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert {scenario.family for scenario in SCENARIOS} == set(ScenarioFamily) - {
        ScenarioFamily.SESSION  # which has a catalogue of its own
    }


@each_scenario
def test_a_scenario_says_all_that_it_must(scenario: Scenario) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", scenario.name)
    for text in (scenario.sentence, scenario.made, scenario.cause, scenario.fix):
        assert text == text.strip()
        assert text[-1] != "."
        assert text.isprintable()
    assert scenario.sentence[0].isupper()
    assert len(scenario.sentence) <= 80
    assert scenario.codes
    assert set(scenario.expectations) == set(TlsVersion)


@each_scenario
def test_a_command_can_be_filled_in(scenario: Scenario) -> None:
    words = {word for _, word, _, _ in string.Formatter().parse(scenario.command) if word}
    assert words <= set(COMMAND_WORDS)
    assert words & {"address", "cert"} or not scenario.command
    assert ("crl" in words) is (scenario.host.revocation_lists is not None)


@each_scenario
def test_an_expectation_agrees_with_the_norm(scenario: Scenario) -> None:
    for expected in scenario.expectations.values():
        # Who offers and leaves has been accepted once the server has answered.
        leaves = isinstance(scenario.client, HelloClient) and scenario.norm is Norm.ACCEPT
        assert leaves or keeps(scenario.norm, Outcome(result=expected.result))
        assert bool(expected.alerts) is (expected.signal is Signal.ALERT)
        assert (expected.http_status is not None) is (
            expected.result is Result.ACCEPTED or expected.signal is Signal.HTTP_STATUS
        )


@each_scenario
def test_what_can_be_tried_anywhere_needs_no_server_of_ours(scenario: Scenario) -> None:
    if scenario.anywhere:
        host = scenario.host
        assert host.identity is catalogue.good_server
        assert host.trusts is Host().trusts
        assert not (host.allow_cn or host.allow_san)
        assert (host.revocation_lists is not None) is bool(scenario.needs)
    else:
        assert not scenario.needs
        assert scenario.host != Host() or scenario.name == "revoked-no-crl"


def test_measurements_hold_for_what_was_measured_only() -> None:
    for scenario in SCENARIOS:
        for version in TlsVersion:
            expected = scenario.expectations[version]
            assert scenario.expectation(version, (3, 0)) is expected
            assert scenario.expectation(version, (1, 1)) is None
            assert scenario.expectation(version, (9, 9)) is None


@pytest.mark.skipif(
    ssl.OPENSSL_VERSION_INFO[:2] not in MEASURED_WITH,
    reason="needs Python with one of the OpenSSL versions that were measured",
)
def test_this_openssl_was_measured() -> None:
    """Skipped, it says that the trials here are held against the norm alone."""
    assert all(
        scenario.expectation(version, ssl.OPENSSL_VERSION_INFO[:2])
        for scenario in SCENARIOS
        for version in TlsVersion
    )


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_of_the_original_is_shown(mistake: str) -> None:
    for name, accepted in MISTAKES[mistake].items():
        for expected in find_scenario(name).expectations.values():
            assert (expected.result is Result.ACCEPTED) is accepted


def test_every_client_recipe_of_the_catalogue_is_used() -> None:
    used = {
        scenario.client.identity for scenario in EVERY if isinstance(scenario.client, TlsClient)
    }
    used |= {scenario.host.identity for scenario in SCENARIOS}
    makers = {catalogue.client, catalogue.client_under, catalogue.server, catalogue.workload}
    lists = {scenario.host.revocation_lists for scenario in SCENARIOS}
    recipes = {
        value
        for name, value in vars(catalogue).items()
        if callable(value)
        and getattr(value, "__module__", "") == catalogue.__name__
        and not name.startswith("_")
    }
    assert recipes - makers <= used | lists


def test_a_scenario_is_found_by_name() -> None:
    assert find_scenario("expired").sentence == "The certificate has expired"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("expird", "there is no scenario 'expird'; did you mean expired?"),
        ("no-cert", "there is no scenario 'no-cert'; did you mean no-certificate?"),
        ("zzz", "there is no scenario 'zzz'"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UnknownScenario) as caught:
        find_scenario(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("norm", "result", "kept"),
    [
        (Norm.ACCEPT, Result.ACCEPTED, True),
        (Norm.ACCEPT, Result.REJECTED, False),
        (Norm.ACCEPT, Result.FAILED, False),
        (Norm.REFUSE, Result.ACCEPTED, False),
        (Norm.REFUSE, Result.REJECTED, True),
        (Norm.REFUSE, Result.FAILED, True),
        (Norm.EITHER, Result.ACCEPTED, True),
        (Norm.EITHER, Result.REJECTED, True),
    ],
)
def test_keeping_a_norm(norm: Norm, result: Result, kept: bool) -> None:
    assert keeps(norm, Outcome(result=result)) is kept
