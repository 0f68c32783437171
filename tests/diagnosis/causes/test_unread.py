"""Causes where a part could not be read or was not captured; see also test_ending.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.causes.unread import accepted_by_tls, accepted_unseen, cannot_be_told
from lab.diagnosis.results import Outcome, Result
from lab.tls.events import Endpoint, Gap, NotCaptured
from tests.support.events import CLIENT, SEALED, SERVER, TLS13, outcome_and_causes, stream_ended


@pytest.mark.parametrize(
    ("gap", "remedy"),
    [
        (Gap.START, "begin the capture before"),
        (Gap.MISSING, "larger buffer"),
        (Gap.SNAPPED, "whole packets"),
        (Gap.DIRECTION, "capture both directions"),
        (Gap.END, "until the connection has ended"),
    ],
)
@pytest.mark.parametrize("sender", list(Endpoint))
def test_each_gap_has_its_remedy(gap: Gap, remedy: str, sender: Endpoint) -> None:
    lack = NotCaptured(time=0.0, endpoint=sender, gap=gap)
    ends = [] if gap is Gap.END else [stream_ended(SERVER), stream_ended(CLIENT)]
    outcome, causes = outcome_and_causes([*TLS13, lack, *ends])
    assert [cause.code for cause in causes] == ["cannot-be-told"]
    assert remedy in causes[0].fix
    assert causes[0].evidence == (outcome.ground,)


def test_keys_are_not_asked_for_where_they_would_open_nothing() -> None:
    limit = "records of TLS 1.3 draft 19 are not opened here"
    outcome = Outcome(result=Result.ACCEPTED, ground="by its length")
    for limits, asked in ((["", limit], True), ([limit, limit], False)):
        events = [replace(SEALED, limit=one) for one in limits]
        causes = (
            accepted_unseen(events, outcome, "anything"),
            accepted_by_tls(events, outcome),
            cannot_be_told(events, outcome),
        )
        assert {"key log" in cause.fix for cause in causes} == {asked}
        assert limit in causes[0].evidence and limit in causes[1].evidence
