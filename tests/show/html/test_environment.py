"""Templates escape what they are given, and miss nothing quietly."""

from __future__ import annotations

import jinja2
import pytest

from lab.show.html.environment import render, static_text


def test_text_is_escaped_and_a_missing_name_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("standalone.html")


def test_static_files_are_part_of_the_package() -> None:
    assert static_text("lab.css") and static_text("lab.js")
