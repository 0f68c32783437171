"""Attacks on lab.web from pages of other origins, in a real browser: nothing is done or read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from lab.webapp.watch.watched_server import ServerSettings
from tests.support.browser import GuardedPage, guarded_page
from tests.support.web_in_thread import PagesInThread, foreign_page, pages_in_thread

PATHS = ("/", "/learn", "/learn/path", "/watch", "/bring", "/none", "/static/none")
REFUSED = "^console: Failed to load resource: the server responded with a status of 40"
READING = """async ([origin, path]) => {
    const found = {};
    const attempt = async (name, make) => {
        try { found[name] = await make(); } catch (error) { found[name] = "refused"; }
    };
    await attempt("fetch", async () => (await fetch(origin + path,
        { credentials: "include" })).text());
    await attempt("no-cors", async () => (await fetch(origin + path,
        { mode: "no-cors", credentials: "include" })).text());
    await attempt("events", () => new Promise((done, failed) => {
        const source = new EventSource(`${origin}/watch/events`, { withCredentials: true });
        source.onmessage = event => { source.close(); done(event.data); };
        source.onerror = () => { source.close(); failed(); };
    }));
    await attempt("script", () => new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = `${origin}/static/web.js`;
        script.onload = () => done("loaded");
        script.onerror = failed;
        document.head.append(script);
    }));
    await attempt("frame", () => new Promise(done => {
        const frame = document.createElement("iframe");
        frame.src = origin + path;
        frame.onload = () => {
            try { done(frame.contentDocument ? "readable" : "refused"); } catch { done("refused"); }
        };
        document.body.append(frame);
    }));
    return found;
}"""
ACTING = """async ([origin, path, fields]) => {
    const found = [];
    for (const mode of ["cors", "no-cors"]) {
        for (const headers of [{}, { "X-Lab-Token": "guess" }]) {
            try {
                const answer = await fetch(origin + path, { method: "POST", mode, headers,
                    credentials: "include", body: new URLSearchParams(fields) });
                found.push(answer.type === "opaque" ? "opaque" : answer.status);
            } catch { found.push("refused"); }
        }
    }
    return found;
}"""

INJECTING = """elsewhere => {
    const add = (name, fill) => {
        const made = document.createElement(name);
        fill(made);
        document.body.append(made);
    };
    add("script", made => { made.textContent = "__ran()"; });
    add("script", made => { made.src = "data:text/javascript,__ran()"; });
    add("script", made => { made.src = elsewhere; });
    add("img", made => { made.setAttribute("onerror", "__ran()"); made.src = "data:,"; });
    add("img", made => { made.src = elsewhere; });
    add("iframe", made => { made.srcdoc = "<script>parent.__ran()</" + "script>"; });
    add("a", made => { made.href = "javascript:__ran()"; made.click(); });
    add("style", made => { made.textContent = "h1 { color: rgb(1, 2, 3) }"; });
    add("h1", made => { made.setAttribute("style", "color: rgb(1, 2, 3)"); });
    add("form", made => { made.action = elsewhere; made.submit(); });
}"""


@pytest.fixture(scope="module")
def lab(certs: Path) -> Iterator[PagesInThread]:
    with pages_in_thread(ServerSettings(directory=certs)) as pages:
        yield pages


@pytest.fixture(params=["127.0.0.1", "evil.test"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a page of another origin: of the same site (another port), or of another."""
    with foreign_page("<!doctype html><title>elsewhere</title><body>") as port:
        yield f"http://{request.param}:{port}/"


@pytest.fixture
def visitor(lab: PagesInThread, browser: Browser) -> Iterator[GuardedPage]:
    """A page of a browser that has the token."""
    with browser.new_context() as context, guarded_page(context) as guarded:
        guarded.page.goto(lab.address)
        assert guarded.page.url == f"{lab.origin}/"
        yield guarded


