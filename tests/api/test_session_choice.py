"""What a probe tries, by names and by what is said of sessions."""

from __future__ import annotations

import pytest

from lab.api import ArgumentError, ScenarioError, SessionProbing, list_scenarios
from lab.api.session_choice import chosen_extent
from lab.probing.scenarios.catalogue_order import SCENARIOS


def chosen(
    only: list[str], sessions: SessionProbing | None = None, skip: tuple[str, ...] = ()
) -> tuple[list[str], list[str]]:
    extent = chosen_extent(only, skip, sessions, own=False)
    return (
        [scenario.name for scenario in extent.scenarios],
        [scenario.name for scenario in extent.sessions.scenarios],
    )


def test_sessions_are_tried_where_asked_for() -> None:
    everything, none = chosen([])
    assert len(everything) > 40
    assert none == []
    assert len(chosen([], SessionProbing())[1]) == 6
    assert len(chosen([], SessionProbing(also_sni="a", also="localhost:1"))[1]) == 10
    assert "session-resumed" not in chosen([], SessionProbing(), ("session-resumed",))[1]


def test_names_ask_for_them_too() -> None:
    assert chosen(["session-resumed"]) == ([], ["session-resumed"])
    assert chosen(["expired", "session-resumed"]) == (["expired"], ["session-resumed"])
    assert chosen(["expired"], SessionProbing()) == (["expired"], [])


def test_the_list_and_its_errors() -> None:
    assert len(list_scenarios()) == len(SCENARIOS)
    assert len(list_scenarios(sessions=SessionProbing())) == len(SCENARIOS) + 8
    with pytest.raises(ScenarioError, match="did you mean"):
        list_scenarios(only=["exspired"])
    with pytest.raises(ScenarioError, match="no scenario is left"):
        list_scenarios(only=["session-from-other-address"])
    with pytest.raises(ArgumentError):
        list_scenarios(sessions=SessionProbing(also="no such://address"), elsewhere=True)


def test_names_are_a_sequence_and_no_text() -> None:
    with pytest.raises(ArgumentError, match="only is 'expired'; give a sequence of names"):
        list_scenarios(only="expired")
    with pytest.raises(ArgumentError, match="skip is 'good'"):
        list_scenarios(skip="good")
