"""Pages as files: nothing from elsewhere, and what a peer chose stays text."""

from __future__ import annotations

from markupsafe import Markup

from lab.show.html.page import standalone


def test_a_page_needs_nothing_from_elsewhere() -> None:
    page = standalone("<b>title</b>", Markup("<p>body</p>"))
    assert "<title>&lt;b&gt;title&lt;/b&gt;</title>" in page
    assert "default-src 'none'" in page
    assert "<link" not in page and " src=" not in page
