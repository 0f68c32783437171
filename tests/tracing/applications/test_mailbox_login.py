"""IMAP and POP3 against Dovecot."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.api import LabCA
from lab.diagnosis.results import AnswerMeaning
from lab.tls.application_protocol import Application
from lab.tracing.applications.choice import SPEAKERS
from lab.tracing.applications.conversation import ApplicationRequest, ExchangeError
from tests.support.application_traces import both, said, traced
from tests.support.peers import VerifyMode
from tests.support.starttls_servers import dovecot
from tests.tracing.applications.test_conversation import held

NO_CERTIFICATE = "Client didn't present valid SSL certificate"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["imap", "imaps", "pop3"])
def test_a_certificate_is_the_login(
    dovecot_ports: dict[str, int], certs: Path, scheme: str
) -> None:
    refused, accepted = both(f"{scheme}://127.0.0.1:{dovecot_ports[scheme]}", certs)
    assert said(refused)[1] is AnswerMeaning.REFUSED
    assert refused.outcome.answer is not None and NO_CERTIFICATE in refused.outcome.answer.words
    assert refused.causes[0].code == "mailbox-wants-certificate"
    assert said(accepted) == ("+OK" if scheme == "pop3" else "OK", AnswerMeaning.ADMITTED)


@pytest.mark.slow
def test_a_certificate_that_has_expired_is_no_login(
    dovecot_ports: dict[str, int], certs: Path
) -> None:
    expired = LabCA.load(certs / "ca.crt", certs / "ca.key").client(scenario="expired")
    trace = traced(f"imap://127.0.0.1:{dovecot_ports['imap']}", certs, identity=expired)
    assert said(trace)[1] is AnswerMeaning.REFUSED
    assert [cause.code for cause in trace.causes] == [
        "client-certificate-expired",
        "application-distrusts-certificate",
    ]


@pytest.mark.slow
def test_who_has_none_may_log_in_otherwise(certs: Path) -> None:
    with dovecot(certs, ask=VerifyMode.OPTIONAL) as ports:
        for scheme in ("imap", "pop3"):
            trace = traced(f"{scheme}://127.0.0.1:{ports[scheme]}", certs)
            assert said(trace) == ("+", AnswerMeaning.ASKS)
            assert [cause.code for cause in trace.causes] == [
                "certificate-optional",
                "application-asks-for-login",
            ]


CAPABILITIES = b"* CAPABILITY IMAP4rev1 AUTH=EXTERNAL AUTH=PLAIN\r\na1 OK done\r\n"


@pytest.mark.parametrize(
    ("came", "code", "asked"),
    [
        ([b"* BYE too many\r\n"], "BYE", "the connection"),
        ([b"* PREAUTH hello\r\n"], "PREAUTH", "the connection"),
        ([b"* OK hi\r\n", b"* CAPABILITY X\r\na1 OK done\r\n"], "OK", "CAPABILITY"),
        ([b"* OK hi\r\n", b"a1 BAD what?\r\n"], "BAD", "CAPABILITY"),
        (
            [b"* OK hi\r\n", b"* CAPABILITY LOGINDISABLED\r\na1 OK done\r\n"],
            "LOGINDISABLED",
            "CAPABILITY",
        ),
        ([b"* OK hi\r\n", CAPABILITIES, b"+ \r\n", b"a-external OK in\r\n"], "OK", "EXTERNAL"),
        ([b"* OK hi\r\n", CAPABILITIES, b"a-external NO\r\n", b"+ \r\n"], "+", "PLAIN"),
    ],
)
def test_imap(came: list[bytes], code: str, asked: str) -> None:
    answer = held(SPEAKERS[Application.IMAP](ApplicationRequest(authority="localhost:1")), came)
    assert answer is not None and answer.code == code and answer.asked.endswith(asked)


@pytest.mark.parametrize("application", [Application.IMAP, Application.POP3])
def test_a_server_that_closes_behind_its_refusal(application: Application) -> None:
    """Nothing comes of the second login: the answer to the first one stands."""
    conversation = SPEAKERS[application](ApplicationRequest(authority="x", greeted=True))
    next(conversation)
    if application is Application.IMAP:
        conversation.send(CAPABILITIES)
        assert conversation.send(b"a-external NO never\r\n") == b"a-plain AUTHENTICATE PLAIN\r\n"
    else:
        conversation.send(b"+OK\r\nSASL EXTERNAL PLAIN\r\n.\r\n")
        assert conversation.send(b"-ERR never\r\n") == b"AUTH PLAIN\r\n"
    with pytest.raises(StopIteration) as ended:
        conversation.throw(ExchangeError("closed"))
    answer, farewell = ended.value.value
    assert answer.words == "never" and farewell == b""
