"""Commands to paste: what a shell makes of them is what was meant."""

from __future__ import annotations

import shlex

import pytest

from lab.webapp.bring.shell_command import file_name, file_word, option_words, shell_command
from lab.webapp.web_request import UploadedFile


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.pem", "a.pem"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\x\\a.pfx", "a.pfx"),
        ("../../a", "a"),
        ("", "file"),
        ("..", "file"),
        ("a\nb", "file"),
        ("a\u202eb", "file"),
        ("x" * 300, "file"),
    ],
)
def test_the_last_part_of_a_name(name: str, shown: str) -> None:
    assert file_name(UploadedFile(name=name, data=b""), "file") == shown


@pytest.mark.parametrize(
    ("name", "word"),
    [("a.pem", "a.pem"), ("-x.pem", "./-x.pem"), ("--json", "./--json"), ("-", "./-")],
)
def test_the_name_of_a_file_is_no_option(name: str, word: str) -> None:
    assert file_word(name) == word


def test_the_value_of_an_option_is_no_option() -> None:
    assert option_words("--sni", "a") == ("--sni", "a")
    assert option_words("--sni", "-a") == ("--sni=-a",)


def test_words_are_quoted() -> None:
    words = ["a b", "$(touch x)", "'; rm -rf /", "--ca", "x"]
    command = shell_command("trace", words)
    assert shlex.split(command) == ["python", "-m", "lab.trace", *words]


def test_a_word_that_cannot_be_typed_gives_no_command() -> None:
    assert shell_command("explain", ["a\x1b[2Jb"]) == ""
