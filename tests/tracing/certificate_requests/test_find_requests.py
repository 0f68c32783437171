"""Requests found in traces: when they came, what the client did, or why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab.api import LabCA, LabServer, Trace, read_capture, trace_server
from lab.tls.code_points import HandshakeType, ProtocolVersion
from lab.tls.events import Endpoint, Malformed, MessageSeen, Undecoded
from lab.tls.extensions import SelectedPsk
from lab.tls.messages import (
    Certificate,
    CertificateRequest,
    Finished,
    HandshakeMessage,
    HelloRequest,
    ServerHelloDone,
)
from lab.tracing.certificate_requests.find_requests import (
    MOST_OF_CONNECTION,
    asked_connection,
    lack_among,
    requests_among,
)
from lab.tracing.certificate_requests.results import (
    AskedConnection,
    ClientAnswer,
    NoRequest,
    RequestTime,
)
from tests.support.events import client_hello, server_hello
from tests.support.post_handshake_server import post_handshake_server

CAPTURES = Path(__file__).parents[2] / "vectors" / "captures"
NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
CA = LabCA()
CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER


def found(traces: Sequence[Trace]) -> list[AskedConnection]:
    return [asked_connection(trace, NOW) for trace in traces]


def sole(connection: AskedConnection) -> tuple[RequestTime, ClientAnswer]:
    (request,) = connection.requests
    assert connection.lack is None
    return request.time, request.answer


@pytest.mark.parametrize("has_certificate", [False, True])
def test_a_request_in_the_handshake_and_its_answer(has_certificate: bool) -> None:
    with LabServer(trust=CA) as server:
        traces = trace_server(server, identity=CA.client() if has_certificate else None)
    answer = ClientAnswer.CERTIFICATE if has_certificate else ClientAnswer.EMPTY
    for connection, version in zip(found(traces), ("TLS 1.2", "TLS 1.3"), strict=True):
        assert sole(connection) == (RequestTime.IN_HANDSHAKE, answer)
        assert (str(connection.version), connection.number) == (version, None)
        assert connection.began == NOW


def test_a_request_after_the_handshake(certs: Path) -> None:
    with post_handshake_server(certs) as port:
        later, none = (
            trace_server(f"127.0.0.1:{port}", verify=False, versions=["1.3"], request=path)
            for path in ("/private", "/")
        )
    assert sole(*found(later)) == (RequestTime.AFTER_HANDSHAKE, ClientAnswer.EMPTY)
    (connection,) = found(none)
    assert (connection.lack, connection.detail) == (NoRequest.NOT_ASKED, "")


def test_a_server_that_asks_for_none_and_one_of_another_version(certs: Path) -> None:
    with LabServer(trust=CA, client_auth="none") as server:
        assert {each.lack for each in found(trace_server(server))} == {NoRequest.NOT_ASKED}
    with post_handshake_server(certs) as port:
        traces = trace_server(f"127.0.0.1:{port}", verify=False, versions=["1.2"])
    (connection,) = found(traces)
    assert connection.lack is NoRequest.ENDED_BEFORE
    assert connection.detail == traces[0].causes[0].summary
    assert str(connection.version) == "TLS 1.2"


def test_a_capture_with_and_without_its_secrets(tmp_path: Path) -> None:
    """In TLS 1.2 the request is in the clear; in TLS 1.3 whether there was one is not."""
    path = tmp_path / "seen.pcapng"
    with LabServer(trust=CA) as server:
        trace_server(server, pcapng=path, sni="localhost")
    opened = found(list(read_capture(path)))
    assert [sole(each)[1] for each in opened] == [ClientAnswer.EMPTY] * 2
    assert [each.number for each in opened] == [1, 2]
    assert all(each.began != NOW and each.began.tzinfo for each in opened)
    stripped = path.read_bytes().replace(b"CLIENT_", b"CLIENT-").replace(b"SERVER_", b"SERVER-")
    path.write_bytes(stripped)
    older, newer = found(list(read_capture(path)))
    assert sole(older)[1] is ClientAnswer.EMPTY
    assert (newer.requests, newer.lack) == ((), NoRequest.SEALED)


def test_a_resumed_session() -> None:
    """Whatever the version: no certificate is asked for in its handshake."""
    with LabServer(trust=CA) as server:
        (trace,) = trace_server(server, versions=["1.2"])
    older = (
        client_hello(session_id=b"s"),
        server_hello(ProtocolVersion.TLS_1_2, session_id=b"s"),
    )
    newer = (
        client_hello(),
        server_hello(ProtocolVersion.TLS_1_3, SelectedPsk(selected_identity=0)),
    )
    for events in (older, newer):
        (connection,) = found([dataclasses.replace(trace, events=events)])
        assert connection.lack is NoRequest.RESUMED


def test_a_request_that_was_not_decoded() -> None:
    with LabServer(trust=CA) as server:
        (trace,) = trace_server(server, versions=["1.2"])
    request = next(
        event
        for event in trace.events
        if isinstance(event, MessageSeen) and isinstance(event.message, CertificateRequest)
    )
    others = tuple(event for event in trace.events if event is not request)
    undecoded = Undecoded(
        time=request.time,
        endpoint=SERVER,
        records=(),
        where="CertificateRequest.certificate_authorities",
        limit="more than 9 items",
        message=HandshakeType.CERTIFICATE_REQUEST,
    )
    malformed = Malformed(
        time=0.0, endpoint=SERVER, offset=9, where="CertificateRequest", problem="ends early"
    )
    for event in (undecoded, malformed):
        (connection,) = found([dataclasses.replace(trace, events=(*others, event))])
        assert connection.lack is NoRequest.NOT_DECODED
        assert connection.detail.startswith("CertificateRequest")


def test_what_of_a_capture_is_told_otherwise_than_it_seems() -> None:
    """A raw public key is no certificate; no key opens a beginning that is missing."""
    asked, late = (
        found(list(read_capture(CAPTURES / f"{name}.pcap")))
        for name in ("tls13_rpk_refused", "tls12_start_missed")
    )
    assert [sole(each)[1] for each in asked] == [ClientAnswer.RAW_KEY]
    assert [each.lack for each in late] == [NoRequest.NOT_CAPTURED]


def test_a_renegotiation_that_did_not_come_about_is_told() -> None:
    """As of clients that refuse it: Apache asks for a certificate only there."""
    handshake = [(SERVER, ServerHelloDone()), (SERVER, Finished(verify_data=b""))]
    again = [*handshake, (SERVER, HelloRequest())]
    for messages, words in ((handshake, ""), (again, "it then asked for a renegotiation")):
        found = lack_among(messages, tls13=False, sealed=False, missing=False)
        assert found is not None and found[0] is NoRequest.NOT_ASKED
        assert found[1].startswith(words) and bool(found[1]) is bool(words)


def certificate(context: bytes = b"") -> Certificate:
    return Certificate(certificate_request_context=context, certificate_list=())


def test_each_request_has_the_answer_to_it() -> None:
    """After a handshake several may be open at once (RFC 9846 section 4.7.2)."""
    first, second = (CertificateRequest(certificate_request_context=each) for each in (b"1", b"2"))
    messages: list[tuple[Endpoint, HandshakeMessage]] = [
        (SERVER, Finished(verify_data=b"")),
        (SERVER, first),
        (SERVER, second),
        (CLIENT, certificate(b"2")),
    ]
    requests = requests_among(messages, tls13=True)
    assert [each.answer for each in requests] == [ClientAnswer.UNSEEN, ClientAnswer.EMPTY]
    assert {each.time for each in requests} == {RequestTime.AFTER_HANDSHAKE}
    (again, *_) = requests_among(messages, tls13=False)
    assert again.time is RequestTime.RENEGOTIATION


def test_a_server_that_asks_again_and_again_fills_no_memory() -> None:
    messages = [(SERVER, CertificateRequest())] * 1000
    assert len(requests_among(messages, tls13=True)) == MOST_OF_CONNECTION
