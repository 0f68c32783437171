"""Who gets HTML and who JSON."""

from __future__ import annotations

import pytest

from lab.http.negotiation import prefers_html

CHROMIUM = (
    b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
    b"*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (CHROMIUM, True),
        (FIREFOX, True),
        (b"text/html", True),
        (b"TEXT/HTML ; Q=0.5", True),
        (b"text/*", True),
        (b"text/html;level=1;q=0.4, application/json;q=0.3", True),
        (b"application/json;q=0.9, text/html", True),
        (b"", False),
        (b"*/*", False),
        (b"application/json, text/html", False),
        (b"application/json, text/html;q=0.9", False),
        (b"application/*, text/html;q=0.9", False),
        (b"text/html;q=0", False),
        (b"text/html;q=0, text/*, */*", False),
        (b"text/*;q=0.2, */*;q=0.5", False),
        (b"image/png", False),
        (b"text/html;q=2", False),
        (b"text/html;q=nan", False),
        (b"text/html;q=1.0000", False),
        (b";;;,,q=1", False),
        (b"\xff\xfe", False),
        (b"x/y," * 5000 + b"text/html", False),
    ],
)
def test_html_is_for_those_who_would_rather_have_it(accept: bytes, html: bool) -> None:
    assert prefers_html(accept) is html
