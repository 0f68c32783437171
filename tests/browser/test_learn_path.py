"""The guided path in Chromium: clicked through from stop to stop, and by the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from lab.webapp.learn.guided_path import STOPS
from lab.webapp.learn.predictions import QUESTIONS, VERSIONS
from lab.webapp.learn.stop import Stop
from tests.support.accessibility import assert_accessible
from tests.support.browser import overflowing, screenshots
from tests.support.web_in_thread import PagesInThread, pages_in_thread

RUN = "Run it, and compare"


@pytest.fixture(scope="module")
def lab() -> Iterator[PagesInThread]:
    with pages_in_thread() as pages:
        yield pages


@pytest.fixture
def learn(lab: PagesInThread, page: Page) -> Page:
    page.goto(lab.address)
    page.get_by_role("navigation").get_by_role("link", name="Learn").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Learn")
    return page


def predict(page: Page, stop: Stop) -> None:
    """Answer everything as the stop expects it."""
    for version in VERSIONS:
        group = page.get_by_role("group", name=f"In TLS {version}")
        for question in QUESTIONS:
            words = question.answers[stop.expected[version].to(question)]
            if question.is_list:
                group.get_by_label(question.words).select_option(label=words)
            else:
                inner = group.get_by_role("group", name=question.words)
                inner.get_by_label(words, exact=True).check()


@pytest.mark.slow
def test_the_path_is_clicked_through_from_its_first_stop_to_its_last(learn: Page) -> None:
    page = learn
    page.get_by_role("link", name="Start the path").click()
    page.get_by_role("link", name="Begin: ").click()
    for stop in STOPS:
        expect(page.get_by_role("heading", level=1)).to_have_text(stop.title)
        predict(page, stop)
        page.get_by_role("button", name=RUN).click()
        heading = page.get_by_role("heading", name="Your predictions, and what happened")
        expect(heading).to_be_focused()
        expect(page.locator(".score")).to_contain_text("6 of 6 predictions were right")
        expect(page.locator(".lesson")).to_contain_text(stop.lesson[0])
        page.get_by_role("navigation", name="Before and after").locator("[rel=next]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Learn")
    expect(page.locator(".path-teaser")).to_contain_text(f"You have run {len(STOPS)} of them")


def press_until(page: Page, focused: str, key: str = "Tab", most: int = 80) -> None:
    """Press a key until the element that is matched has the focus."""
    for _ in range(most):
        if page.evaluate("words => document.activeElement.matches(words)", focused):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{focused} is not reached by {key}")


def test_a_stop_is_done_by_the_keyboard_alone(learn: Page) -> None:
    page = learn
    press_until(page, ".path-teaser a")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("The guided path")
    press_until(page, "main a.button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(STOPS[0].title)
    press_until(page, "[name='1.2-end'][value=in]")
    page.keyboard.press("Space")
    press_until(page, "[name='1.2-signal']")
    page.keyboard.type("Alert cert")
    press_until(page, "[name='1.3-end'][value=in]")
    page.keyboard.press("ArrowDown")
    press_until(page, "form.predict button.primary")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_be_focused()
    expect(page.locator(".score")).to_contain_text("1 of 3 predictions were right")
    press_until(page, "details.event > summary")
    page.keyboard.press("Enter")
    expect(page.locator("details.event[open]")).not_to_have_count(0)
    press_until(page, ".onward [rel=next]", most=400)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(STOPS[1].title)


def test_a_scenario_is_searched_and_run_by_a_click(learn: Page) -> None:
    page = learn
    page.get_by_label("Search the scenarios").fill("expired crl")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("status")).to_contain_text("1 scenario has")
    page.get_by_role("button", name="Run crl-expired").click()
    expect(page.get_by_role("heading", name="What happened")).to_be_focused()
    expect(page.locator(".compared")).to_contain_text("Alert certificate_expired (45)")


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("/learn", False),
        ("/learn/path", False),
        ("/learn/path/no-certificate", False),
        ("/learn/path/no-certificate", True),
        ("/learn/path/lost-refusal", True),
        ("/learn/scenarios/server-wrong-name", True),
    ],
)
def test_pages_are_accessible_and_fit(
    lab: PagesInThread, learn: Page, path: str, runs: bool
) -> None:
    page = learn
    page.goto(lab.origin + path)
    if runs:
        page.get_by_role("button", name=RUN).click()
    assert_accessible(page)
    for width in (1280, 768, 375):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflowing(page) == []
    screenshots(page, f"learn-{path.rpartition('/')[2]}{'-run' if runs else ''}")


def test_the_path_works_without_script(lab: PagesInThread, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(lab.address)
        page.goto(f"{lab.origin}/learn/path/{STOPS[1].name}")
        predict(page, STOPS[1])
        page.get_by_role("button", name=RUN).click()
        expect(page.locator(".score")).to_contain_text("6 of 6")
