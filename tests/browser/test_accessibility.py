"""What no reader of any page may miss: by keyboard, in print, in forced colours, enlarged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from lab.show.html.page import trace_page
from lab.webapp.watch.watched_server import ServerSettings
from tests.show.html.conftest import SUMMARY, VECTORS, traces_in
from tests.support.accessibility import axe_findings
from tests.support.browser import guarded_page, open_text, overflowing
from tests.support.capture_pages import capture_page
from tests.support.web_in_thread import PagesInThread, pages_in_thread

pytestmark = pytest.mark.slow  # Chromium, for many pages

FOCUS = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    one.number ??= window.focused = (window.focused ?? 0) + 1;
    const shown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    const inside = box.bottom > 0 && box.top < innerHeight && box.width > 0 && box.height > 0;
    return [one.number, shown && inside, one.outerHTML.slice(0, 120)];
}"""
FOCUSABLE = (
    "a[href]:visible, button:visible, input:not([type=radio], [type=hidden]):visible, "
    "select:visible, textarea:visible, summary:visible"
)
MOVING = """() => {
    const styles = [...document.querySelectorAll("*")].map(one => getComputedStyle(one));
    const moving = styles.filter(style =>
        parseFloat(style.transitionDuration) > 0 || style.scrollBehavior === "smooth");
    return moving.length + document.getAnimations().length;
}"""
COLOURS = """() => [...document.querySelectorAll("body, h1, h2, h3, p, dd, .label")].map(one =>
    getComputedStyle(one).color)"""


@pytest.fixture(scope="module")
def lab(certs: Path) -> Iterator[PagesInThread]:
    with pages_in_thread(ServerSettings(directory=certs)) as pages:
        yield pages


@pytest.fixture(
    scope="module",
    params=[
        "trace",
        "capture",
        *("/", "/learn", "/learn/path", "/learn/path/accepted", "/learn/scenarios/expired"),
        *("/watch", "/bring"),
    ],
)
def opened(
    request: pytest.FixtureRequest,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    lab: PagesInThread,
) -> Iterator[Page]:
    """A page of ours, opened once for all tests of it."""
    with browser.new_context() as context, guarded_page(context) as guarded:
        page, name = guarded.page, request.param
        folder = tmp_path_factory.mktemp("pages")
        if name == "trace":
            (path,) = VECTORS.glob("tls13_pha.pcap")
            open_text(page, folder, trace_page(traces_in(path)[:1]))
        elif name == "capture":
            (path,) = VECTORS.glob("tls12_reneg_refused.pcap")
            open_text(page, folder, capture_page(traces_in(path), lambda: SUMMARY, path.name))
        else:
            page.goto(lab.address)
            answer = page.goto(lab.origin + name)
            assert answer is not None and answer.status == 200
        yield page


@pytest.fixture
def visited(opened: Page) -> Iterator[Page]:
    """The page as it is when it is opened."""
    yield opened
    opened.emulate_media(media="screen", color_scheme="light")
    opened.emulate_media(forced_colors="none", reduced_motion="no-preference")
    opened.set_viewport_size({"width": 1280, "height": 720})
    opened.reload()


def test_by_the_keyboard_all_is_reached_and_the_focus_is_seen(visited: Page) -> None:
    page = visited
    page.emulate_media(reduced_motion="reduce")  # else it comes to be seen in a while
    wanted = page.locator(FOCUSABLE).count()
    seen = set()
    for _ in range(wanted + 60):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUS)
        if found is None or found[0] in seen:
            break
        assert found[1], f"the focus is not to be seen: {found[2]}"
        seen.add(found[0])
    assert len(seen) >= wanted


def test_print_is_dark_on_white_without_what_cannot_be_pressed(visited: Page) -> None:
    page = visited
    page.emulate_media(media="print", color_scheme="dark")
    colours = {colour for colour in page.evaluate(COLOURS) if colour.startswith("rgb(")}
    assert colours
    for colour in colours:
        assert sum(map(int, colour[4:-1].split(","))) < 480, colour
    assert page.locator(".tools button:visible").count() == 0
    assert page.locator("h1:visible").count() == 1


def test_forced_colours_leave_all_to_be_seen(visited: Page) -> None:
    page = visited
    page.emulate_media(forced_colors="active")
    assert axe_findings(page) == []
    kinds = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".legend .line")].map(one =>
            [one.parentElement.className, getComputedStyle(one).borderTopStyle]))"""
    )
    assert kinds in ({}, {"clear": "solid", "encrypted": "double", "tcp": "dotted"})


def test_nothing_moves_for_who_does_not_want_it(visited: Page) -> None:
    page = visited
    page.emulate_media(reduced_motion="reduce")
    for button in page.get_by_role("button", name="Open all").all():
        button.click()
    assert page.evaluate(MOVING) == 0


def test_letters_twice_as_large_and_very_narrow_windows(visited: Page) -> None:
    """WCAG 2.2, 1.4.4 and 1.4.10."""
    page = visited
    page.set_viewport_size({"width": 320, "height": 640})
    assert overflowing(page) == []
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("() => { document.documentElement.style.fontSize = '200%'; }")
    assert overflowing(page) == []


def test_headings_are_in_order_and_parts_have_names(visited: Page) -> None:
    page = visited
    levels = page.evaluate(
        "() => [...document.querySelectorAll('h1, h2, h3, h4, h5')].map(one => +one.tagName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.locator("main").count() == 1
    assert page.title()
    assert page.locator("html").get_attribute("lang") == "en"
