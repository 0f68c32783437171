"""Tables: plain where nobody looks, drawn on a terminal, and harmless whatever is in a cell."""

from __future__ import annotations

import io

import pytest

from lab.show.text.paper import print_table

HEADERS = ("name", "what it is")


class Terminal(io.StringIO):
    """Text that says it goes to a person."""

    def isatty(self) -> bool:
        return True


def shown(rows: list[tuple[str, str]], file: io.StringIO) -> str:
    print_table(HEADERS, rows, file)
    return file.getvalue()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    return Terminal()


def test_plain_columns_line_up() -> None:
    assert shown(
        [("a", "first"), ("longer", ""), ("待办", "wide")], io.StringIO()
    ).splitlines() == [
        "name    what it is",
        "a       first",
        "longer",
        "待办    wide",
    ]


def test_no_rows() -> None:
    assert shown([], io.StringIO()) == "name  what it is\n"


def test_plain_does_not_wrap() -> None:
    long = "x" * 500
    assert shown([("a", long)], io.StringIO()).splitlines()[1] == f"a     {long}"


def test_a_terminal_gets_a_table_as_wide_as_it_is(terminal: Terminal) -> None:
    text = shown([("a", " ".join(["word"] * 20))], terminal)
    assert "\x1b[" in text and "─" in text
    assert max(len(line) for line in text.splitlines() if "\x1b" not in line) <= 40


@pytest.mark.parametrize("evil", ["a\x1b[31mb", "a\nb", "a\u202eb", "a\rb"])
def test_control_characters_are_shown_not_sent(terminal: Terminal, evil: str) -> None:
    for file in (io.StringIO(), terminal):
        text = shown([("x", evil)], file)
        assert evil not in text
        assert evil[1:].encode("unicode_escape").decode()[:4] in text


def test_brackets_are_no_markup(terminal: Terminal) -> None:
    assert "[red]x[/red]" in shown([("a", "[red]x[/red]")], terminal)


def test_what_an_encoding_lacks_is_escaped() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii", newline="\n")
    print_table(HEADERS, [("ñ", "x")], file)
    assert raw.getvalue() == b"name  what it is\n\\xf1  x\n"


def test_a_long_word_is_folded_and_not_cut(terminal: Terminal) -> None:
    word = "certificate_" * 12
    body = shown([(word, "")], terminal).split("─")[-1]
    assert "".join(body.split()) == word
