"""The catalogue by theme, and its search."""

from __future__ import annotations

from lab.api import list_scenarios
from lab.probing.scenarios.trends import NAMED_SCENARIOS
from lab.webapp.learn.themes import THEMES, matching, themed


def test_each_scenario_is_in_one_theme() -> None:
    themed_names = [scenario.name for theme in THEMES for scenario in theme.scenarios]
    every = (*list_scenarios(), *NAMED_SCENARIOS)
    assert sorted(themed_names) == sorted(scenario.name for scenario in every)
    assert len({theme.name for theme in THEMES}) == len(THEMES)


def test_a_search_finds_all_words_in_any_text() -> None:
    assert matching("") == THEMES
    found = {scenario.name for theme in matching("EXPIRED crl") for scenario in theme.scenarios}
    assert found == {"crl-expired"}
    assert matching("no such thing at all") == ()


def test_a_scenario_is_found_with_its_theme() -> None:
    found = themed("revoked")
    assert found is not None
    assert (found[0].name, found[1].name) == ("revocation", "revoked")
    assert themed("nothing") is None
