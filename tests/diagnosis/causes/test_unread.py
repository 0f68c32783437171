"""Causes where a part could not be read or was not captured; see also test_ending.py."""

from __future__ import annotations

import pytest

from lab.tls.events import Endpoint, Gap, NotCaptured
from tests.support.events import CLIENT, SERVER, TLS13, outcome_and_causes, stream_ended


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
