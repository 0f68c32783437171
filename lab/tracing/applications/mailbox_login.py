"""IMAP and POP3: the greeting, what the server can do, and whether it lets the client log in.

IMAP: RFC 9051. POP3: RFC 1939, 2449 and 5034. SASL EXTERNAL: RFC 4422 appendix A.

Rules: where the server takes the client's certificate as a login (EXTERNAL), that is asked for.
Else a login is begun and broken off before a password is due: some servers refuse whoever has no
certificate at that point.
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


def imap_login(request: ApplicationRequest) -> Conversation:
    """Ask for the capabilities, and begin to log in."""
    talk = Talk()
    if not request.greeted:
        line = yield from talk.line()
        word, _, rest = line.removeprefix("* ").partition(" ")
        if not line.startswith("* ") or word.upper() not in ("OK", "PREAUTH", "BYE"):
            raise ExchangeError(f"a greeting {line[:40]!r}")
        if word.upper() != "OK":
            return _imap("a greeting", word.upper(), rest), b""
    lines = yield from _imap_command(talk, "a1", "CAPABILITY")
    offered = {
        word
        for line in lines
        if line.upper().startswith("* CAPABILITY")
        for word in line.upper().split()
    }
    method = "EXTERNAL" if "AUTH=EXTERNAL" in offered else "PLAIN"
    if f"AUTH={method}" not in offered:
        said = next((word for word in ("LOGINDISABLED",) if word in offered), "")
        return _imap("CAPABILITY", said or "OK", lines[-1].partition(" ")[2]), b"a9 LOGOUT\r\n"
    asked = f"AUTHENTICATE {method}"
    lines = yield from _imap_command(talk, "a2", asked)
    if lines[-1].startswith(_WANTS_MORE) and method == "EXTERNAL":
        lines = yield from _imap_command(talk, "a2", _identity(request), bare=True)
    if lines[-1].startswith(_WANTS_MORE):
        return _imap(asked, _WANTS_MORE, ""), b"*\r\na9 LOGOUT\r\n"
    word, _, rest = lines[-1].removeprefix("a2 ").partition(" ")
    return _imap(asked, word.upper(), rest), b"a9 LOGOUT\r\n"


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
            return _pop3("a greeting", line), b""
    talk.say(b"CAPA\r\n")
    line = yield from talk.line()
    if not line.startswith("+OK"):
        return _pop3("CAPA", line), b"QUIT\r\n"
    lines = yield from talk.lines(lambda line: line == ".")
    methods = [line.upper().split()[1:] for line in lines if line.upper().startswith("SASL ")]
    offered = methods[0] if methods else []
    method = next((name for name in ("EXTERNAL", "PLAIN") if name in offered), "")
    if not method:
        return _pop3("CAPA", line), b"QUIT\r\n"
    asked = f"AUTH {method}"
    talk.say(f"{asked}\r\n".encode())
    line = yield from talk.line()
    if line.startswith(_WANTS_MORE + " ") and method == "EXTERNAL":
        talk.say(f"{_identity(request)}\r\n".encode())
        line = yield from talk.line()
    if line.startswith(_WANTS_MORE) and not line.startswith("+OK"):
        return _pop3(asked, _WANTS_MORE), b"*\r\nQUIT\r\n"
    return _pop3(asked, line), b"QUIT\r\n"


def _pop3(asked: str, line: str) -> ApplicationAnswer:
    code, _, words = line.partition(" ")
    if code not in ("+OK", "-ERR", _WANTS_MORE):
        raise ExchangeError(f"a line that begins with {code[:20]!r}")
    return ApplicationAnswer(application=Application.POP3, asked=asked, code=code, words=words)


def _identity(request: ApplicationRequest) -> str:
    """Return whom to log in as: nobody named means whom the certificate names."""
    return base64.b64encode(request.user.encode()).decode("ascii")
