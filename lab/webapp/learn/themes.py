"""The catalogue of Learn: all scenarios by theme, and a search in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.probing.results import ScenarioDescription
from lab.probing.scenarios.chain import CHAINS, REVOCATION_SCENARIOS
from lab.probing.scenarios.leaf import LEAF_SCENARIOS
from lab.probing.scenarios.policy import POLICY_SCENARIOS
from lab.probing.scenarios.server_certificates import SERVER_SCENARIOS
from lab.probing.scenarios.settings import SETTING_SCENARIOS
from lab.probing.scenarios.trends import NAMED_SCENARIOS, TREND_SCENARIOS
from lab.probing.scenarios.workloads import WORKLOAD_SCENARIOS


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Scenarios that belong together; ``name`` is for addresses."""

    name: str
    title: str
    scenarios: Sequence[ScenarioDescription]


THEMES = (
    Theme(name="leaf", title="The client's certificate", scenarios=LEAF_SCENARIOS),
    Theme(name="chain", title="The chain above it", scenarios=CHAINS),
    Theme(
        name="trends",
        title="What changes in these years",
        scenarios=(*TREND_SCENARIOS, *NAMED_SCENARIOS),
    ),
    Theme(name="workloads", title="Workloads with SPIFFE IDs", scenarios=WORKLOAD_SCENARIOS),
    Theme(name="revocation", title="Revocation", scenarios=REVOCATION_SCENARIOS),
    Theme(name="settings", title="What the ends agree on", scenarios=SETTING_SCENARIOS),
    Theme(name="server", title="The server's certificate", scenarios=SERVER_SCENARIOS),
    Theme(name="policy", title="Who may do what", scenarios=POLICY_SCENARIOS),
)
_BY_NAME = {scenario.name: (theme, scenario) for theme in THEMES for scenario in theme.scenarios}


def themed(name: str) -> tuple[Theme, ScenarioDescription] | None:
    """Return the scenario of this name with its theme; None: there is none."""
    return _BY_NAME.get(name)


def matching(query: str) -> tuple[Theme, ...]:
    """Return the scenarios that have all words of ``query``, by theme; all of them for ""."""
    words = query.lower().split()
    found = []
    for theme in THEMES:
        scenarios = tuple(
            scenario
            for scenario in theme.scenarios
            if all(word in _text(scenario) for word in words)
        )
        if scenarios:
            found.append(Theme(name=theme.name, title=theme.title, scenarios=scenarios))
    return tuple(found)


def _text(scenario: ScenarioDescription) -> str:
    parts = (scenario.name, scenario.sentence, scenario.made, scenario.cause, scenario.fix)
    return " ".join(parts).lower()
