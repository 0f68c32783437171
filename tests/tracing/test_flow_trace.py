"""A connection between two others is observed from its bytes, and explained."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.capture.results import Address, Flow
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import ApplicationDataSeen, Endpoint, MessageSeen, SealedSeen, StreamEnd
from lab.tls.messages import Certificate
from lab.tracing.flow_trace import FlowTrace
from lab.tracing.results import Trace
from tests.support.connections import KINDS, connect
from tests.support.harness import Identities

NOW = 1_790_000_000.0
FLOW = Flow(
    number=3,
    client=Address("2001:db8::1", 50000),
    server=Address("2001:db8::2", 443),
    first=NOW,
    last=NOW + 1,
    packets=9,
)


def observed(
    kind: str, identities: Identities, folder: Path, *, secrets: str, flow: Flow = FLOW
) -> Trace:
    """Trace a recorded connection whose secrets come before its bytes, after them, or never."""
    recording = connect(KINDS[kind], identities, folder)
    connection = FlowTrace(secrets_follow=secrets == "after")
    if secrets == "before":
        connection.learn(recording.key_log)
    for number, (sender, data) in enumerate(recording.pieces):
        connection.feed(sender, data, NOW + number / 1000)
    if secrets == "after":
        connection.learn(recording.key_log)
    connection.end(Endpoint.SERVER, StreamEnd.FIN, NOW + 1)
    connection.end(Endpoint.CLIENT, StreamEnd.FIN, NOW + 1)
    connection.finish(NOW + 1)
    trace = connection.trace(flow)
    assert trace is not None
    return trace


@pytest.mark.parametrize("secrets", ["before", "after"])
@pytest.mark.parametrize("kind", ["1.2 accepted", "1.3 accepted"])
def test_with_its_secrets_a_connection_is_told_as_a_live_one(
    kind: str, secrets: str, identities: Identities, tmp_path: Path
) -> None:
    trace = observed(kind, identities, tmp_path, secrets=secrets)
    assert trace.outcome.accepted
    assert trace.target == "[2001:db8::2]:443"
    assert trace.flow == FLOW
    assert trace.start == NOW
    shown = [
        event.message.certificate_list[0].cert_data
        for event in trace.events
        if isinstance(event, MessageSeen)
        and isinstance(event.message, Certificate)
        and event.endpoint is Endpoint.CLIENT
    ]
    assert [trace.client_certificate] == shown
    assert any(isinstance(event, ApplicationDataSeen) for event in trace.events)
    assert not any(isinstance(event, SealedSeen) for event in trace.events)
    assert not trace.both_ends


def test_a_refused_client_is_told_with_the_cause(identities: Identities, tmp_path: Path) -> None:
    trace = observed("1.3 no certificate", identities, tmp_path, secrets="before")
    assert trace.outcome.rejected
    assert trace.client_certificate is None
    assert trace.negotiated_version == ProtocolVersion.TLS_1_3
    assert "no-client-certificate" in {cause.code for cause in trace.causes}


def test_without_secrets_nothing_waits_and_what_is_protected_stays_so(
    identities: Identities, tmp_path: Path
) -> None:
    trace = observed("1.3 accepted", identities, tmp_path, secrets="never")
    assert any(isinstance(event, SealedSeen) for event in trace.events)
    assert trace.client_certificate is None


@pytest.mark.parametrize(
    ("year", "problems"),
    [
        (2071, {"client-certificate-expired"}),
        (2001, set()),  # before both ends' certificates begin: the clock of the capture is wrong
    ],
)
def test_certificates_are_judged_by_the_time_of_the_connection(
    year: int, problems: set[str], identities: Identities, tmp_path: Path
) -> None:
    time = datetime(year, 1, 1, tzinfo=timezone.utc)
    flow = replace(FLOW, first=time.timestamp())
    trace = observed("1.2 wrong CA", identities, tmp_path, secrets="before", flow=flow)
    codes = {cause.code for cause in trace.causes}
    of_time = {"client-certificate-expired", "client-certificate-not-yet-valid"}
    assert codes & of_time == problems
    assert "client-ca-not-trusted" in codes


def test_without_an_event_there_is_nothing_to_trace() -> None:
    flow = FlowTrace()
    flow.finish(NOW)
    assert flow.trace(FLOW) is None
