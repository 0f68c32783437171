"""Lines of a page: what counts only in context, who speaks, and bounded work."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

from lab.diagnosis.error_texts.known_text import KnownText
from lab.diagnosis.error_texts.recognition import Page, cleaned


def phrases(text: str, *, whole: bool = True) -> list[str]:
    return [said.row.phrase for said in Page(cleaned(text), whole=whole).said()]


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[38:5:1mred", "red"),
        ("a\\nb", "a b"),
        ("a\\\\nb", "a b"),
        ("C:\\new", "C: ew"),
        ("&quot;x&quot; &#39;y&#39; &gt;", "\"x\" 'y' >"),
        ("a\r\nb\rc", "a\nb c"),
        ("\x1b[" + "1" * 100 + "m", "\x1b[" + "1" * 100 + "m"),
    ],
)
def test_cleaning(dirty: str, clean: str) -> None:
    assert cleaned(dirty) == clean


def test_common_words_count_in_context_only() -> None:
    words = "the certificate has expired"
    prose = f"{words}\n" + "one more line\n" * 5
    assert phrases(prose) == []
    assert phrases(words) == ["certificate has expired"]  # it is nearly the whole text
    assert phrases(words, whole=False) == []
    assert phrases(prose.replace("the", "tls: the")) == ["certificate has expired"]


def test_a_row_that_needs_more_words_goes_first() -> None:
    line = "x509: certificate has expired or is not yet valid: current time 1 is {} 2"
    for word, code in (("after", 10), ("before", 9)):
        (said,) = Page(line.format(word), whole=True).said()
        assert said.row.verify == code
    (said,) = Page("x509: certificate has expired or is not yet valid", whole=True).said()
    assert said.row.verify is None


def test_versions_are_those_of_the_same_entry() -> None:
    error = "error:0A000412:SSL routines::sslv3 alert bad certificate"
    entry = "2026-11-29 10:00:00 "
    same = Page(f"{entry}OpenSSL/3.0.22\nthen {error}", whole=True)
    assert {said.versions for said in same.said()} == {(("openssl", "3.0.22"),)}
    another = Page(f"{entry}OpenSSL/3.0.22\n{entry}{error}", whole=True)
    assert {said.versions for said in another.said()} == {()}


HOSTILE = {
    "general ones on a line": "SSL handshake failure ",
    "general lines": "SSL handshake failure\n",
    "errors on a line": "error:0A000412:SSL routines::sslv3 alert bad certificate ",
    "lines of errors": "curl: (35) error:0A000412:SSL routines::sslv3 alert bad certificate\n",
    "GnuTLS": "A TLS fatal alert has been received.\n",
    "unknown lines": "tls frob failed\n",
}


def steps(text: str) -> int:
    """Return how many errors are compared with others, the inner step of a page."""
    counted = 0
    real = Page._near

    def near(page: Page, line: int, distance: int) -> Iterator[tuple[int, int, KnownText]]:
        nonlocal counted
        for error in real(page, line, distance):
            counted += 1
            yield error

    with mock.patch.object(Page, "_near", near):
        page = Page(cleaned(text), whole=False)
        for _ in page.said():
            counted += 1
        for _ in page.unknown_lines():
            counted += 1
    return counted


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_the_steps_grow_no_faster_than_the_page(unit: str) -> None:
    short, long = (steps(unit * times) for times in (300, 3000))
    assert long <= 12 * short + 100
