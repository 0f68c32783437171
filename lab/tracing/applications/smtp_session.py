"""SMTP and LMTP: EHLO, and what the server grants the client (RFC 5321, 2033, 4954).

Rules: no mail is sent. Who is greeted may still be refused by each command that follows, so a
client is in where the server takes its certificate as a login (AUTH EXTERNAL, RFC 4422 appendix A),
or a recipient that the request names.
"""

from __future__ import annotations

import base64
from collections.abc import Generator

from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tracing.applications.conversation import (
    ApplicationRequest,
    Conversation,
    ExchangeError,
    Speaker,
    Talk,
)

_QUIT = b"QUIT\r\n"
_CLOSING = "421"  # the server closes the connection behind it (RFC 5321 section 3.8)
_Reply = tuple[str, str]


def session(application: Application) -> Speaker:
    """Return how a session begins in SMTP, or in LMTP."""
    hello = "LHLO" if application is Application.LMTP else "EHLO"

    def speak(request: ApplicationRequest) -> Conversation:
        return _speak(application, hello, request)

    return speak


def _speak(application: Application, hello: str, request: ApplicationRequest) -> Conversation:
    talk = Talk()

    def answer(asked: str, reply: _Reply) -> tuple[ApplicationAnswer, bytes]:
        code, words = reply
        found = ApplicationAnswer(application=application, asked=asked, code=code, words=words)
        return found, b"" if code == _CLOSING else _QUIT

    if not request.greeted:
        greeting = yield from _reply(talk)
        if greeting[0] != "220":
            return answer("the connection", greeting)
    lines = yield from _command(talk, f"{hello} mtls-lab.invalid")
    if not lines[0].startswith("250"):
        return answer(hello, _read(lines))
    if recipient := request.named:
        return answer(*(yield from _offer_mail(talk, recipient)))
    if "EXTERNAL" in _login_methods(lines):
        # Nobody named: whom the certificate names (RFC 4954 section 4).
        named = base64.b64encode(request.user.encode()).decode("ascii") or "="
        lines = yield from _command(talk, f"AUTH EXTERNAL {named}")
        if lines[0].startswith("334"):
            lines = yield from _command(talk, "")
        return answer("AUTH EXTERNAL", _read(lines))
    return answer(hello, _read(lines))


def _offer_mail(talk: Talk, recipient: str) -> Generator[bytes, bytes, tuple[str, _Reply]]:
    """Name a sender, which is empty as that of a notification is, and a recipient."""
    lines = yield from _command(talk, "MAIL FROM:<>")
    if not lines[0].startswith("250"):
        return "MAIL FROM:<>", _read(lines)
    asked = f"RCPT TO:<{recipient}>"
    lines = yield from _command(talk, asked)
    return asked, _read(lines)


def _command(talk: Talk, line: str) -> Generator[bytes, bytes, list[str]]:
    talk.say(f"{line}\r\n".encode())
    return (yield from _lines(talk))


def _reply(talk: Talk) -> Generator[bytes, bytes, _Reply]:
    return _read((yield from _lines(talk)))


def _lines(talk: Talk) -> Generator[bytes, bytes, list[str]]:
    lines = yield from talk.lines(lambda line: line[3:4] != "-")
    if any(not (line[:3].isascii() and line[:3].isdigit()) for line in lines):
        raise ExchangeError("a reply without a code of three digits")
    return lines


def _read(lines: list[str]) -> _Reply:
    """Return the code and the text of a reply, its lines one behind the other."""
    return lines[0][:3], " ".join(line[4:] for line in lines)


def _login_methods(lines: list[str]) -> list[str]:
    for line in lines:
        name, *methods = line[4:].upper().split() or [""]
        if name == "AUTH":
            return methods
    return []
