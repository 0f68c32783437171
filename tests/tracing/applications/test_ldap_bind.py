"""A bind by certificate against OpenLDAP."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.diagnosis.results import AnswerMeaning
from lab.tls.application_protocol import Application
from lab.tracing.applications.choice import SPEAKERS
from lab.tracing.applications.conversation import ApplicationRequest, ExchangeError
from tests.support.application_traces import both, said, traced
from tests.support.peers import VerifyMode
from tests.support.starttls_servers import CLIENT, slapd
from tests.tracing.applications.test_conversation import held

BOUND = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"


def test_a_certificate_is_the_login(slapd_port: int, certs: Path) -> None:
    refused, accepted = both(f"ldap://127.0.0.1:{slapd_port}", certs, version="1.2")
    assert refused.outcome.rejected and refused.outcome.answer is None
    assert said(accepted) == ("0 success", AnswerMeaning.ADMITTED)
    assert accepted.outcome.answer is not None
    assert accepted.outcome.answer.words == f"dn:cn={CLIENT}"


def test_who_has_none_is_served_as_nobody(certs: Path) -> None:
    with slapd(certs, ask=VerifyMode.OPTIONAL) as port:
        trace = traced(f"ldap://127.0.0.1:{port}", certs, version="1.2")
    assert said(trace) == ("7 authMethodNotSupported", AnswerMeaning.NEITHER)
    assert trace.outcome.answer is not None
    assert trace.outcome.answer.words.endswith("without a login it is served as nobody")


def test_a_bind_stands_where_the_server_does_not_tell_whose_it_is() -> None:
    conversation = SPEAKERS[Application.LDAP](ApplicationRequest(authority="x"))
    next(conversation)
    conversation.send(BOUND)
    with pytest.raises(StopIteration) as ended:
        conversation.throw(ExchangeError("closed"))
    answer, _ = ended.value.value
    assert (answer.code, answer.words) == ("0 success", "")


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x80",
        b"\x30\x03\x02\x01\x01",
        b"\x30\x05\x02\x01\x01\x61\x7f",
        b"\x30\x06\x02\x01\x01\x61\x80\x00",
        b"\x30\x0c\x02\x01\x01\x64\x07\x0a\x01\x00\x04\x00\x04\x00",
    ],
)
def test_what_is_no_bind_response(data: bytes) -> None:
    with pytest.raises(ExchangeError):
        held(SPEAKERS[Application.LDAP](ApplicationRequest(authority="x")), [data])


def test_who_may_not_be_nobody_is_told_as_what_it_is() -> None:
    no_method = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x07\x04\x00\x04\x00"
    refused = b"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x32\x04\x00\x04\x00"
    answer = held(
        SPEAKERS[Application.LDAP](ApplicationRequest(authority="x")), [no_method, refused]
    )
    assert answer is not None and answer.code == "50 insufficientAccessRights"
    assert "EXTERNAL" not in answer.asked
