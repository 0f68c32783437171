"""What answers of applications mean for the client, and what the judge makes of them."""

from __future__ import annotations

from collections import defaultdict

import pytest

from lab.diagnosis.application_answers import meaning_of
from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import AnswerMeaning, Result, Signal
from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tls.events import ApplicationDataSeen, Endpoint, Event, Fact, LocalFact

IN, OUT = AnswerMeaning.ADMITTED, AnswerMeaning.REFUSED
ASKS, NEITHER = AnswerMeaning.ASKS, AnswerMeaning.NEITHER
# What a refusal is the answer to, where its cause depends on that.
ASKED = defaultdict(
    lambda: "RCPT TO:<a>",
    {
        Application.IMAP: "AUTHENTICATE EXTERNAL",
        Application.POP3: "AUTH EXTERNAL",
        Application.LDAP: "SASL EXTERNAL bind",
    },
)


@pytest.mark.parametrize(
    ("application", "asked", "code", "meaning"),
    [
        (Application.POSTGRES, "StartupMessage", "AuthenticationOk", IN),
        (Application.POSTGRES, "StartupMessage", "28000", OUT),
        (Application.POSTGRES, "StartupMessage", "AuthenticationSASL", ASKS),
        (Application.POSTGRES, "StartupMessage", "3D000", NEITHER),  # no such database
        (Application.POSTGRES, "StartupMessage", "57P03", NEITHER),  # starting up
        (Application.MYSQL, "login", "OK", IN),
        (Application.MYSQL, "login", "1045", OUT),
        (Application.MYSQL, "login", "1698", OUT),
        (Application.MYSQL, "login", "1040", NEITHER),  # too many connections
        (Application.MYSQL, "login", "AuthMoreData", ASKS),
        (Application.SMTP, "the connection", "554", OUT),
        (Application.SMTP, "the connection", "421", NEITHER),
        (Application.SMTP, "EHLO", "250", NEITHER),  # everybody is greeted
        (Application.SMTP, "AUTH EXTERNAL", "235", IN),
        (Application.SMTP, "AUTH EXTERNAL", "535", OUT),
        (Application.SMTP, "RCPT TO:<a@example.org>", "250", IN),
        (Application.LMTP, "RCPT TO:<a@example.org>", "550", OUT),
        (Application.SMTP, "RCPT TO:<a@example.org>", "451", NEITHER),
        (Application.IMAP, "CAPABILITY", "OK", NEITHER),
        (Application.IMAP, "CAPABILITY", "LOGINDISABLED", NEITHER),
        (Application.IMAP, "AUTHENTICATE EXTERNAL", "OK", IN),
        (Application.IMAP, "AUTHENTICATE EXTERNAL", "NO", OUT),
        (Application.IMAP, "AUTHENTICATE PLAIN", "+", ASKS),
        (Application.IMAP, "the connection", "PREAUTH", IN),
        (Application.IMAP, "the connection", "BYE", NEITHER),
        (Application.POP3, "CAPA", "+OK", NEITHER),
        (Application.POP3, "AUTH EXTERNAL", "+OK", IN),
        (Application.POP3, "AUTH PLAIN", "-ERR", OUT),
        (Application.POP3, "AUTH PLAIN", "+", ASKS),
        (Application.LDAP, "SASL EXTERNAL bind", "0 success", IN),
        (Application.LDAP, "SASL EXTERNAL bind", "49 invalidCredentials", OUT),
        (Application.LDAP, "SASL EXTERNAL bind", "8 strongerAuthRequired", ASKS),
        (Application.LDAP, "SASL EXTERNAL bind", "7 authMethodNotSupported", NEITHER),
        (Application.MQTT, "CONNECT", "0", IN),
        (Application.MQTT, "CONNECT", "5", OUT),
        (Application.MQTT, "CONNECT", "1", NEITHER),
        (Application.REDIS, "PING", "PONG", IN),
        (Application.REDIS, "PING", "NOAUTH", ASKS),
        (Application.REDIS, "PING", "NOPERM", OUT),
        (Application.REDIS, "PING", "LOADING", NEITHER),
        (Application.GRPC, "POST /x", "0 OK", IN),
        (Application.GRPC, "POST /x", "16 UNAUTHENTICATED", OUT),
        (Application.GRPC, "POST /x", "12 UNIMPLEMENTED", NEITHER),
        (Application.HTTP2, "GET /", "200", IN),
        (Application.HTTP2, "GET /", "421", OUT),
        (Application.HTTP2, "GET /", "RST_STREAM HTTP_1_1_REQUIRED", NEITHER),
        *((application, "", "", NEITHER) for application in Application),
    ],
)
def test_meanings(application: Application, asked: str, code: str, meaning: AnswerMeaning) -> None:
    answer = ApplicationAnswer(application=application, asked=asked, code=code, words="x")
    assert meaning_of(answer) is meaning


