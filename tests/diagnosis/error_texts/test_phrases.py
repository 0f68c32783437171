"""Phrases are found word by word, whatever lies between, and in linear time."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

from lab.diagnosis.error_texts import phrases
from lab.diagnosis.error_texts.known_phrases import phrase_index
from lab.diagnosis.error_texts.phrases import PhraseIndex, Vocabulary


def index_of(*known: str) -> PhraseIndex[str]:
    vocabulary = Vocabulary({"bad certificate": 42, "unknown ca": 48})
    return PhraseIndex(((phrase, phrase) for phrase in known), {"@": vocabulary})


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("self-signed certificate", "a self signed certificate here"),
        ("self-signed certificate", "self\u2010signed certificate".replace("\u2010", "-")),
        ("tls: bad certificate", 'error: \\"tls: bad\ncertificate\\"'),
        ("certificate's notbefore", "the certificate\u2019s notbefore field"),
        ("verify error:num=#", "verify error:num=20:unable"),
        ("error:$:", "error:0a000412:ssl"),
        ("peer name * is not", "peer name a is not in it"),
        ("peer name * is not", "peer name api.b-c.example is not in it"),
        ("file * does not exist", 'file "/a/.b/c.crt" does not exist'),
        ("name (*) is not", "name (a.example) is not"),
        ("x509: * is not", 'x509: "*.a.example" is not'),
        ("[ssl: x]", "([ssl: x] y)"),
        ("fatal alert: @", "got fatal alert: bad_certificate"),
        ("fatal alert: @", "got fatal alert: unknown ca!"),
        ("fatal alert: @", "got fatal alert: badcertificate"),
        ("the end.", "the end"),
    ],
)
def test_what_is_found(phrase: str, text: str) -> None:
    assert [hit.rows for hit in index_of(phrase).find(text)] == [(phrase,)]


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("tls: bad certificate", "we use tls; bad certificate handling"),
        ("tls: bad certificate", "we use tls bad certificate handling"),
        ("tls: bad certificate", "atls: bad certificates"),
        ("verify error:num=#", "verify error:num=x"),
        ("error:$:", "error:0a00041:ssl"),
        ("[ssl: x", "ssl: x"),
        ("x509:", "x509"),
        ("peer name * is not", "peer name is not"),
        ("peer name * is not", f"peer name {'a.' * 13} is not"),
        ("file * does", f"file {' ' * 500}a does"),
        ("fatal alert: @", "fatal alert: something"),
        ("bad certificate", f"bad{' ' * 500}certificate"),
    ],
)
def test_what_is_not_found(phrase: str, text: str) -> None:
    assert not list(index_of(phrase).find(text))


def test_the_longest_counts_and_the_number_is_captured() -> None:
    index = index_of("verify failed", "verify failed: #", "alert @")
    assert [hit.rows for hit in index.find("verify failed: 20")] == [("verify failed: #",)]
    assert [hit.captured for hit in index.find("verify failed: 20")] == ["20"]
    assert [hit.captured for hit in index.find("alert unknown_ca")] == ["48"]


HOSTILE = {
    "words": "a: ",
    "a beginning": "ssl routines ",
    "beginnings": "certificate verify failed: self-signed ",
    "signs": ":|" * 2,
    "alerts": "received fatal alert: unsupported ",
    "numbers": "error:0a0000 12345678 ",
    "one word": "certificate_",
    "dashes": "- ",
}


def steps(text: str) -> int:
    """Return how often the gap between two words is looked at: the inner step of the search."""
    counted = 0
    real = phrases._between

    def between(*arguments: object) -> str:
        nonlocal counted
        counted += 1
        return real(*arguments)  # type: ignore[arg-type]

    with mock.patch.object(phrases, "_between", between):
        for _ in phrase_index().find(text):
            pass
    return counted


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_the_steps_grow_no_faster_than_the_text(unit: str) -> None:
    short, long = (steps(unit * times) for times in (200, 2000))
    assert long <= 10 * short + 100
    assert long <= 30 * len(unit * 2000)


def test_a_phrase_is_never_looked_for_beyond_its_length() -> None:
    def words() -> Iterator[str]:
        yield from ("x " * 20, "y")

    index = index_of("x x x y")
    assert [hit.start for hit in index.find("".join(words()))] == [34]
