"""Who got in, for all that may end a connection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.results import Outcome, Result, Signal
from lab.probing.resumption.session_admission import got_in
from lab.tls.events import Endpoint
from tests.support.scenario_traces import ACCEPTED, rejected_by_alert, rejected_by_server


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (ACCEPTED, True),
        (replace(ACCEPTED, http_status=None), True),
        (replace(ACCEPTED, http_status=404), True),
        (replace(ACCEPTED, http_status=421), False),
        (replace(ACCEPTED, http_status=502), None),
        (rejected_by_server(Signal.HTTP_STATUS, 403), False),
        (rejected_by_alert(48), False),
        (Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.FIN), False),
        (Outcome(result=Result.FAILED, by=Endpoint.SERVER, signal=Signal.TIME_OUT), None),
        (Outcome(result=Result.REJECTED, by=Endpoint.CLIENT, signal=Signal.ALERT), None),
    ],
)
def test_who_got_in(outcome: Outcome, expected: bool | None) -> None:
    assert got_in(outcome) is expected
