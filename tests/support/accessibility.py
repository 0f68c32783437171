"""axe in a page: what it finds against people who cannot see well, or use the keyboard only."""

from __future__ import annotations

import functools
from importlib import resources

from playwright.sync_api import Page

SERIOUS = frozenset({"serious", "critical"})


@functools.cache
def _script() -> str:
    folder = resources.files("axe_playwright_python")
    return folder.joinpath("axe.min.js").read_text(encoding="utf-8")


def axe_findings(page: Page, *rules: str) -> list[str]:
    """What axe finds that is serious or critical, by all its rules or by these.

    Each is the rule, the place, and what is said of it.
    """
    page.evaluate(_script())
    found = page.evaluate(
        """async rules => {
            const options = { resultTypes: ["violations"] };
            if (rules.length) options.runOnly = rules;
            const { violations } = await axe.run(document, options);
            return violations.flatMap(rule => rule.nodes.map(node => [rule.impact,
                `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary} ${node.html}`]));
        }""",
        list(rules),
    )
    return [words for impact, words in found if impact in SERIOUS]


def assert_accessible(page: Page) -> None:
    """axe finds nothing serious, neither in light nor in dark colours."""
    page.emulate_media(color_scheme="light")
    assert axe_findings(page) == []
    page.emulate_media(color_scheme="dark")
    assert axe_findings(page, "color-contrast") == []  # all else is the same, and takes as long
    page.emulate_media(color_scheme=None)
