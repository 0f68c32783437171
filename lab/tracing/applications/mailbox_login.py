"""IMAP and POP3: the greeting, what the server can do, and whether it lets the client log in.

IMAP: RFC 9051. POP3: RFC 1939, 2449 and 5034. SASL EXTERNAL: RFC 4422 appendix A.

Rules: where the server takes the client's certificate as a login (EXTERNAL), that is asked for.
Where that lets nobody in, a login by password is begun, and broken off before the password is due:
some servers refuse whoever has no certificate at that point.
"""

from __future__ import annotations

import base64
from collections.abc import Generator

from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tracing.applications.conversation import (
    ApplicationRequest,
    Conversation,
    ExchangeError,
    Talk,
)

_WANTS_MORE = "+"
_EXTERNAL = "EXTERNAL"
_METHODS = (_EXTERNAL, "PLAIN")


def imap_login(request: ApplicationRequest) -> Conversation:
    """Ask for the capabilities, and begin to log in."""
    talk = Talk()
    if not request.greeted:
        line = yield from talk.line()
        word, _, rest = line.removeprefix("* ").partition(" ")
        if not line.startswith("* ") or word.upper() not in ("OK", "PREAUTH", "BYE"):
            raise ExchangeError(f"a greeting {line[:40]!r}")
        if word.upper() != "OK":
            return _imap("the connection", word.upper(), rest), b""
    lines = yield from _imap_command(talk, "a1", "CAPABILITY")
    upper = [line.upper() for line in lines]
    offered = {word for line in upper if line.startswith("* CAPABILITY") for word in line.split()}
    answer = _imap("CAPABILITY", *_tagged(lines[-1]))
    if "LOGINDISABLED" in offered:
        answer = _imap("CAPABILITY", "LOGINDISABLED", "")
    for method in _METHODS:
        if f"AUTH={method}" not in offered or _is_over(answer):
            continue
        try:
            answer = yield from _imap_method(talk, method, request)
        except ExchangeError:  # a server may close behind a login that it has refused
            return answer, b""
        if answer.code == _WANTS_MORE:
            return answer, b"*\r\na9 LOGOUT\r\n"
    return answer, b"a9 LOGOUT\r\n"


def _imap_method(
    talk: Talk, method: str, request: ApplicationRequest
) -> Generator[bytes, bytes, ApplicationAnswer]:
    """Begin to log in by one method."""
    asked, tag = f"AUTHENTICATE {method}", f"a-{method.lower()}"
    lines = yield from _imap_command(talk, tag, asked)
    if lines[-1].startswith(_WANTS_MORE) and method == _EXTERNAL:
        lines = yield from _imap_command(talk, tag, _identity(request), bare=True)
    if lines[-1].startswith(_WANTS_MORE):
        return _imap(asked, _WANTS_MORE, "")
    return _imap(asked, *_tagged(lines[-1]))


def _is_over(answer: ApplicationAnswer) -> bool:
    """Whether the client is in already."""
    return answer.code in ("OK", "+OK") and answer.asked not in ("CAPABILITY", "CAPA")


def _tagged(line: str) -> tuple[str, str]:
    """Return the word behind the tag, and the text behind that."""
    word, _, rest = line.partition(" ")[2].partition(" ")
    return word.upper(), rest


def _imap(asked: str, code: str, words: str) -> ApplicationAnswer:
    if not code:
        raise ExchangeError("a line that ends behind its tag")
    return ApplicationAnswer(application=Application.IMAP, asked=asked, code=code, words=words)


def _imap_command(
    talk: Talk, tag: str, words: str, *, bare: bool = False
) -> Generator[bytes, bytes, list[str]]:
    """Return the lines that answer a command, or a line that goes on with one (``bare``)."""
    talk.say(f"{'' if bare else tag + ' '}{words}\r\n".encode())
    return (yield from talk.lines(lambda line: line.startswith((f"{tag} ", _WANTS_MORE))))


def pop3_login(request: ApplicationRequest) -> Conversation:
    """Ask for the capabilities, and begin to log in."""
    talk = Talk()
    if not request.greeted:
        line = yield from talk.line()
        if not line.startswith("+OK"):
            return _pop3("the connection", line), b""
    talk.say(b"CAPA\r\n")
    line = yield from talk.line()
    answer, offered = _pop3("CAPA", line), ""
    if line.startswith("+OK"):
        lines = yield from talk.lines(lambda line: line == ".")
        offered = next((line.upper() for line in lines if line.upper().startswith("SASL ")), "")
    for method in _METHODS:
        if method not in offered.split() or _is_over(answer):
            continue
        try:
            answer = yield from _pop3_method(talk, method, request)
        except ExchangeError:  # a server may close behind a login that it has refused
            return answer, b""
        if answer.code == _WANTS_MORE:
            return answer, b"*\r\nQUIT\r\n"
    return answer, b"QUIT\r\n"


def _pop3_method(
    talk: Talk, method: str, request: ApplicationRequest
) -> Generator[bytes, bytes, ApplicationAnswer]:
    """Begin to log in by one method."""
    asked = f"AUTH {method}"
    talk.say(f"{asked}\r\n".encode())
    line = yield from talk.line()
    if _asks_for_more(line) and method == _EXTERNAL:
        talk.say(f"{_identity(request)}\r\n".encode())
        line = yield from talk.line()
    return _pop3(asked, _WANTS_MORE if _asks_for_more(line) else line)


def _asks_for_more(line: str) -> bool:
    return line.startswith(_WANTS_MORE) and not line.startswith("+OK")


def _pop3(asked: str, line: str) -> ApplicationAnswer:
    code, _, words = line.partition(" ")
    if code not in ("+OK", "-ERR", _WANTS_MORE):
        raise ExchangeError(f"a line that begins with {code[:20]!r}")
    return ApplicationAnswer(application=Application.POP3, asked=asked, code=code, words=words)


def _identity(request: ApplicationRequest) -> str:
    """Return whom to log in as: nobody named means whom the certificate names."""
    return base64.b64encode(request.user.encode()).decode("ascii")
