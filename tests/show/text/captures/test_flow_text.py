"""The words for a connection of a capture: what was not seen is not denied."""

from __future__ import annotations

import dataclasses

import pytest

from lab.capture.results import Lack
from lab.diagnosis.results import Outcome, Result
from lab.show.text.captures.flow_text import (
    about_flow,
    client_certificate_words,
    flow_name,
    lack_words,
    server_name,
    utc,
    version_seen,
)
from lab.show.text.paper import Paper
from lab.show.text.trace_text import drawing
from lab.tls import messages as msg
from lab.tls.events import Event, Gap
from lab.tracing.results import Trace
from tests.support.traces import CLIENT, FLOW, SERVER, EventBuilder, trace_of

MAKE = EventBuilder()
REQUEST = msg.CertificateRequest()
EMPTY = msg.Certificate(certificate_list=())
FULL = msg.Certificate(certificate_list=(msg.CertificateEntry(cert_data=b"c"),))


def flow_trace(*events: Event, certificate: bytes | None = None) -> Trace:
    trace = trace_of(list(events) or [MAKE.ended(CLIENT)])
    return dataclasses.replace(trace, flow=FLOW, client_certificate=certificate)


def test_a_connection_is_named_by_its_number_and_ends() -> None:
    assert flow_name(FLOW) == "Connection 3: [2001:db8::1]:50000 to 192.0.2.1:443"


def test_times_are_in_utc_whatever_a_capture_claims() -> None:
    assert utc(1795990754.25) == "2026-11-29 22:19:14.250000"
    assert utc(1e18) == "1000000000000000000.000000 s since 1970"


def test_what_is_said_of_a_connection_as_a_whole() -> None:
    shown = dict(about_flow(flow_trace(), FLOW))
    assert shown["began"] == "2026-11-29 22:19:14.250000 UTC, 9 packets in 0.750 s"
    assert shown["before TLS"] == "SMTP STARTTLS"
    lacking = [value for label, value in about_flow(flow_trace(), FLOW) if label == "lacking"]
    assert lacking == [
        "1,460 bytes that the server sent: a segment is missing from the capture",
        "what the client sent after the end of the capture, if anything",
    ]
    nothing = Lack(sender=SERVER, gap=Gap.DIRECTION, octets=None)
    assert lack_words(nothing) == "all that the server sent"


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([MAKE.message(SERVER, REQUEST), MAKE.message(CLIENT, EMPTY)], "none"),
        ([MAKE.message(SERVER, msg.ServerHelloDone())], "not asked"),
        ([MAKE.message(SERVER, msg.Finished(verify_data=b""))], "not asked"),
        ([MAKE.message(SERVER, REQUEST), MAKE.message(SERVER, msg.ServerHelloDone())], "not known"),
        ([MAKE.sealed(SERVER), MAKE.sealed(CLIENT)], "not known"),
        (
            [MAKE.not_captured(SERVER, Gap.MISSING), MAKE.message(SERVER, msg.ServerHelloDone())],
            "not known",
        ),
        ([MAKE.message(CLIENT, FULL)], "not known"),
        (
            [dataclasses.replace(MAKE.sealed(CLIENT), inner_length=8)],
            "none, by the size of its first encrypted record",
        ),
        ([], "not known"),
    ],
)
def test_a_certificate_that_was_not_seen_is_not_denied(events: list[Event], words: str) -> None:
    assert client_certificate_words(flow_trace(*events)) == words


def test_the_subject_of_what_was_presented(accepted13: Trace) -> None:
    trace = flow_trace(certificate=accepted13.client_certificate)
    assert client_certificate_words(trace) == "CN=client"


def test_a_version_that_was_not_seen_is_not_denied(accepted13: Trace) -> None:
    assert version_seen(accepted13) == "TLS 1.3"
    assert version_seen(flow_trace()) == "no version seen"


def test_the_name_that_was_asked_for(accepted13: Trace) -> None:
    assert server_name(accepted13.events) == "localhost"
    assert server_name(flow_trace().events) == ""


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_picture_names_the_connection_and_its_gaps(refused13: Trace, width: int) -> None:
    gap = dataclasses.replace(MAKE.not_captured(SERVER, Gap.MISSING, 1460), time=refused13.start)
    trace = dataclasses.replace(refused13, flow=FLOW, events=(*refused13.events[:3], gap))
    lines = [line.plain for line in drawing(trace, Paper(width=width))]
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert lines[0].startswith("── Connection 3: [2001:db8::1]:50000 to 192.0.2.1:443 ─")
    assert "… 1,460 bytes not captured" in text
    assert "not observed" not in text


def test_the_picture_says_why_it_cannot_be_told() -> None:
    untold = Outcome(result=Result.UNKNOWN, ground="the capture ends before the verdict")
    trace = dataclasses.replace(flow_trace(), outcome=untold)
    lines = [line.plain for line in drawing(trace, Paper())]
    assert "? cannot be told" in lines
    assert "  why         the capture ends before the verdict" in lines
