"""The login of MySQL against MariaDB."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.diagnosis.results import AnswerMeaning
from lab.tls.application_protocol import Application
from lab.tracing.applications.choice import SPEAKERS
from lab.tracing.applications.conversation import ApplicationRequest
from lab.tracing.preludes.starttls_databases import MYSQL_SSL
from tests.support.application_traces import both, said, traced
from tests.support.starttls_servers import CLIENT, NO_CERTIFICATE_USER
from tests.tracing.applications.test_conversation import held


@pytest.mark.slow
def test_a_user_who_must_have_a_certificate(mariadb_port: int, certs: Path) -> None:
    refused, accepted = both(f"mysql://{CLIENT}@127.0.0.1:{mariadb_port}", certs)
    assert said(refused) == ("1045", AnswerMeaning.REFUSED)
    assert refused.causes[0].code == "mysql-access-denied"
    assert "REQUIRE X509" in refused.causes[0].summary
    assert said(accepted) == ("OK", AnswerMeaning.ADMITTED)


@pytest.mark.slow
def test_a_user_who_need_not(mariadb_port: int, certs: Path) -> None:
    trace = traced(f"mysql://{NO_CERTIFICATE_USER}@127.0.0.1:{mariadb_port}", certs)
    assert said(trace) == ("OK", AnswerMeaning.ADMITTED)
    assert trace.causes[0].code == "certificate-optional"
    assert "answered MySQL OK" in " ".join(trace.causes[0].evidence)


@pytest.mark.slow
def test_a_user_whom_nobody_knows(mariadb_port: int, certs: Path) -> None:
    trace = traced(f"mysql://127.0.0.1:{mariadb_port}", certs, version="1.2")
    assert said(trace)[1] in (AnswerMeaning.REFUSED, AnswerMeaning.ADMITTED)


def test_a_greeting_may_come_inside_tls() -> None:
    conversation = SPEAKERS[Application.MYSQL](ApplicationRequest(authority="x", user="joe"))
    assert next(conversation) == b""
    login = conversation.send(packet(0, b"\x0a11.4\0"))
    assert login[3] == 1 and not int.from_bytes(login[4:8], "little") & MYSQL_SSL
    with pytest.raises(StopIteration) as ended:
        conversation.send(packet(2, b"\0"))
    assert ended.value.value[0].code == "OK"


def test_a_server_may_refuse_instead_of_greeting() -> None:
    request = ApplicationRequest(authority="x")
    answer = held(SPEAKERS[Application.MYSQL](request), [packet(0, b"\xff\x6a\x04not from here")])
    assert answer is not None
    assert (answer.asked, answer.code) == ("the connection", "1130")


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes((number,)) + body
