"""Debian's Chromium for tests, driven by Playwright: pages that report all that must not happen.

The synchronous interface of Playwright keeps an event loop of its own while it is open: tests that
run one themselves belong into other modules. A browser is started for each module that asks for
one (0.6 s), a page for each test (0.2 s).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    Request,
    WebError,
    sync_playwright,
)

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of other sites lead to this machine, as those of a DNS rebinding do; all else nowhere.
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, "
    "EXCLUDE 127.0.0.1",
)
LOCAL_SCHEMES = frozenset({"file", "data", "blob", "about", "devtools"})
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost"})
PATIENCE = 20.0  # seconds
SIZES = (1280, 768, 375)
CANARY = "__ran"
"""The function that hostile texts try to call: no page of ours ever does."""


def chromium_path() -> str:
    """Where Chromium is; skips the test where none is installed."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return path


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window; skips the test where none is installed."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class GuardedPage:
    """A page, and what happened in it that must not.

    That is: errors in the console and of scripts, dialogs, requests that leave this machine, and
    calls of the canary. A test that provokes some of them says so with ``allow`` or ``expected``.
    """

    page: Page
    problems: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """Let pass what ``pattern`` is found in, whenever it comes."""
        self.allowed.append(pattern)

    def remaining(self) -> list[str]:
        """What must not have happened, without what may."""
        return [
            problem
            for problem in self.problems
            if not any(re.search(pattern, problem) for pattern in self.allowed)
        ]

    def expected(self, pattern: str, count: int = 1) -> list[str]:
        """Wait for so many problems in which ``pattern`` is found, and let such pass."""
        self.allow(pattern)
        end = time.monotonic() + PATIENCE
        while len(found := self._like(pattern)) < count:
            assert time.monotonic() < end, f"{found} of {self.problems} have {pattern}"
            self.page.wait_for_timeout(20)
        return found

    def _like(self, pattern: str) -> list[str]:
        return [problem for problem in self.problems if re.search(pattern, problem)]


def is_local(url: str) -> bool:
    """Tell whether a request for ``url`` stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in LOCAL_SCHEMES or parts.hostname in LOCAL_HOSTS


@contextlib.contextmanager
def guarded_page(context: BrowserContext) -> Iterator[GuardedPage]:
    """A page of ``context``; at its end nothing may have happened that must not."""
    guarded = GuardedPage(context.new_page())
    problems = guarded.problems

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            problems.append(f"console: {message.text}")

    def error(found: WebError) -> None:
        problems.append(f"script: {found.error}")

    def request(made: Request) -> None:
        if not is_local(made.url):
            problems.append(f"request: {made.url[:200]}")

    def dialog(found: Dialog) -> None:
        problems.append(f"dialog: {found.message}")
        found.dismiss()

    def watch(page: Page) -> None:
        page.on("crash", lambda _: problems.append("crash"))

    context.expose_function(CANARY, lambda *_: problems.append("canary: a hostile text has run"))
    context.on("console", console)
    context.on("weberror", error)
    context.on("request", request)
    context.on("dialog", dialog)
    watch(guarded.page)
    context.on("page", watch)
    yield guarded
    # Whatever waits in the page's event loop has its turn, unless the page is being left.
    for page in context.pages:
        with contextlib.suppress(Error):
            page.evaluate("() => new Promise(done => setTimeout(done))")
    remaining = guarded.remaining()
    assert remaining == [], remaining


def open_text(page: Page, folder: Path, text: str, name: str = "page.html") -> Path:
    """Write a page into a file, and open that as a user does."""
    path = folder / name
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="\n")
    page.goto(path.as_uri())
    return path


def overflowing(page: Page) -> list[str]:
    """The elements that make the page wider than its window; none: it has no such scroll bar."""
    found = page.evaluate(
        """() => {
            const root = document.documentElement;
            if (root.scrollWidth <= root.clientWidth) return [];
            const wide = [...document.querySelectorAll("body *")].filter(one => {
                const box = one.getBoundingClientRect();
                const clips = getComputedStyle(one).overflowX !== "visible";
                const right = clips ? box.right : Math.max(box.right, box.left + one.scrollWidth);
                return right > root.clientWidth + 1;
            });
            return [`page: ${root.scrollWidth} > ${root.clientWidth}`, ...wide.slice(0, 8).map(
                one => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 60)}`)];
        }"""
    )
    assert isinstance(found, list)
    return found


def screenshots(page: Page, name: str) -> None:
    """Keep pictures of the whole page in the folder that LAB_SCREENSHOTS names; else do nothing.

    Each width of ``SIZES``, light and dark.
    """
    folder = os.environ.get("LAB_SCREENSHOTS")
    if not folder:
        return
    before = page.viewport_size
    for width in SIZES:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            path = Path(folder) / f"{name}-{width}-{scheme}.png"
            page.screenshot(path=path, full_page=True)
    page.emulate_media(color_scheme=None)
    if before is not None:
        page.set_viewport_size(before)
