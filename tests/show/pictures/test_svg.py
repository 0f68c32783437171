"""Sequences as SVG: the kept pictures, valid XML whatever a peer says, and nothing over another."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from lab.diagnosis.results import Outcome, Result
from lab.show.pictures.svg import sequence_svg
from lab.show.pictures.svg_drawing import FONT, SMALL, width_of
from lab.tls import messages as msg
from lab.tls.code_points import AlertDescription
from lab.tls.events import Endpoint, Fact, Gap
from lab.tracing.results import Trace
from tests.show.text.test_trace_text import hostile_trace
from tests.support.picture_cases import NAMES, PICTURES, traces_of
from tests.support.traces import CLIENT, FLOW, SERVER, EventBuilder, one_of_each_event, trace_of

SVG = "{http://www.w3.org/2000/svg}"
FAILED = Outcome(result=Result.FAILED)
# Letters of many cells in one, of right-to-left scripts, and with marks above marks.
WIDE_OR_TALL = (
    *("\ufdfd", "\U0001242b", "\u2e3b", "漢字", "\U0001f468\u200d\U0001f469", "مرحبا ", "שלום "),
    *("Z\u0310\u0353\u0359\u0320\u0315", "คำ ", "नमस्ते ", "W", "ྲྀ༹"),
)
TAGS = {"svg", "title", "desc", "style", "g", "rect", "line", "polygon", "path", "circle", "text"}
ATTRIBUTES = {
    *("class", "width", "height", "viewBox", "role", "transform", "x", "y", "x1", "y1", "x2"),
    *("y2", "cx", "cy", "r", "rx", "d", "points", "text-anchor", "textLength", "lengthAdjust"),
}


def parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture.encode())


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in parsed(picture).iter(f"{SVG}text")]


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float
    words: str

    def overlaps(self, other: Box) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def boxes(root: ET.Element) -> Iterator[Box]:
    """The places of all texts, as wide as a text is at most."""
    for group in (root, *root.findall(f"{SVG}g")):
        moved = re.fullmatch(r"translate\((\S+) (\S+)\)", group.get("transform", ""))
        dx, dy = map(float, moved.groups()) if moved else (0.0, 0.0)
        for text in group.findall(f"{SVG}text"):
            size = SMALL if "small" in text.get("class", "").split() else FONT
            width = width_of(text.text or "", size)
            shift = {"middle": width / 2, "end": width}.get(text.get("text-anchor", ""), 0.0)
            x, y = float(text.get("x", "")) + dx - shift, float(text.get("y", "")) + dy
            yield Box(x, y - size * 0.8, x + width, y + size * 0.2, text.text or "")


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_as_it_was_looked_at(name: str) -> None:
    kept = (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    assert sequence_svg(traces_of(name)) == kept, "see tests/support/picture_cases.py"


def all_traces() -> dict[str, list[Trace]]:
    make = EventBuilder()
    found = {name: traces_of(name) for name in NAMES}
    found["one of each"] = [trace_of(one_of_each_event(), outcome=FAILED)]
    found["hostile"] = [hostile_trace(), replace(hostile_trace(), flow=FLOW)]
    found["hostile, one below the other"] = [hostile_trace()] * 3
    facts = [
        make.fact(end, Fact.READ_FAILED, words * 9) for words in WIDE_OR_TALL for end in Endpoint
    ]
    found["wide or tall"] = [trace_of(facts, outcome=FAILED)]
    found["nothing"] = [trace_of([], outcome=FAILED)]
    update = [make.data(CLIENT, b"x") for _ in range(9)]
    found["late"] = [trace_of([*update, replace(make.sealed(SERVER), time=1e9)], outcome=FAILED)]
    return found


@pytest.mark.parametrize("name", all_traces())
def test_no_text_is_over_another_or_beyond_the_edge(name: str) -> None:
    root = parsed(sequence_svg(all_traces()[name]))
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    found = list(boxes(root))
    assert found
    for box in found:
        assert box.left >= 0 and box.right <= width, box
        assert box.top >= 0 and box.bottom <= height, box
    for number, box in enumerate(found):
        assert not [other for other in found[:number] if box.overlaps(other)], box


@pytest.mark.parametrize("name", all_traces())
def test_there_is_nothing_in_it_that_runs_or_loads(name: str) -> None:
    root = parsed(sequence_svg(all_traces()[name]))
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in TAGS
        assert set(element.attrib) <= ATTRIBUTES
    (style,) = root.findall(f"{SVG}style")
    assert "url(" not in (style.text or "") and "@import" not in (style.text or "")


def test_text_stays_text_and_hostile_text_is_escaped() -> None:
    make = EventBuilder()
    hostile = "</text><script>alert(1)</script>\x00\x1b\u202e\udcff]]>&amp;\ufffe"
    trace = trace_of([make.fact(CLIENT, Fact.READ_FAILED, hostile)], outcome=FAILED)
    shown = "".join(texts(sequence_svg([trace])))
    assert "</text><script>alert(1)" in shown
    assert r"\x00" in shown and r"\u202e" in shown and r"\udcff" in shown
    assert shown.isprintable()


def test_both_versions_stand_beside_each_other(refused12: Trace, refused13: Trace) -> None:
    both = parsed(sequence_svg([refused12, refused13]))
    below = parsed(sequence_svg([refused12, refused13], beside=False))
    assert float(both.get("width", "")) > float(below.get("width", ""))
    assert float(both.get("height", "")) < float(below.get("height", ""))


def test_a_reader_of_the_screen_is_told_each_step(refused13: Trace) -> None:
    root = parsed(sequence_svg([refused13]))
    title, description = root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")
    assert root.get("role") == "img"
    assert title == (
        "TLS handshake: TLS 1.3, no client certificate: rejected by the server, "
        "alert certificate_required (116)"
    )
    assert description
    assert "client to server: ClientHello, clear; " in description
    assert "ALERT fatal certificate_required (116), encrypted, which decided" in description
    assert "client: handshake call returned; " in description


def test_the_decisive_row_is_framed_and_marked(refused13: Trace, accepted13: Trace) -> None:
    classes = [element.get("class") for element in parsed(sequence_svg([refused13])).iter()]
    assert {"decisive", "bar", "frame", "arrow encrypted alert"} <= set(classes)
    calm = [element.get("class") for element in parsed(sequence_svg([accepted13])).iter()]
    assert not {"decisive", "bar", "frame"} & set(calm)


def test_a_decisive_fact_is_marked_too() -> None:
    make = EventBuilder()
    fact = make.fact(CLIENT, Fact.TIMED_OUT, "10 s")
    outcome = replace(FAILED, decided_by=fact)
    picture = sequence_svg([trace_of([fact], outcome=outcome)])
    assert 'class="decisive"' in picture
    assert "✗ failed: the handshake was not completed" in texts(picture)


def test_rows_that_share_a_record_have_a_bracket_and_its_word() -> None:
    make = EventBuilder()
    record = make.record(300)
    events = [
        make.message(SERVER, msg.ServerHelloDone(), records=[record]),
        make.message(SERVER, msg.HelloRequest(), records=[record]),
        make.message(SERVER, msg.Certificate(certificate_list=()), records=[record]),
    ]
    picture = sequence_svg([trace_of(events, outcome=FAILED)])
    assert "share a record" in texts(picture)
    assert len(re.findall('class="bracket"', picture)) == 2
    assert texts(picture).count("300") == 1
    alone = sequence_svg([trace_of(events[:1], outcome=FAILED)])
    assert "share a record" not in texts(alone)


def test_gaps_and_warnings_have_their_words() -> None:
    make = EventBuilder()
    events = [
        make.not_captured(SERVER, Gap.MISSING, 1460),
        make.alert(SERVER, AlertDescription.UNKNOWN_CA),
    ]
    shown = " ".join(texts(sequence_svg([trace_of(events)])))
    assert "… 1,460 bytes not captured" in shown


def test_the_legend_names_the_strokes_that_are_used() -> None:
    make = EventBuilder()
    alert = make.alert(SERVER, AlertDescription.UNKNOWN_CA)
    assert texts(sequence_svg([trace_of([alert])]))[-1] == "encrypted"
    every = [make.message(CLIENT, msg.HelloRequest()), alert, make.ended(SERVER)]
    assert texts(sequence_svg([trace_of(every)]))[-3:] == ["clear", "encrypted", "TCP ends"]
