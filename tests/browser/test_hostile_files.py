"""Hostile texts in the files that commands write, in a real browser: nothing runs, all is shown."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from lab.show.html.home_page import home_page
from lab.show.html.page import trace_page
from lab.show.pictures.mermaid import sequence_diagram
from lab.show.pictures.svg import sequence_svg
from lab.tls.escape import escaped
from lab.todo.results import (
    CertificateCheck,
    CompletedHandshake,
    HomeView,
    HtmlPage,
    TodoItem,
)
from lab.tracing.results import CaptureSummary, Trace
from lab.x509.client_identity import ClientIdentity
from tests.support.browser import GuardedPage, open_text, overflowing
from tests.support.capture_pages import capture_page
from tests.support.extent import Extent
from tests.support.harness import Identities
from tests.support.hostile_identities import hostile_identities
from tests.support.hostile_texts import HOSTILE_TEXTS, acting_characters
from tests.support.hostile_traces import hostile_traces, hostile_words
from tests.support.mermaid import render, renderer_page
from tests.support.traces import FLOW

pytestmark = pytest.mark.slow  # Chromium, for many pages

# What no page of ours has: elements that load, run, submit or lead elsewhere.
FOREIGN = (
    "script:not(:last-child), img, iframe, frame, object, embed, base, form, svg, math, audio, "
    "video, style:not(head > style), link, meta[http-equiv=refresh], [autofocus], "
    'a:not([href^="#"]), [style]:not([data-at])'
)
FOREIGN_IN_SVG = "script, img, iframe, object, embed, a, image, foreignObject script"
BROUGHT = "script, style, img, iframe, object, embed, base, svg, math, link, meta, [autofocus]"
HANDLERS = """() => [...document.querySelectorAll("*")].flatMap(one =>
    one.getAttributeNames().filter(name => name.startsWith("on")))"""
Make = Callable[[str], list[Trace]]


@pytest.fixture(params=["recorded", "words"])
def traces_of(request: pytest.FixtureRequest, identities: Identities, tmp_path: Path) -> Make:
    """Makes the traces of a text."""
    if request.param == "words":
        return hostile_words
    return lambda text: hostile_traces(text, identities, tmp_path)


def texts() -> Iterator[tuple[str, str]]:
    """Each second with --all, else each fifth."""
    return itertools.islice(HOSTILE_TEXTS.items(), 0, None, 2 if Extent.full else 5)


def assert_harmless(page: Page, name: str) -> None:
    """The page has no element of a peer's, no character that cannot be seen, and fits."""
    assert page.locator(FOREIGN).count() == 0, (
        name,
        page.locator(FOREIGN).first.evaluate("e => e.outerHTML"),
    )
    assert page.evaluate(HANDLERS) == [], name
    shown = page.locator("body").evaluate("body => body.textContent + document.title")
    assert acting_characters(shown) == set(), name
    assert overflowing(page) == [], name


def test_pages_of_traces(page: Page, tmp_path: Path, traces_of: Make) -> None:
    page.set_viewport_size({"width": 375, "height": 700})
    for name, text in texts():
        open_text(page, tmp_path, trace_page(traces_of(text)))
        page.get_by_role("button", name="Open all").click()
        assert_harmless(page, name)
        start = "".join(escaped(text)[:20].split())
        assert start in "".join(page.locator("body").inner_text().split()), name


def test_pages_of_captures(page: Page, tmp_path: Path, traces_of: Make) -> None:
    page.set_viewport_size({"width": 375, "height": 700})
    for name, text in texts():
        summary = CaptureSummary(connections=2, tls=2, others=((escaped(text), 1),), key_logs=())
        traces = [replace(trace, flow=FLOW) for trace in traces_of(text)]
        open_text(page, tmp_path, capture_page(traces, partial(replace, summary), text))
        assert_harmless(page, name)


def test_pictures(page: Page, tmp_path: Path, traces_of: Make) -> None:
    foreign = (
        "*:not(svg, title, desc, style, g, rect, line, path, circle, polygon, text, tspan, defs)"
    )
    for name, text in texts():
        open_text(page, tmp_path, sequence_svg(traces_of(text)), "picture.svg")
        assert page.evaluate("document.documentElement.localName") == "svg", name
        found = page.evaluate(
            "selector => [...document.querySelectorAll(selector)].map(e => e.outerHTML)", foreign
        )
        assert found == [], name
        assert page.evaluate(HANDLERS) == [], name
        shown = page.evaluate("document.documentElement.textContent")
        assert acting_characters(shown) == set(), name


def test_diagrams(browser: Browser, guarded: GuardedPage, traces_of: Make) -> None:
    page = renderer_page(browser)
    page.evaluate("() => { window.__ran = () => { window.ran = true; }; }")
    page.on("dialog", lambda dialog: guarded.problems.append(dialog.message))
    diagrams = {name: sequence_diagram(traces_of(text)) for name, text in texts()}
    for level in ("strict", "loose"):
        page.evaluate("level => mermaid.initialize({ securityLevel: level })", level)
        for name, diagram in diagrams.items():
            drawn = render(page, diagram)
            assert "<script" not in drawn and "<img" not in drawn, name
            assert page.locator("main").locator(FOREIGN_IN_SVG).count() == 0, name
            assert page.evaluate("window.ran === undefined"), name
    page.close()


def test_home_page_of_the_server(page: Page, tmp_path: Path) -> None:
    """As a browser gets it, its policy included; a test with real connections is elsewhere."""
    page.set_viewport_size({"width": 375, "height": 700})
    found: list[HtmlPage] = []
    page.route(
        "http://localhost/",
        lambda route: route.fulfill(
            body=found[-1].content,
            content_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": found[-1].policy.decode("ascii")},
        ),
    )
    for name, text in texts():
        identity = ClientIdentity(
            common_name=text,
            subject=f"CN={text}",
            serial=77,
            certificate=hostile_identities(text, tmp_path).client.der,
            not_after=datetime.max,
            alternative_names=(f"DNS:{text}", f"URI:javascript:{text}", f"email:{text}"),
        )
        for client, items in ((identity, (TodoItem(id=1, task=text, done=True),)), (None, None)):
            view = HomeView(
                status=200 if client else 401,
                problem=text,
                client=client,
                let_in=client is not None,
                handshake=CompletedHandshake(
                    version="TLSv1.3",
                    cipher_suite="TLS_AES_256_GCM_SHA384",
                    resumed=False,
                    check=CertificateCheck.VERIFIED if client else CertificateCheck.NOT_PRESENTED,
                    revocation_checked=False,
                ),
                items=items,
                task=text,
            )
            found.append(home_page(view))
            page.goto("http://localhost/")
            assert page.locator("main").locator(BROUGHT).count() == 0, name
            assert page.evaluate(HANDLERS) == [], name
            shown = page.locator("body").evaluate("body => body.textContent + document.title")
            assert acting_characters(shown) == set(), name
            assert overflowing(page) == [], name
