"""Known texts that share words with one that is not known: a hint where to look, no finding.

This module must not know what a text means.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import defaultdict
from functools import cache
from itertools import islice

from lab.diagnosis.error_texts.all_texts import ALL_TEXTS

_WORD = re.compile(r"[a-z0-9_]{2,80}")
_SIGNS = frozenset("#*$@%^")  # such a phrase is no text to compare with
_MOST_WORDS = 60
_MOST_NAMES = 5
_COMMON = 120  # a word of more phrases than this says nothing
_LEAST = 0.6  # the part of a phrase, by the weight of its words, that must be there
_LIKE = 0.85


@cache
def _phrases_by_word() -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for row in ALL_TEXTS:
        if not row.mark and _SIGNS.isdisjoint(row.phrase):
            for word in _WORD.findall(row.phrase.lower()):
                found[word][row.phrase] = None
    return {word: list(phrases) for word, phrases in found.items()}


def nearest(text: str, number: int = 3) -> tuple[str, ...]:
    """Return at most ``number`` known phrases that share most of their words with ``text``."""
    index = _phrases_by_word()
    words = dict.fromkeys(
        found.group() for found in islice(_WORD.finditer(text.lower()), _MOST_WORDS)
    )
    scores: dict[str, float] = defaultdict(float)
    for word in words:
        phrases = index.get(word, ())
        if len(phrases) <= _COMMON:
            for phrase in phrases:
                scores[phrase] += _weight(word)
    likely = [
        (score, phrase) for phrase, score in scores.items() if score >= _LEAST * _whole(phrase)
    ]
    likely.sort(key=lambda pair: (-pair[0], pair[1]))
    names = [word for word in words if len(word) > 5 and word not in index][:_MOST_NAMES]
    alike = [
        index[name][0]
        for word in names
        for name in difflib.get_close_matches(word, index, n=1, cutoff=_LIKE)
    ]
    return tuple(dict.fromkeys([*alike, *(phrase for _, phrase in likely)]))[:number]


def _weight(word: str) -> float:
    return 1 / math.log2(1 + len(_phrases_by_word()[word]))


def _whole(phrase: str) -> float:
    return sum(_weight(word) for word in set(_WORD.findall(phrase.lower())))
