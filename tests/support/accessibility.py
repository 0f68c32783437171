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


def axe_findings(page: Page) -> list[str]:
    """What axe finds that is serious or critical: rule, place, and what it says of it."""
    page.evaluate(_script())
    found = page.evaluate(
        """async () => {
            const { violations } = await axe.run(document, { resultTypes: ["violations"] });
            return violations.flatMap(rule => rule.nodes.map(node => [rule.impact,
                `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary} ${node.html}`]));
        }"""
    )
    return [words for impact, words in found if impact in SERIOUS]


def assert_accessible(page: Page) -> None:
    """axe finds nothing serious, neither in light nor in dark colours."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert axe_findings(page) == [], scheme
    page.emulate_media(color_scheme=None)
