"""Elements of a drawing: texts that are as wide as reckoned, and few marks on a letter."""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.show.pictures import svg_drawing as draw

HARD = st.text(st.characters(), max_size=60)


@given(HARD)
def test_any_text_is_valid_xml_on_one_line(words: str) -> None:
    root = draw.document(100, 100, words, words)
    draw.text(root, 1, 1, words)
    read = ET.fromstring(draw.written(root).encode())
    shown = [element.text or "" for element in read if element.tag.endswith("text")]
    assert shown == [draw.plain(words)]
    assert draw.plain(words).isprintable()


@given(HARD, st.integers(1, 3))
def test_wrapped_text_keeps_to_its_width_and_its_lines(words: str, most: int) -> None:
    lines = draw.wrapped(words, 120, most)
    assert 1 <= len(lines) <= most
    assert all(draw.width_of(line) <= 120 for line in lines)


def test_a_text_that_is_shortened_says_so() -> None:
    assert draw.wrapped("word " * 50, 120, 2)[-1].endswith("…")
    assert draw.wrapped("two words", 120, 2) == ["two words"]


def test_many_marks_on_a_letter_are_written_out() -> None:
    tall = "Z" + "\u0301" * 40
    marks = [char for char in draw.plain(tall) if unicodedata.category(char) == "Mn"]
    assert len(marks) == 2
    assert draw.plain("e\u0301") == "e\u0301"


@pytest.mark.parametrize(
    ("words", "fitted"), [("CN=client", False), ("CN=Zoë", False), ("漢字", True), ("﷽", True)]
)
def test_what_may_come_from_another_font_is_fitted(words: str, fitted: bool) -> None:
    root = draw.document(100, 100, "", "")
    draw.text(root, 1, 1, words, "small")
    assert (root[-1].get("textLength") is not None) is fitted
