"""The tables: every row says where it is from, and is found by its own phrase."""

from __future__ import annotations

from collections import defaultdict

import pytest

from lab.diagnosis.error_texts.all_texts import ALL_TEXTS
from lab.diagnosis.error_texts.explain_text import explain_text
from lab.diagnosis.error_texts.known_text import KnownText
from lab.diagnosis.error_texts.tables.speakers import SPEAKERS
from lab.diagnosis.error_texts.tables.verify_texts import WORDS
from lab.x509.verify_codes import VerifyCode

ERRORS = [row for row in ALL_TEXTS if not row.mark]


def test_each_row_has_a_source_and_says_something() -> None:
    for row in ERRORS:
        assert row.source, row
        assert row.captured or row.alert is not None or row.verify is not None or row.says, row
        assert row.phrase or row.numbers, row
        assert not row.says.endswith("."), row


def test_there_are_as_many_rows_and_speakers_as_promised() -> None:
    assert len({row.phrase for row in ERRORS}) > 900
    assert len({row.speaker for row in ERRORS}) >= 25


def test_each_speaker_is_known() -> None:
    assert {row.speaker for row in ALL_TEXTS} <= {*SPEAKERS, ""}
    for speaker in SPEAKERS.values():
        assert set(speaker.on) <= set(SPEAKERS)


def is_plain(row: KnownText) -> bool:
    return bool(row.phrase) and not row.needs and not set("#*$@%^") & set(row.phrase)


def test_each_phrase_alone_is_found_as_what_it_says() -> None:
    meanings = defaultdict(list)
    for row in ERRORS:
        meanings[row.phrase.lower()].append(row)
    missing = []
    for row in filter(is_plain, ERRORS):
        if row.general:
            continue  # another phrase in it may say more
        found = explain_text(f"curl: {row.phrase}").found
        alerts = {finding.alert.number for finding in found if finding.alert}
        says = {finding.says for finding in found}
        if not found or (row.alert is not None and row.alert not in alerts):
            missing.append(row.phrase)
        elif row.says and not says & {same.says for same in meanings[row.phrase.lower()]}:
            missing.append(f"{row.phrase}: {says}")
    assert not missing


def test_no_number_has_two_meanings_in_one_count() -> None:
    numbers = [number for row in ERRORS for number in row.numbers]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("code", list(VerifyCode), ids=lambda code: code.name)
def test_the_words_of_verify_codes_are_openssls(code: VerifyCode) -> None:
    assert code.words in WORDS[code]
