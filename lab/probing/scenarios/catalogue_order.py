"""All scenarios, by name and in the order in which they are best read."""

from __future__ import annotations

import difflib

from lab.probing.scenarios.chain import CHAIN_SCENARIOS
from lab.probing.scenarios.leaf import LEAF_SCENARIOS
from lab.probing.scenarios.policy import POLICY_SCENARIOS
from lab.probing.scenarios.scenario import Scenario
from lab.probing.scenarios.server_certificates import SERVER_SCENARIOS
from lab.probing.scenarios.settings import SETTING_SCENARIOS
from lab.probing.scenarios.trends import NAMED_SCENARIOS, TREND_SCENARIOS
from lab.probing.scenarios.workloads import WORKLOAD_SCENARIOS

SCENARIOS = (
    *LEAF_SCENARIOS,
    *CHAIN_SCENARIOS,
    *TREND_SCENARIOS,
    *WORKLOAD_SCENARIOS,
    *SETTING_SCENARIOS,
    *SERVER_SCENARIOS,
    *POLICY_SCENARIOS,
)

_BY_NAME = {scenario.name: scenario for scenario in (*SCENARIOS, *NAMED_SCENARIOS)}


class UnknownScenario(LookupError):
    """There is no scenario of this name. Its message names the nearest, where one is near."""


def find_scenario(name: str) -> Scenario:
    """Return the scenario of this name. Raises UnknownScenario."""
    try:
        return _BY_NAME[name]
    except KeyError:
        near = difflib.get_close_matches(name, _BY_NAME, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UnknownScenario(f"there is no scenario {name!r}{hint}") from None
