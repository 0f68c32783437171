"""The words above a picture."""

from __future__ import annotations

from dataclasses import replace

from lab.diagnosis.results import Outcome, Result
from lab.show.pictures.picture_words import ending, heading
from lab.tracing.results import Trace
from tests.support.traces import FLOW


def test_the_heading_names_the_connection_of_a_capture(refused13: Trace) -> None:
    assert heading(refused13) == "TLS 1.3, no client certificate"
    of_capture = heading(replace(refused13, flow=FLOW))
    assert of_capture == "Connection 3: [2001:db8::1]:50000 to 192.0.2.1:443"


def test_an_ending_has_its_signal_and_whether_it_is_inferred(refused13: Trace) -> None:
    refused = "rejected by the server, alert certificate_required (116)"
    assert ending(refused13.outcome) == refused
    assert ending(replace(refused13.outcome, ground="by its size")) == f"{refused} (inferred)"
    assert ending(Outcome(result=Result.ACCEPTED)) == "accepted"
    assert ending(Outcome(result=Result.UNKNOWN, ground="x")) == "cannot be told"