@pytest.mark.parametrize(
    ("asked", "code", "words", "meaning"),
    [
        ("RCPT TO:<a@b>", "550", "5.1.1 <a@b>: User unknown", NEITHER),
        ("RCPT TO:<a@b>", "552", "5.2.2 mailbox full", NEITHER),
        ("RCPT TO:<a b>", "501", "bad address syntax", NEITHER),
        ("EHLO", "502", "what?", NEITHER),
        ("AUTH EXTERNAL", "504", "5.5.4 not known", NEITHER),
        ("MAIL FROM:<>", "530", "5.7.0 Authentication required", ASKS),
        ("RCPT TO:<a@b>", "554", "5.7.1 <a@b>: Relay access denied", OUT),
        ("RCPT TO:<a@b>", "454", "4.7.1 <a@b>: Relay access denied", OUT),
        ("RCPT TO:<a@b>", "450", "4.7.1 <a@b>: Recipient rejected: greylisted", NEITHER),
        ("RCPT TO:<a@b>", "550", "5.7.1 not you", OUT),
        ("RCPT TO:<a@b>", "550", "not you", OUT),
    ],
)
def test_mail_refuses_a_client_and_not_an_address(
    asked: str, code: str, words: str, meaning: AnswerMeaning
) -> None:
    for application in (Application.SMTP, Application.LMTP):
        answer = ApplicationAnswer(application=application, asked=asked, code=code, words=words)
        assert meaning_of(answer) is meaning


def test_a_greeting_that_says_no_is_for_everybody() -> None:
    answer = ApplicationAnswer(
        application=Application.POP3, asked="the connection", code="-ERR", words="too many"
    )
    assert meaning_of(answer) is NEITHER


@pytest.mark.parametrize(
    ("application", "asked", "code"),
    [
        (Application.POP3, "AUTH PLAIN", "-ERR"),
        (Application.IMAP, "AUTHENTICATE PLAIN", "NO"),
        (Application.LDAP, "Who am I, without a login", "50 insufficientAccessRights"),
    ],
)
def test_no_login_by_certificate_is_refused_that_was_not_asked_for(
    application: Application, asked: str, code: str
) -> None:
    events = connection(ApplicationAnswer(application=application, asked=asked, code=code))
    assert [each.code for each in diagnose(events, judge(events))] == ["application-refuses"]


@pytest.mark.parametrize(
    ("application", "code", "summary", "fix"),
    [
        (Application.GRPC, "12 UNIMPLEMENTED", "has no health check", "add the health service"),
        (Application.REDIS, "", "no answer of Redis came", "--after"),
        (Application.POSTGRES, "3D000", "says neither", "postgres://USER@HOST/DATABASE"),
        (Application.REDIS, "LOADING", "says neither", "read the server's log"),
    ],
)
def test_what_is_left_open_says_what_can_be_asked_instead(
    application: Application, code: str, summary: str, fix: str
) -> None:
    events = connection(ApplicationAnswer(application=application, asked="x", code=code))
    cause = diagnose(events, judge(events))[-1]
    assert summary in cause.summary and fix in cause.fix
    assert "--request" not in cause.fix


def test_postfix_refuses_who_has_no_certificate() -> None:
    words = "4.7.1 localhost Error: No client certificate presented"
    answer = ApplicationAnswer(application=Application.SMTP, asked="EHLO", code="421", words=words)
    assert meaning_of(answer) is OUT
    for application, code, words in (
        (Application.SMTP, "421", "4.7.0 too many connections"),
        (Application.IMAP, "NO", "[UNAVAILABLE] Internal error"),
        (Application.POP3, "-ERR", "[SYS/TEMP] Internal error"),
    ):
        busy = ApplicationAnswer(application=application, asked="x", code=code, words=words)
        assert meaning_of(busy) is NEITHER


def connection(answer: ApplicationAnswer) -> list[Event]:
    """A server that sent data, and what the client read in it."""
    data = ApplicationDataSeen(
        time=1, endpoint=Endpoint.SERVER, records=(), encrypted=True, data=b"\0"
    )
    fact = LocalFact(time=2, endpoint=Endpoint.CLIENT, fact=Fact.ANSWERED, answer=answer)
    return [data, fact]


def test_a_refusal_is_the_servers_by_the_application() -> None:
    events = connection(
        ApplicationAnswer(
            application=Application.POSTGRES,
            asked="StartupMessage",
            code="28000",
            words="connection requires\na valid \x1b[2J client certificate",
        )
    )
    outcome = judge(events)
    assert (outcome.result, outcome.by) == (Result.REJECTED, Endpoint.SERVER)
    assert outcome.signal is Signal.APPLICATION and outcome.decided_by is events[1]
    assert outcome.answer is not None and outcome.answer_meaning is OUT
    assert outcome.answer.words == r"connection requires a valid \x1b[2J client certificate"