def test_the_token_leaves_the_address_and_no_script_sees_it(
    visitor: GuardedPage, lab: PagesInThread
) -> None:
    page = visitor.page
    assert lab.pages.token not in page.url
    assert lab.pages.token not in page.content()
    assert page.evaluate("document.cookie") == ""


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_shown_without_token(page: Page, lab: PagesInThread, path: str) -> None:
    for query in ("", "?token=", f"?token={lab.pages.token[:-1]}"):
        assert page.request.get(lab.origin + path + query).status in (403, 404)


def test_a_name_that_is_made_to_point_here_gets_nothing(
    guarded: GuardedPage, lab: PagesInThread
) -> None:
    """DNS rebinding: the browser takes this server for evil.test."""
    guarded.allow("^console: |^request: http://evil.test:")
    for path in (*PATHS, f"/?token={lab.pages.token}", "/static/web.js"):
        answer = guarded.page.goto(f"http://evil.test:{lab.pages.port}{path}")
        assert answer is not None and answer.status == 403, path
    assert guarded.page.context.cookies() == []


def test_another_origin_reads_nothing(
    visitor: GuardedPage, lab: PagesInThread, elsewhere: str
) -> None:
    visitor.allow("^console: |^request: http://evil.test:")
    page = visitor.page
    page.goto(elsewhere)
    before = list(lab.services.streams._ending)
    for path in ("/", "/watch", "/bring", "/watch/events"):
        found = page.evaluate(READING, [lab.origin, path])
        assert set(found.values()) <= {"refused", ""}, found
    assert set(lab.services.streams._ending) <= set(before), "no stream of events was opened"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/watch/taps", {"target": "localhost:1"}),
        ("/watch/connect", {"client": "good", "version": "1.3"}),
        ("/bring/text", {"text": "alert 40"}),
        ("/learn/scenarios/expired", {}),
    ],
)
def test_another_origin_starts_nothing(
    visitor: GuardedPage, lab: PagesInThread, elsewhere: str, path: str, fields: dict[str, str]
) -> None:
    visitor.allow("^console: |^request: http://evil.test:")
    page = visitor.page
    page.goto(elsewhere)
    before = state(lab)
    assert set(page.evaluate(ACTING, [lab.origin, path, fields])) <= {"refused", "opaque"}
    inputs = "".join(f"<input name='{name}' value='{value}'>" for name, value in fields.items())
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
        page.goto(elsewhere)
        page.evaluate(
            "markup => { document.body.innerHTML = markup; }",
            f"<form method=post enctype='{kind}' action='{lab.origin}{path}'>{inputs}</form>",
        )
        with page.expect_navigation() as navigation:
            page.evaluate("document.querySelector('form').submit()")
        assert navigation.value is not None
        assert navigation.value.status == 403
    assert state(lab) == before


def state(lab: PagesInThread) -> tuple[int, int, int]:
    """What actions change: taps, connections, answers."""
    services = lab.services
    return len(services.taps.running), services.connections.version, len(services.answers._answers)


@pytest.mark.parametrize("path", PATHS)
def test_no_script_or_style_can_be_put_into_a_page(
    visitor: GuardedPage, lab: PagesInThread, path: str
) -> None:
    page = visitor.page
    answer = page.goto(lab.origin + path)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy
    visitor.allow(REFUSED)  # a page that is not there is an error in the console
    with foreign_page("__ran()") as port:
        page.evaluate(INJECTING, f"http://127.0.0.1:{port}/")
        visitor.expected("Content Security Policy", count=7)
    colours = page.evaluate(
        "() => [...document.querySelectorAll('h1')].map(one => getComputedStyle(one).color)"
    )
    assert "rgb(1, 2, 3)" not in colours


def test_a_second_browser_has_no_token(browser: Browser, lab: PagesInThread) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        answer = page.goto(f"{lab.origin}/watch")
        assert answer is not None and answer.status == 403
        assert "Open the address that python -m lab.web" in page.locator("main").inner_text()
        assert "set-cookie" not in answer.headers
