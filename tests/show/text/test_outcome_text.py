"""The words for how a connection ended."""

from __future__ import annotations

import pytest

from lab.diagnosis.results import Outcome, Result, Signal
from lab.show.text.outcome_text import STYLES, ground_words, result_words, signal_words
from lab.tls.events import Endpoint


def test_an_outcome_without_an_end_that_caused_it() -> None:
    outcome = Outcome(result=Result.FAILED)
    assert result_words(outcome) == "failed: the handshake was not completed"
    assert signal_words(outcome) == "none"


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("result", Result)
def test_every_outcome_has_words_and_a_style(result: Result, signal: Signal) -> None:
    outcome = Outcome(result=result, by=Endpoint.SERVER, signal=signal)
    assert result_words(outcome)
    assert signal_words(outcome) or signal is Signal.ALERT
    assert STYLES[result]


def test_what_was_inferred_says_so_and_on_what_ground() -> None:
    inferred = Outcome(
        result=Result.REJECTED,
        by=Endpoint.SERVER,
        signal=Signal.UNREAD_ALERT,
        ground="only a record of an alert's size came",
    )
    assert result_words(inferred) == "rejected by the server"
    assert signal_words(inferred) == "an alert that cannot be read"
    assert ground_words(inferred) == "inferred: only a record of an alert's size came"
    assert ground_words(Outcome(result=Result.ACCEPTED)) == ""


def test_what_cannot_be_told_says_why() -> None:
    untold = Outcome(result=Result.UNKNOWN, ground="the capture ends before it")
    assert result_words(untold) == "cannot be told"
    assert ground_words(untold) == "the capture ends before it"
