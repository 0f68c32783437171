r"""Phrases looked for in a text, all at once, in time that is linear in its length.

The phrases lie in a tree of words. From each word of a text the tree is followed for at most as
many words as the longest phrase has. Between two words only punctuation counts: whitespace, line
ends, quotes, backslashes, dashes, bars and ``>`` do not.

This module must not know what a phrase means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")

_WORD = re.compile(r"[a-z0-9_]+")
_WORD_OF_PHRASE = re.compile(r"[a-z0-9_]+|[#*$@%^]")
_QUOTES_AND_DASHES = "\"'`-\u2013\u2014\u2018\u2019\u201c\u201d"
_NOT_COUNTED = str.maketrans("", "", f" \t\r\n\v\f\\|>*\xa0\u200b{_QUOTES_AND_DASHES}")
_FINAL = ".?!"  # the end of a sentence, which may be left out
_LONGEST_GAP = 100
_TOO_FAR = "\0"  # in place of what stands in a longer gap
_LONGEST_NUMBER = 12
_MOST_WORDS = 12  # a host name or a path has as many
_HEXADECIMAL = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Hit(Generic[R]):
    """Where a phrase was found: its span in the text, what is known by it, and its number."""

    start: int
    end: int
    rows: tuple[R, ...]
    captured: str


class _Node(Generic[R]):
    """A place in the tree: where each next word leads, and the phrases that end here."""

    __slots__ = ("ends", "next")

    def __init__(self) -> None:
        self.next: dict[str, _Node[R]] = {}
        self.ends: list[tuple[str, R]] = []


class Vocabulary:
    """Expressions of several words that a sign in a phrase stands for, each with a number."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        """Take expressions in lower case; between their words nothing counts."""
        self._numbers = {_joined(_WORD.findall(words)): number for words, number in numbers.items()}
        self._longest = max(len(_WORD.findall(words)) for words in numbers)

    def longest(self, words: list[str], at: int) -> tuple[int, str] | None:
        """Return how many words from ``at`` on are one expression, and its number."""
        for count in range(min(self._longest, len(words) - at), 0, -1):
            number = self._numbers.get(_joined(words[at : at + count]))
            if number is not None:
                return count, str(number)
        return None


def _joined(words: Iterable[str]) -> str:
    return "".join(words).replace("_", "")


class PhraseIndex(Generic[R]):
    """Rows by their phrases, and the vocabularies that these use, by their signs."""

    def __init__(
        self, rows: Iterable[tuple[str, R]], vocabularies: Mapping[str, Vocabulary]
    ) -> None:
        """Take phrases with what is known by each. An empty phrase is left out."""
        self._vocabularies = vocabularies
        self._roots: dict[str, list[tuple[str, _Node[R]]]] = {}
        for phrase, row in rows:
            if phrase:
                self._add(phrase.lower(), row)

    def _add(self, phrase: str, row: R) -> None:
        end = 0
        node: _Node[R] | None = None
        for found in _WORD_OF_PHRASE.finditer(phrase):
            between = phrase[end : found.start()].translate(_NOT_COUNTED)
            if node is None:
                node = self._root(found.group(), between)
            else:
                node = node.next.setdefault(between + found.group(), _Node())
            end = found.end()
        assert node is not None, phrase
        node.ends.append((phrase[end:].translate(_NOT_COUNTED).rstrip(_FINAL), row))

    def _root(self, word: str, before: str) -> _Node[R]:
        roots = self._roots.setdefault(word, [])
        for known, node in roots:
            if known == before:
                return node
        roots.append((before, _Node()))
        return roots[-1][1]

    def find(self, text: str) -> Iterator[Hit[R]]:
        """Yield the longest hit from each word of a lower-case text, in order; they may overlap."""
        words = _WORD.findall(text)
        begun = [at for at, word in enumerate(words) if word in self._roots]
        if not begun:
            return
        spans = [found.span() for found in _WORD.finditer(text)]
        for at in begun:
            for before, root in self._roots[words[at]]:
                if before and not _between(text, spans, at).endswith(before):
                    continue
                best = self._longest(text, words, spans, at, root)
                if best is not None:
                    last, rows, captured = best
                    yield Hit(spans[at][0], spans[last][1], rows, captured)

    def _longest(
        self, text: str, words: list[str], spans: _Spans, at: int, root: _Node[R]
    ) -> tuple[int, tuple[R, ...], str] | None:
        """Follow the tree from the word ``at``; return the last word, the rows and the number."""
        best: tuple[int, tuple[R, ...], str] | None = None
        waiting = [(root, at, "")]
        while waiting:
            node, last, captured = waiting.pop()
            behind = _between(text, spans, last + 1)
            rows = tuple(row for trail, row in node.ends if behind.startswith(trail))
            if rows and best is not None and last == best[0]:
                best = last, (*best[1], *rows), best[2] or captured
            elif rows and (best is None or last > best[0]):
                best = last, rows, captured
            if node.next and last + 1 < len(words):
                for key, count, number in self._edges(node, behind, words, last + 1):
                    waiting.append((node.next[key], last + count, captured or number))
        return best

    def _edges(
        self, node: _Node[R], behind: str, words: list[str], at: int
    ) -> Iterator[tuple[str, int, str]]:
        """Yield where the word ``at`` leads, how many words that takes, and the number it is."""
        word = words[at]
        plain = word.isdigit() and len(word) <= _LONGEST_NUMBER
        for sign, fits in (
            ("$", bool(_HEXADECIMAL.fullmatch(word))),
            ("#", plain),
            (word, True),
        ):
            if fits and behind + sign in node.next:
                yield behind + sign, 1, "" if sign == word else word
        # A path or a host name may begin with punctuation of its own.
        key = behind.rstrip("./~") + "*"
        key = key if key in node.next else "*"
        if key in node.next and behind != _TOO_FAR:
            for count in range(1, min(_MOST_WORDS, len(words) - at) + 1):
                yield key, count, ""
        for sign, vocabulary in self._vocabularies.items():
            found = vocabulary.longest(words, at) if behind + sign in node.next else None
            if found is not None:
                yield behind + sign, *found


_Spans = list[tuple[int, int]]


def _between(text: str, spans: _Spans, at: int) -> str:
    """Return what counts between the word before ``at`` and that word."""
    start = spans[at - 1][1] if at else 0
    end = spans[at][0] if at < len(spans) else len(text)
    if end - start > _LONGEST_GAP:
        return _TOO_FAR
    return text[start:end].translate(_NOT_COUNTED)
