"""The renderer of Mermaid's diagrams, as code hosts use it, in a page of a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

VERSION = "11.17.2"
SCRIPT = Path(__file__).resolve().parent.parent.parent / ".npm" / "mermaid.min.js"
# How code hosts start it: what a diagram holds is not trusted.
SETTINGS = {"startOnLoad": False, "securityLevel": "strict"}


def renderer_page(browser: Browser) -> Page:
    """A page with the renderer in it; skips the test where that is not installed."""
    if not SCRIPT.is_file():
        pytest.skip(
            f"needs Mermaid: npm pack mermaid@{VERSION}, and put its dist/mermaid.min.js into .npm"
        )
    page = browser.new_page()
    page.set_content("<!doctype html><title>diagrams</title><main></main>")
    page.add_script_tag(path=SCRIPT)
    page.evaluate("settings => mermaid.initialize(settings)", SETTINGS)
    return page


def render(page: Page, diagram: str) -> str:
    """The SVG of a diagram, which is also put into the page. Raises where it is refused."""
    found = page.evaluate(
        """async diagram => {
            const { svg } = await mermaid.render("diagram", diagram);
            document.querySelector("main").innerHTML = svg;
            return svg;
        }""",
        diagram,
    )
    assert isinstance(found, str)
    return found


def parse(page: Page, diagrams: list[str]) -> list[str]:
    """What the parser says against each diagram, "" where it is in order."""
    found = page.evaluate(
        """async diagrams => {
            const errors = [];
            for (const diagram of diagrams) {
                try { await mermaid.parse(diagram); errors.push(""); }
                catch (error) { errors.push(String(error) || "refused"); }
            }
            return errors;
        }""",
        diagrams,
    )
    assert isinstance(found, list)
    return found
