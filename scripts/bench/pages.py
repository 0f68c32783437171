"""How soon the pages that ``--html`` writes open in Chromium, without an error in its console.

From the start of the navigation until all is loaded and painted, each time in a browser process
that has seen no page before.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.rows import Row, row
from lab.api import LabCA, LabServer, probe_server, trace_server
from lab.show.html.page import trace_page
from lab.show.html.probe_page import probe_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

LATEST = 300.0  # ms
PROBE = "a probe"
LARGEST = {"a handshake": 300.0, "a refusal": 300.0, PROBE: 600.0}  # kB
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_OPENED = """() => new Promise(done => requestAnimationFrame(() => setTimeout(() => {
    const [loaded] = performance.getEntriesByType("navigation");
    const paints = performance.getEntriesByType("paint").map(paint => paint.startTime);
    done(Math.max(loaded.loadEventEnd, ...paints));
})))"""


def measure(rounds: int) -> list[Row]:
    """The figures: milliseconds until a page is open, and its size."""
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("bench: needs Chromium; apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        raise SystemExit("bench: needs Playwright; pip install playwright")
    from playwright.sync_api import sync_playwright

    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for name, text in _pages():
            file = Path(folder, "page.html")
            file.write_text(text, encoding="utf-8")
            times = []
            for _ in range(rounds):
                browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
                times.append(_opened(browser.new_page(), file))
                browser.close()
            rows.append(row("opened", name, "ms", times))
            rows.append(row("size", name, "kB", [file.stat().st_size / 1000]))
    return rows


def _opened(page: Page, file: Path) -> float:
    """Return how long it takes until a page is open, in milliseconds."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    time = float(page.evaluate(_OPENED))
    if errors:
        raise SystemExit(f"bench: the page says in its console: {errors[0]}")
    return time


def _pages() -> Iterator[tuple[str, str]]:
    ca = LabCA()
    with LabServer(trust=ca) as server:
        traces = trace_server(server, identity=ca.client(), request="/todo", keep_records=True)
        yield "a handshake", trace_page(traces)
        yield "a refusal", trace_page(trace_server(server, keep_records=True))
    yield PROBE, probe_page(probe_server(keep_records=True), "python -m lab.probe")


def verdicts(rows: Sequence[Row]) -> Iterator[str]:
    """Whether the bars of each page are reached, by the median; there is none on a probe's time."""
    for each in rows:
        name, value = each["server"], each["value"]
        if each["operation"] == "size":
            yield f"{name} has {value:.0f} kB; {_judged(value, LARGEST[name])}"
        elif name != PROBE:
            yield f"{name} opens in {value:.0f} ms; {_judged(value, LATEST)}"


def _judged(value: float, bar: float) -> str:
    return f"bar {bar:g}: {'reached' if value <= bar else 'not reached'}"
