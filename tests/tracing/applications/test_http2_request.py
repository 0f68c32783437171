"""HTTP/2 against nginx and Caddy, and gRPC's health check against gRPC's own server."""

from __future__ import annotations

from pathlib import Path

import h2.config
import h2.connection
import h2.errors
import pytest

from lab.api import Signal
from lab.diagnosis.results import AnswerMeaning
from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tracing.applications.choice import SPEAKERS
from lab.tracing.applications.conversation import ApplicationRequest
from tests.support.application_servers import (
    grpc_health,
    grpc_of_identities,
    nginx_h2,
    nginx_h2_once,
)
from tests.support.application_traces import both, client, said, traced
from tests.support.late_apache import PRIVATE, late_apache
from tests.support.more_peers import caddy
from tests.support.peers import VerifyMode, served_by
from tests.tracing.applications.test_conversation import held


def test_nginx(certs: Path, tmp_path: Path) -> None:
    with served_by(nginx_h2, certs, tmp_path) as port:
        refused, accepted = both(f"https://127.0.0.1:{port}", certs, after="http2")
        elsewhere = traced(
            f"https://127.0.0.1:{port}",
            certs,
            identity=client(certs),
            alpn=["h2", "http/1.1"],
            sni="other.example",
            verify=False,
        )
    assert (refused.outcome.http_status, refused.outcome.signal) == (400, Signal.HTTP_STATUS)
    assert refused.causes[0].code == "http-wants-certificate"
    assert accepted.outcome.accepted and accepted.outcome.http_status == 200
    assert accepted.outcome.answer is None
    assert elsewhere.outcome.http_status == 421
    assert elsewhere.causes[0].code == "http-wrong-host"
    assert "coalescing" in elsewhere.causes[0].fix


def test_caddy(certs: Path, tmp_path: Path) -> None:
    with served_by(caddy, certs, tmp_path) as port:
        refused, accepted = both(f"https://127.0.0.1:{port}", certs, alpn=["h2"])
    assert refused.outcome.alert is not None
    assert accepted.outcome.http_status == 200


def test_apache_that_would_ask_for_a_certificate_after_the_request(
    certs: Path, tmp_path: Path
) -> None:
    with late_apache(certs, tmp_path) as port:
        trace = traced(
            f"https://127.0.0.1:{port}{PRIVATE}", certs, identity=client(certs), after="http2"
        )
    assert said(trace) == ("RST_STREAM HTTP_1_1_REQUIRED", AnswerMeaning.NEITHER)
    assert [cause.code for cause in trace.causes] == ["not-mutual", "http2-not-taken"]


@pytest.mark.slow
def test_grpc(certs: Path, tmp_path: Path) -> None:
    with served_by(grpc_health, certs, tmp_path) as port:
        refused, accepted = both(f"grpcs://127.0.0.1:{port}", certs)
    assert refused.outcome.rejected and refused.outcome.answer is None
    assert said(accepted) == ("0 OK", AnswerMeaning.ADMITTED)
    assert accepted.outcome.answer is not None and accepted.outcome.answer.words == "SERVING"


@pytest.mark.slow
def test_grpc_that_refuses_the_call(certs: Path, tmp_path: Path) -> None:
    with served_by(grpc_of_identities, certs, tmp_path, ask=VerifyMode.OPTIONAL) as port:
        trace = traced(f"grpcs://127.0.0.1:{port}", certs)
    assert said(trace) == ("16 UNAUTHENTICATED", AnswerMeaning.REFUSED)
    assert trace.causes[0].code == "grpc-refuses-client"


@pytest.mark.slow
def test_grpc_of_a_server_of_http_alone(certs: Path, tmp_path: Path) -> None:
    with served_by(nginx_h2, certs, tmp_path) as port:
        refused, odd = both(f"grpcs://127.0.0.1:{port}", certs)
    assert refused.outcome.http_status == 400
    assert odd.outcome.http_status is not None  # and no grpc-status


def answered(application: Application, answer: str) -> ApplicationAnswer:
    """What the client makes of a server that answers by ``answer`` of the library."""
    conversation = SPEAKERS[application](ApplicationRequest(authority="localhost:443", path="/x"))
    config = h2.config.H2Configuration(client_side=False)
    server = h2.connection.H2Connection(config)
    server.initiate_connection()
    server.receive_data(next(conversation))
    if answer == "goaway":
        server.close_connection(h2.errors.ErrorCodes.HTTP_1_1_REQUIRED)
    elif answer == "reset":
        server.reset_stream(1, h2.errors.ErrorCodes.HTTP_1_1_REQUIRED)
    else:
        server.send_headers(1, [(":status", "200")])
        trailers = [("grpc-status", answer), ("grpc-message", "because")]
        server.send_headers(1, trailers, end_stream=True)
    with pytest.raises(StopIteration) as ended:
        conversation.send(server.data_to_send())
    found, farewell = ended.value.value
    assert isinstance(found, ApplicationAnswer) and isinstance(farewell, bytes)
    return found


@pytest.mark.parametrize(
    ("application", "answer", "code"),
    [
        (Application.HTTP2, "goaway", "GOAWAY HTTP_1_1_REQUIRED"),
        (Application.HTTP2, "reset", "RST_STREAM HTTP_1_1_REQUIRED"),
        (Application.GRPC, "reset", "RST_STREAM HTTP_1_1_REQUIRED"),
        (Application.GRPC, "7", "7 PERMISSION_DENIED"),
        (Application.GRPC, "12", "12 UNIMPLEMENTED"),
        (Application.GRPC, "99", "99"),
        (Application.GRPC, "seven", "200"),
    ],
)
def test_what_is_told(application: Application, answer: str, code: str) -> None:
    assert answered(application, answer).code == code


SETTINGS, STATUS_200 = b"\0\0\0\x04\0\0\0\0\0", b"\0\0\x01\x01\x05\0\0\0\x01\x88"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_goaway_before_the_answer_takes_nothing_from_it(size: int) -> None:
    goaway = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0"
    data = SETTINGS + goaway + STATUS_200
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    answer = held(SPEAKERS[Application.HTTP2](ApplicationRequest(authority="x")), pieces)
    assert answer is not None and answer.code == "200"


def test_a_goaway_that_answers_nothing_is_the_answer() -> None:
    goaway = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0"
    answer = held(
        SPEAKERS[Application.HTTP2](ApplicationRequest(authority="x")), [SETTINGS + goaway]
    )
    assert answer is not None and answer.code == "GOAWAY NO_ERROR"


def test_nginx_announces_the_end_of_a_connection_before_its_answer(
    certs: Path, tmp_path: Path
) -> None:
    with served_by(nginx_h2_once, certs, tmp_path) as port:
        trace = traced(f"https://127.0.0.1:{port}", certs, identity=client(certs), after="http2")
    assert trace.outcome.http_status == 200