def test_what_a_server_sends_acts_on_no_terminal() -> None:
    answer = ApplicationAnswer(
        application=Application.REDIS, asked="PING", code="\x1b[2J", words="\u202e" + "a" * 9999
    )
    shown = judge(connection(answer)).answer
    assert shown is not None and shown.code == r"\x1b[2J"
    assert shown.sentence.isprintable() and len(shown.sentence) < 300


def test_a_password_that_is_wanted_is_no_refusal() -> None:
    answer = ApplicationAnswer(
        application=Application.POSTGRES, asked="StartupMessage", code="AuthenticationSASL"
    )
    outcome = judge(connection(answer))
    assert outcome.result is Result.ACCEPTED and outcome.answer == answer
    assert outcome.answer_meaning is ASKS and outcome.http_status is None


@pytest.mark.parametrize(("code", "result"), [("200", "accepted"), ("403", "rejected")])
def test_a_status_of_http2_counts_as_one_of_http1(code: str, result: str) -> None:
    answer = ApplicationAnswer(
        application=Application.HTTP2, asked="GET /", code=code, words="<h1>No</h1>\n<p>you"
    )
    outcome = judge(connection(answer))
    assert outcome.result.value == result and outcome.http_status == int(code)
    assert outcome.answer is None and outcome.answer_meaning is None
    assert outcome.http_text == ("No; you" if code == "403" else "")
    assert outcome.signal is (Signal.HTTP_STATUS if code == "403" else None)


def test_an_answer_changes_nothing_where_tls_had_refused() -> None:
    alone = connection(
        ApplicationAnswer(application=Application.REDIS, asked="PING", code="NOPERM")
    )[1:]
    assert judge(alone).result is Result.FAILED


@pytest.mark.parametrize("code", ["999", "20", "0200", "٢٠٠", ""])
def test_what_is_no_status(code: str) -> None:
    answer = ApplicationAnswer(application=Application.HTTP2, asked="GET /", code=code)
    outcome = judge(connection(answer))
    assert outcome.http_status is None and outcome.answer is not None


@pytest.mark.parametrize(
    ("application", "code", "words", "cause"),
    [
        (
            Application.POSTGRES,
            "28000",
            "connection requires a valid client certificate",
            "postgres-wants-certificate",
        ),
        (
            Application.POSTGRES,
            "28000",
            'certificate authentication failed for user "a"',
            "postgres-certificate-name",
        ),
        (Application.POSTGRES, "28000", "no pg_hba.conf entry for host", "postgres-no-hba-entry"),
        (Application.POSTGRES, "28000", 'role "a" does not exist', "postgres-no-role"),
        (Application.POSTGRES, "28000", "Rolle existiert nicht", "application-refuses"),
        (Application.MYSQL, "1045", "Access denied for user", "mysql-access-denied"),
        (Application.MYSQL, "1698", "Access denied for user", "application-refuses"),
        (Application.SMTP, "554", "5.7.1 Relay access denied", "mail-relay-denied"),
        (Application.SMTP, "550", "no", "application-refuses"),
        (Application.SMTP, "454", "4.7.1 <a>: Relay access denied", "mail-relay-denied"),
        (Application.POP3, "-ERR", "no", "mailbox-login-refused"),
        (Application.IMAP, "NO", "[AUTHENTICATIONFAILED] no", "mailbox-login-refused"),
        (Application.LDAP, "49 invalidCredentials", "", "ldap-bind-refused"),
        (Application.MQTT, "5", "not authorized", "mqtt-refuses-client"),
        (Application.REDIS, "NOPERM", "no", "redis-refuses-client"),
        (Application.GRPC, "7 PERMISSION_DENIED", "no", "grpc-refuses-client"),
    ],
)
def test_causes_of_refusals(application: Application, code: str, words: str, cause: str) -> None:
    events = connection(
        ApplicationAnswer(application=application, asked=ASKED[application], code=code, words=words)
    )
    found = diagnose(events, judge(events))
    assert [each.code for each in found] == [cause]
    sentence = f"to {ASKED[application]}, the application answered {application.title} {code}"
    assert sentence in " ".join(found[0].evidence)


@pytest.mark.parametrize(
    ("application", "code", "cause"),
    [
        (Application.REDIS, "NOAUTH", "application-asks-for-login"),
        (Application.REDIS, "LOADING", "application-answer-open"),
        (Application.REDIS, "", "application-answer-open"),
        (Application.HTTP2, "RST_STREAM HTTP_1_1_REQUIRED", "http2-not-taken"),
        (Application.HTTP2, "GOAWAY NO_ERROR", "application-answer-open"),
        (Application.REDIS, "PONG", None),
        (Application.HTTP2, "404", None),
    ],
)
def test_what_is_left_open(application: Application, code: str, cause: str | None) -> None:
    events = connection(ApplicationAnswer(application=application, asked="x", code=code))
    outcome = judge(events)
    assert outcome.result is Result.ACCEPTED
    found = [each.code for each in diagnose(events, outcome)]
    assert found == ["not-mutual", *([cause] if cause else [])]
