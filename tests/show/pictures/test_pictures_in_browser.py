"""The pictures in Chromium: SVG where it is drawn, Mermaid by its own renderer."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from lab.show.pictures.mermaid import quoted_text, sequence_diagram
from lab.show.pictures.svg import sequence_svg
from lab.tls.escape import printable
from lab.tracing.results import Trace
from tests.show.pictures.test_svg import all_traces
from tests.support.extent import Extent
from tests.support.mermaid import parse, render, renderer_page
from tests.support.picture_cases import NAMES, PICTURES

# Where each text is, as drawn with the fonts of this machine, and the picture's own place.
BOXES = """() => [document.documentElement, ...document.querySelectorAll("text")].map(one => {
    const box = one.getBoundingClientRect();
    return [box.left, box.top, box.right, box.bottom, one === document.documentElement ? ""
        : one.textContent];
})"""
PARTS = (
    *("end", "END", "wrap:", "nowrap:", "note over C,S:", "loop", "%%", "%%{init: {}}%%", "---"),
    *("->>", "-->>", "-x", "--x", "#", "#59;", "&lt;", "&#60;", "<br/>", "<script>", "</svg>"),
    *("<img src=x onerror=window.ran=1>", "javascript:", "$$x$$", "ﬂ°°60¶ß", "ﬂ°", "¶ß", ";", ":"),
    *("\\", "`", '"', "'", "{", "}", "[", "]", "(", ")", "|", "*", "_", "@", "\n", "\r", "\t"),
    *("\x00", "\x1b[31m", "\u202e", "\u2066", "\ufeff", "\u2028", "\udcff", "漢字", "e\u0301"),
    *("participant X", "accTitle:", "accDescr {", "rect red", "click C", "sequenceDiagram"),
    *("CN=client", "O=Lab, Inc.", " ", "  ", "1", "+", "-"),
)


def hostile_texts() -> list[str]:
    """Some hundreds of texts, the same each time; each part is the whole of one."""
    chance = random.Random(8)
    mixed = [
        "".join(chance.choices(PARTS, k=chance.randint(2, 9)))
        for _ in range(2000 if Extent.full else 400)
    ]
    return [*PARTS, *mixed]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page with the renderer of Mermaid."""
    page = renderer_page(browser)
    yield page
    assert page.evaluate("window.ran === undefined")
    page.close()


@pytest.mark.parametrize("name", all_traces())
def test_no_text_is_drawn_over_another_or_beyond_the_edge(browser: Browser, name: str) -> None:
    picture = sequence_svg(all_traces()[name])
    page = browser.new_page()
    try:
        page.goto(f"data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()}")
        whole, *texts = page.evaluate(BOXES)
    finally:
        page.close()
    assert texts
    for number, (left, top, right, bottom, words) in enumerate(texts):
        assert whole[0] <= left and right <= whole[2], words
        assert whole[1] <= top and bottom <= whole[3], words
        for other in texts[:number]:
            across = left < other[2] and other[0] < right
            # Line boxes may touch; what is drawn in them does not.
            assert not (across and top + 3 < other[3] and other[1] + 3 < bottom), (words, other)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_follows_the_scheme_of_its_reader(browser: Browser, scheme: str) -> None:
    picture = (PICTURES / "refused.svg").read_bytes()
    page = browser.new_page()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    try:
        source = f"data:image/svg+xml;base64,{base64.b64encode(picture).decode()}"
        page.goto(source)
        fill = page.evaluate("() => getComputedStyle(document.querySelector('rect.page')).fill")
    finally:
        page.close()
    assert fill == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]


@pytest.mark.parametrize("name", NAMES)
def test_the_renderer_draws_each_kept_diagram(page: Page, name: str) -> None:
    diagram = (PICTURES / f"{name}.mmd").read_text(encoding="utf-8")
    drawn = render(page, diagram)
    assert "ClientHello" in drawn
    assert "Syntax error" not in drawn
    wanted = [
        line for line in diagram.splitlines() if "->>" in line or "-x" in line or "-)" in line
    ]
    assert page.locator(".messageLine0, .messageLine1").count() == len(wanted)


@pytest.mark.parametrize("name", all_traces())
def test_the_renderer_draws_any_trace(page: Page, name: str) -> None:
    traces: list[Trace] = all_traces()[name]
    assert "Syntax error" not in render(page, sequence_diagram(traces))


def test_no_hostile_text_breaks_a_diagram(page: Page) -> None:
    diagrams = [
        f"sequenceDiagram\n    accTitle: {text}\n    C->>S: {text}\n    Note over C,S: {text}\n"
        for text in map(quoted_text, hostile_texts())
        if text.strip()
    ]
    assert [error for error in parse(page, diagrams) if error] == []


def test_hostile_texts_are_drawn_as_they_are(page: Page) -> None:
    shown = [text for text in hostile_texts()[:150] if printable(text).strip()]
    lines = [f"    C->>S: {quoted_text(f'({text})')}" for text in shown]
    render(page, "\n".join(["sequenceDiagram", *lines, ""]))
    drawn = page.locator(".messageText").all_text_contents()
    assert ["".join(text.split()) for text in drawn] == [
        "".join(f"({printable(text)})".split()) for text in shown
    ]
