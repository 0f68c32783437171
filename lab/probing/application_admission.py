"""Whether an application let a client in, by what it answered and by what the good client got.

Rules: an answer that the good client gets as well says nothing of a certificate. Where the server
asks one client for another login and takes the good one's certificate as one, the first is out.

This module must not know the statuses of HTTP, which are judged in ``verdict.py``.
"""

from __future__ import annotations

from lab.diagnosis.application_answers import meaning_of
from lab.diagnosis.results import AnswerMeaning, Outcome, Signal
from lab.tls.application_protocol import Application, ApplicationAnswer

BY_APPLICATION = frozenset({Signal.HTTP_STATUS, Signal.APPLICATION})
"""Refusals by the application, behind a completed handshake."""

# How a request is made that the certificate alone decides.
_BETTER_REQUESTS = {
    Application.POSTGRES: "name a user and a database whom the certificate lets in "
    "(postgres://USER@HOST/DATABASE)",
    Application.MYSQL: "name a user without a password (mysql://USER@HOST)",
    Application.SMTP: "SMTP greets everybody: name a recipient whom only such a client may write "
    "to (--request /USER@DOMAIN)",
    Application.LMTP: "LMTP greets everybody: name a recipient whom only such a client may write "
    "to (--request /USER@DOMAIN)",
    Application.LDAP: "let the server take certificates as logins (SASL EXTERNAL)",
    Application.IMAP: "let the server take certificates as logins (SASL EXTERNAL)",
    Application.POP3: "let the server take certificates as logins (SASL EXTERNAL)",
    Application.MQTT: "name a user whom the certificate lets in (mqtts://USER@HOST)",
}
# PostgreSQL looks at clientcert before it asks for a password: ClientAuthentication in auth.c.
_ASKS_LAST = frozenset({Application.POSTGRES})


def told(
    outcome: Outcome,
    good: ApplicationAnswer | None,
    *,
    is_good: bool,
    asked: bool,
    verified: bool = False,
) -> tuple[bool | None, str]:
    """Return whether the client is in, None where that cannot be told, and what is to be noted.

    ``good`` is what the good client was answered, ``is_good`` tells that this client should get in,
    ``asked`` that the server asked it for a certificate, or may have, and ``verified`` that it
    showed one to a server that has refused one of a wrong CA.
    """
    answer, meaning = outcome.answer, outcome.answer_meaning
    assert answer is not None
    if answer.application is Application.HTTP2:  # no status: whoever asks is served by nobody
        return None, f"{name_of(answer)}: ask in HTTP/1.1 (--alpn http/1.1)"
    refused = meaning is AnswerMeaning.REFUSED
    if meaning is AnswerMeaning.ADMITTED or (not refused and (is_good or not asked)):
        return True, ""
    same = good is not None and good.code == answer.code
    if same and meaning is AnswerMeaning.ASKS and answer.application in _ASKS_LAST:
        return True, "the server asks for a password, and had to refuse this client before that"
    if same and verified and not refused and answer.code:
        return True, ""  # it has come as far as the good client, past what stops others
    if same:
        return None, _same(answer, is_good=is_good)
    if refused:
        return False, ""
    if good is None or meaning_of(good) is not AnswerMeaning.ADMITTED:
        return None, f"the answer was {name_of(answer)}"
    if meaning is AnswerMeaning.ASKS:
        return False, "asked for another login: who has one gets in without such a certificate"
    return None, f"{name_of(answer)}, where the good certificate gets {name_of(good)}"


def _same(answer: ApplicationAnswer, *, is_good: bool) -> str:
    if not answer.code:
        return (
            f"no answer of {answer.application.title} came: name what the server speaks (--after)"
        )
    too = "" if is_good else " is what the good certificate gets, too"
    better = _BETTER_REQUESTS.get(answer.application, "")
    return f"{name_of(answer)}{too}: {better}" if better else f"{name_of(answer)}{too}"


def name_of(answer: ApplicationAnswer) -> str:
    """Return an answer in two words or three: "PostgreSQL 28000"."""
    return f"{answer.application.title} {answer.code or 'without an answer'}"


def reply(http_status: int | None, answer: ApplicationAnswer | None) -> str:
    """Return what a client was answered, by HTTP or by another application; "" for nothing."""
    if http_status is not None:
        return f"HTTP {http_status}"
    return name_of(answer) if answer is not None and answer.code else ""
