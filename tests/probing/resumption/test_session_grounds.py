"""Which scenarios of sessions are tried, by what is given."""

from __future__ import annotations

import pytest

from lab.probing.results import ScenarioFamily
from lab.probing.resumption.session_grounds import SessionExtent
from lab.probing.resumption.session_scenarios import SESSION_NAMES, SESSION_SCENARIOS, Place
from lab.probing.scenarios.catalogue_order import SCENARIOS
from lab.tracing.target import Target

HERE_ONLY = {
    "session-resumed",
    "session-with-another-certificate",
    "session-without-certificate",
    "session-after-expiry",
    "session-after-revocation",
    "session-after-ca-change",
}
OF_NAMES = {"session-to-other-name", "session-from-other-name"}
OF_ADDRESSES = {"session-to-other-address", "session-from-other-address"}


def names(extent: SessionExtent) -> set[str]:
    return {scenario.name for scenario in extent.scenarios}


def test_the_names_are_apart_from_the_others() -> None:
    assert len(SESSION_NAMES) == len(SESSION_SCENARIOS) == 10
    assert not SESSION_NAMES & {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize("scenario", SESSION_SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_says_all_that_it_must(scenario: object) -> None:
    (found,) = [each for each in SESSION_SCENARIOS if each is scenario]
    assert found.family is ScenarioFamily.SESSION
    for text in (found.sentence, found.made, found.cause, found.fix):
        assert text and not text.endswith(".")
    assert Place.HERE in (found.begins, found.offered)


def test_other_places_are_tried_where_they_are_given() -> None:
    address = Target(host="localhost", port=1)
    for extent, expected in (
        (SessionExtent(), HERE_ONLY),
        (SessionExtent(also_sni="a"), HERE_ONLY | OF_NAMES),
        (SessionExtent(also=address), HERE_ONLY | OF_ADDRESSES),
    ):
        assert names(extent.choosing((), (), own=False)) == expected
    assert names(SessionExtent()) == set()


def test_names_choose_and_skip() -> None:
    assert names(SessionExtent().choosing(["session-to-other-name", "good"], (), own=False)) == {
        "session-to-other-name"
    }
    skipped = SessionExtent().choosing((), ["session-resumed", "good"], own=False)
    assert names(skipped) == HERE_ONLY - {"session-resumed"}


def test_the_labs_own_server_trusts_one_ca_everywhere() -> None:
    own = names(SessionExtent().choosing((), (), own=True))
    assert own == HERE_ONLY | {"session-to-other-name", "session-to-other-address"}
    assert not names(SessionExtent().choosing(["session-from-other-name"], (), own=True))
