"""SMTP against Postfix, LMTP against Dovecot, and both without a connection."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.diagnosis.results import AnswerMeaning
from lab.tls.application_protocol import Application
from lab.tracing.applications.choice import SPEAKERS
from lab.tracing.applications.conversation import ApplicationRequest
from tests.support.application_traces import both, said, traced
from tests.tracing.applications.test_conversation import held


@pytest.mark.slow
def test_postfix_greets_who_has_a_certificate(postfix_port: int, certs: Path) -> None:
    refused, greeted = both(f"smtp://127.0.0.1:{postfix_port}", certs)
    assert said(refused) == ("421", AnswerMeaning.REFUSED)
    assert refused.causes[0].code == "mail-wants-certificate"
    assert not refused.outcome.exception
    assert said(greeted) == ("250", AnswerMeaning.NEITHER)
    assert "application-answer-open" in [cause.code for cause in greeted.causes]


@pytest.mark.slow
def test_lmtp_takes_mail_of_anybody(dovecot_ports: dict[str, int], certs: Path) -> None:
    trace = traced(f"lmtp://127.0.0.1:{dovecot_ports['lmtp']}/user@example.org", certs)
    assert said(trace) == ("250", AnswerMeaning.ADMITTED)
    assert trace.outcome.answer is not None
    assert trace.outcome.answer.asked == "RCPT TO:<user@example.org>"


@pytest.mark.parametrize(
    ("path", "came", "asked", "code"),
    [
        ("/", ["554 no"], "the connection", "554"),
        ("/", ["220 hi", "502 what?"], "EHLO", "502"),
        ("/", ["220 hi", "250-hi\r\n250 AUTH PLAIN", ""], "EHLO", "250"),
        ("/", ["220 hi", "250-hi\r\n250 AUTH PLAIN EXTERNAL", "235 in"], "AUTH EXTERNAL", "235"),
        ("/", ["220 hi", "250 AUTH EXTERNAL", "334 ", "535 no"], "AUTH EXTERNAL", "535"),
        ("/a@b", ["220 hi", "250 hi", "530 no"], "MAIL FROM:<>", "530"),
        ("/a@b", ["220 hi", "250 hi", "250 ok", "554 relay"], "RCPT TO:<a@b>", "554"),
    ],
)
def test_what_is_asked(path: str, came: list[str], asked: str, code: str) -> None:
    request = ApplicationRequest(authority="localhost:25", path=path)
    lines = [f"{line}\r\n".encode() for line in came if line]
    answer = held(SPEAKERS[Application.SMTP](request), lines)
    assert answer is not None and (answer.asked, answer.code) == (asked, code)


def test_no_greeting_is_waited_for_behind_starttls() -> None:
    request = ApplicationRequest(authority="localhost:25", greeted=True)
    conversation = SPEAKERS[Application.SMTP](request)
    assert next(conversation).startswith(b"EHLO ")


@pytest.mark.parametrize(("user", "sent"), [("", b"="), ("joe", b"am9l")])
def test_who_is_named_is_whom_the_certificate_is_to_log_in(user: str, sent: bytes) -> None:
    request = ApplicationRequest(authority="localhost:25", user=user, greeted=True)
    conversation = SPEAKERS[Application.SMTP](request)
    next(conversation)
    assert conversation.send(b"250 AUTH EXTERNAL\r\n") == b"AUTH EXTERNAL " + sent + b"\r\n"
