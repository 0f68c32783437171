"""What a peer chose is shown on one line, and cannot act on a terminal or fake an escape."""

from __future__ import annotations

import pytest

from lab.tls.escape import escaped, printable


@pytest.mark.parametrize("text", ["", "CN=client, O=Lab", "Añadir: Ελλάδα, 日本", "a\\b"])
def test_printable_text_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("left\u202eright", "left\\u202eright"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        ("\x00", "\\x00"),
    ],
)
def test_what_is_unprintable_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == escaped(text) == shown


def test_an_escape_cannot_be_faked() -> None:
    assert escaped("\\x1b") == "\\\\x1b"
    assert escaped("\\x1b") != escaped("\x1b")
