"""What a row of the table of clients says."""

from __future__ import annotations

from lab.diagnosis.results import LaterAnswer, LaterClient
from lab.show.later_client_words import later_client_words


def test_a_row_says_how_it_answers_and_how_that_is_known() -> None:
    seen = LaterClient(
        name="one",
        post_handshake=LaterAnswer.IF_TOLD,
        renegotiation=LaterAnswer.NO,
        setting="--later",
        measured="one 1.0",
    )
    assert later_client_words(seen) == "one: with --later / no (one 1.0)"
    cited = LaterClient(
        name="two",
        post_handshake=LaterAnswer.YES,
        renegotiation=LaterAnswer.UNKNOWN,
        source="https://two.example",
    )
    assert later_client_words(cited) == "two: yes / not known here (not tried; https://two.example)"
