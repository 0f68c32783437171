"""What an application's answer means: the client is let in, is refused, or neither is said.

Rules: an answer refuses only where it is about who the client is. A server that wants a password,
that is asked for what it does not have, or that is busy, has let nobody in and has refused nobody.

This module must not know TLS.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lab.diagnosis.http_status import is_refusal, text_of
from lab.diagnosis.results import AnswerMeaning, Signal
from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tls.escape import escaped

_MOST_TEXT = 200

# The code of an answer, or the first word of it, that lets the client in.
_ADMITTED = {
    Application.GRPC: {"0"},
    Application.POSTGRES: {"AuthenticationOk"},
    Application.MYSQL: {"OK"},
    Application.LDAP: {"0"},
    Application.MQTT: {"0"},
    Application.REDIS: {"PONG"},
}
_REFUSED = {
    Application.GRPC: {"7", "16"},  # PERMISSION_DENIED, UNAUTHENTICATED
    # Of class 28, Invalid Authorization Specification.
    Application.POSTGRES: {"28000", "28P01"},
    # ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_HOST_NOT_PRIVILEGED,
    # ER_ACCESS_DENIED_NO_PASSWORD_ERROR, and MariaDB's of the same meaning.
    Application.MYSQL: {"1044", "1045", "1130", "1698"},
    # inappropriateAuthentication, invalidCredentials, insufficientAccessRights,
    # unwillingToPerform.
    Application.LDAP: {"48", "49", "50", "53"},
    Application.MQTT: {"4", "5", "135"},  # 135: not authorized, in MQTT 5
    Application.REDIS: {"NOPERM", "DENIED"},
    Application.IMAP: {"NO"},
    Application.POP3: {"-ERR"},
}
# What asks for a password, or for any login but one by certificate.
_ASKS = {
    Application.POSTGRES: {
        "AuthenticationCleartextPassword",
        "AuthenticationMD5Password",
        "AuthenticationSASL",
        "AuthenticationGSS",
        "AuthenticationSSPI",
    },
    Application.MYSQL: {"AuthMoreData"},
    Application.LDAP: {"8"},  # strongerAuthRequired
    Application.REDIS: {"NOAUTH"},
    Application.IMAP: {"+"},
    Application.POP3: {"+"},
}
# What a refused login is about, if not the client: RFC 5530 section 3 (IMAP), RFC 2449 section 8.1
# and RFC 3206 section 4 (POP3).
_PASSING = (
    *("[UNAVAILABLE]", "[SERVERBUG]", "[INUSE]", "[LIMIT]", "[CONTACTADMIN]"),
    *("[SYS/TEMP]", "[SYS/PERM]", "[IN-USE]", "[LOGIN-DELAY]"),
)
_LOGINS = ("AUTH", "RCPT")
# A command or parameter that is not known, or comes at the wrong time: RFC 5321 section 4.2.3.
_NOT_UNDERSTOOD = frozenset({"500", "501", "502", "503", "504", "555"})
# RFC 3463 section 3: addressing, mailbox, mail system, network, protocol, content.
_ENHANCED = re.compile(r"5\.([0-9]{1,3})\.[0-9]{1,3}\b")
_OTHER_SUBJECTS = frozenset("123456")
_MAIL = (Application.SMTP, Application.LMTP)
_MAILBOXES = (Application.IMAP, Application.POP3)


def meaning_of(answer: ApplicationAnswer) -> AnswerMeaning:
    """Return what an answer says of the client."""
    first = answer.code.partition(" ")[0]
    application = answer.application
    if application in _MAIL:
        return _meaning_in_mail(answer)
    if application is Application.HTTP2:
        status = http_status_of(answer)
        if status is None:
            return AnswerMeaning.NEITHER
        return AnswerMeaning.REFUSED if is_refusal(status) else AnswerMeaning.ADMITTED
    unasked = answer.asked in ("CAPABILITY", "CAPA") or answer.words.startswith(_PASSING)
    # A greeting of POP3 that says no is for everybody, as BYE of IMAP is.
    unasked = unasked or (first == "-ERR" and answer.asked == "the connection")
    if application in _MAILBOXES and unasked:
        return AnswerMeaning.NEITHER
    for table, meaning in ((_REFUSED, AnswerMeaning.REFUSED), (_ASKS, AnswerMeaning.ASKS)):
        if first in table.get(application, ()):
            return meaning
    logged_in = application in _MAILBOXES and (first in ("OK", "+OK", "PREAUTH"))
    admitted = logged_in or first in _ADMITTED.get(application, ())
    return AnswerMeaning.ADMITTED if admitted else AnswerMeaning.NEITHER


def _meaning_in_mail(answer: ApplicationAnswer) -> AnswerMeaning:
    """Return what a reply says: everybody is greeted, so that a greeting lets nobody in."""
    code, words = answer.code, answer.words
    if code == "530" and "STARTTLS" not in words.upper():  # RFC 4954 section 6
        return AnswerMeaning.ASKS
    # 4.7.1, delivery not authorized (RFC 3463): so Postfix refuses who lacks a certificate, and,
    # unless it is told otherwise, who may not relay; greylisting says it too.
    for_now = code == "421" or (code.startswith("4") and "access denied" in words.lower())
    if for_now and "4.7.1 " in words:
        return AnswerMeaning.REFUSED
    if code.startswith("5"):
        return AnswerMeaning.NEITHER if _of_no_client(code, words) else AnswerMeaning.REFUSED
    granted = answer.code.startswith("2") and answer.asked.startswith(_LOGINS)
    return AnswerMeaning.ADMITTED if granted else AnswerMeaning.NEITHER


def _of_no_client(code: str, words: str) -> bool:
    """Tell whether a refusal in mail is about an address, a mailbox or a command."""
    found = _ENHANCED.match(words)
    return code in _NOT_UNDERSTOOD or (found is not None and found[1] in _OTHER_SUBJECTS)


def http_status_of(answer: ApplicationAnswer) -> int | None:
    """Return the status of an answer in HTTP/2; None where there was none, or in another one."""
    code = answer.code
    is_status = answer.application is Application.HTTP2 and code.isascii() and code.isdigit()
    return int(code) if is_status and len(code) == 3 and int(code) in range(100, 600) else None


class ToldAnswer:
    """An answer that the client has read, for the judge of its connection.

    ``meaning`` is what it says of the client. ``http_status`` and ``http_text`` are those of an
    answer in HTTP/2; ``of_others`` is the answer in any other protocol.
    """

    def __init__(self, answer: ApplicationAnswer) -> None:
        self._shown = _shown(answer)
        self.meaning = meaning_of(answer)
        self.http_status = http_status_of(answer)

    @property
    def refuses(self) -> bool:
        """Whether it refuses the client."""
        return self.meaning is AnswerMeaning.REFUSED

    @property
    def signal(self) -> Signal:
        """The signal that it is where it refuses."""
        return Signal.APPLICATION if self.http_status is None else Signal.HTTP_STATUS

    @property
    def http_text(self) -> str:
        """What the body of a refusal in HTTP/2 says, "" for nothing."""
        return self._shown.words if self.http_status is not None and self.refuses else ""

    @property
    def of_others(self) -> ApplicationAnswer | None:
        """The answer, unless it is an HTTP status; its texts are on one line, escaped."""
        return self._shown if self.http_status is None else None


def _shown(answer: ApplicationAnswer) -> ApplicationAnswer:
    """Return an answer with its texts on one line, escaped, and of no great length."""
    if http_status_of(answer) is not None:
        words = text_of(answer.words)
    else:
        words = escaped(" ".join(answer.words.split())[:_MOST_TEXT])
    code = escaped(answer.code[:_MOST_TEXT])
    return replace(answer, asked=escaped(answer.asked[:_MOST_TEXT]), code=code, words=words)
