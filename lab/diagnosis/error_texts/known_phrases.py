"""The index of all known phrases, made once.

This module must not know what is made of a hit.
"""

from __future__ import annotations

from functools import cache

from lab.diagnosis.error_texts.all_texts import ALL_TEXTS
from lab.diagnosis.error_texts.known_text import KnownText
from lab.diagnosis.error_texts.phrases import PhraseIndex, Vocabulary
from lab.diagnosis.error_texts.tables.alert_texts import names_of_alerts
from lab.diagnosis.error_texts.tables.openssl_texts import words_of_reasons
from lab.diagnosis.error_texts.tables.verify_texts import WORDS


@cache
def phrase_index() -> PhraseIndex[KnownText]:
    """Return the index of the phrases of all tables."""
    codes = {words.lower(): number for number, wordings in WORDS.items() for words in wordings}
    vocabularies = {
        "@": Vocabulary(dict(names_of_alerts())),
        "%": Vocabulary(codes),
        "^": Vocabulary(dict(words_of_reasons())),
    }
    return PhraseIndex(((row.phrase, row) for row in ALL_TEXTS), vocabularies)
