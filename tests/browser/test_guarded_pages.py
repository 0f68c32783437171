"""The rig of browser tests itself: a page in which something runs or leaves is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.accessibility import assert_accessible, axe_findings
from tests.support.browser import GuardedPage, guarded_page, is_local, open_text, overflowing

HEAD = "<!doctype html><html lang=en><meta charset=utf-8><title>page</title>"
GOOD = f"{HEAD}<main><h1>Page</h1><p>Text.</p></main>"


def test_a_page_without_problems(page: Page, tmp_path: Path) -> None:
    open_text(page, tmp_path, GOOD)
    assert page.locator("h1").inner_text() == "Page"
    assert overflowing(page) == []
    assert_accessible(page)


@pytest.mark.parametrize(
    ("markup", "problem"),
    [
        ("<script>__ran()</script>", "canary: "),
        ("<img src=x onerror=__ran()>", "canary: "),
        ("<svg onload=__ran()>", "canary: "),
        ("<iframe srcdoc='<script>__ran()</script>'></iframe>", "canary: "),
        ("<script>alert(1)</script>", "dialog: 1"),
        ("<script>throw Error('bad')</script>", "script: .*bad"),
        ("<script>console.error('bad')</script>", "console: bad"),
        ("<img src=https://example.org/x.png alt=''>", "request: https://example.org/x.png"),
        ("<link rel=stylesheet href=https://example.org/x.css>", "request: .*example.org"),
        ("<style>p { background: url(http://example.org/y) }</style><p>x", "example.org/y"),
    ],
)
def test_what_must_not_happen_is_noticed(
    guarded: GuardedPage, tmp_path: Path, markup: str, problem: str
) -> None:
    open_text(guarded.page, tmp_path, GOOD + markup)
    guarded.expected(problem)
    guarded.allow("^console: Failed to load resource")


def test_a_problem_fails_the_test(browser: Browser, tmp_path: Path) -> None:
    with browser.new_context() as context:  # noqa: SIM117 - the error is the inner one's
        with pytest.raises(AssertionError, match="canary"), guarded_page(context) as guarded:
            open_text(guarded.page, tmp_path, GOOD + "<script>setTimeout(__ran)</script>")


def test_a_page_that_is_too_wide(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    open_text(page, tmp_path, f"{GOOD}<p class=wide>{'x' * 500}</p>")
    assert any("P.wide" in one for one in overflowing(page))


def test_what_axe_finds(page: Page, tmp_path: Path) -> None:
    open_text(page, tmp_path, f"{GOOD}<img src='data:,'><p style='color: #999'>grey</p>")
    assert {one.partition(":")[0] for one in axe_findings(page)} == {"image-alt", "color-contrast"}


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("file:///tmp/x", True),
        ("http://127.0.0.1:8480/", True),
        ("https://localhost:1/", True),
        ("http://localhost.example.org/", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://user@example.org/", False),
        ("http://10.0.0.1/", False),
    ],
)
def test_what_is_on_this_machine(url: str, local: bool) -> None:
    assert is_local(url) is local
