"""What is near a text that is not known."""

from __future__ import annotations

import pytest

from lab.diagnosis.error_texts import nearest_texts
from lab.diagnosis.error_texts.nearest_texts import nearest


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("the certificate verify was failed", "certificate verify failed"),
        ("ERR_TLS_CERT_ALTNAME_INVALD", "ERR_TLS_CERT_ALTNAME_INVALID"),
        ("SEC_E_UNTRUSTED_ROTO", "SEC_E_UNTRUSTED_ROOT"),
        ("the peer did return no certificate", "peer did not return a certificate"),
    ],
)
def test_words_in_common(text: str, near: str) -> None:
    assert near in nearest(text, 5)


@pytest.mark.parametrize("text", ["", "xyzzy", "the of and", "\x1b[31m", "a" * 100_000])
def test_nothing_is_near(text: str) -> None:
    assert nearest(text) == ()


def test_only_so_many_words_are_looked_at() -> None:
    text = " ".join(f"w{at}" for at in range(nearest_texts._MOST_WORDS))
    assert nearest(f"{text} certificate verify failed") == ()
