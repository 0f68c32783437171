"""PostgreSQL's start-up (its documentation, sections "Message Flow" and "Message Formats")."""

from __future__ import annotations

import struct
from collections.abc import Generator

from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tracing.applications.conversation import (
    ApplicationRequest,
    Conversation,
    ExchangeError,
    Talk,
)

DEFAULT_USER = "postgres"
_VERSION = 3 << 16
_MOST_MESSAGE = 30_000  # bytes, as in libpq, for what comes before a client is let in
_TERMINATE = b"X\0\0\0\4"
_METHODS = {
    0: "AuthenticationOk",
    2: "AuthenticationKerberosV5",
    3: "AuthenticationCleartextPassword",
    5: "AuthenticationMD5Password",
    7: "AuthenticationGSS",
    9: "AuthenticationSSPI",
    10: "AuthenticationSASL",
}
_READY, _ERROR, _AUTHENTICATION = b"Z", b"E", b"R"
_OTHERS = (b"S", b"K", b"N", b"v")  # settings, a key to cancel by, notices, the version


def start_up(request: ApplicationRequest) -> Conversation:
    """Send a StartupMessage, and read how the server takes this user."""
    user = request.user or DEFAULT_USER
    database = request.named or user
    talk = Talk()
    talk.say(_startup_message(user, database))
    asked = f"StartupMessage for user {user}, database {database}"
    code, words = "", ""
    while True:
        try:
            kind, body = yield from _message(talk)
        except ExchangeError:
            if not code:
                raise
            return _answer(asked, code, words), b""  # it had let the client in by then
        if kind == _ERROR:
            fields = _fields(body)
            if not fields.get("C"):
                raise ExchangeError("an ErrorResponse without a code")
            return _answer(asked, fields["C"], fields.get("M", "")), b""
        if kind == _AUTHENTICATION:
            if len(body) < 4:
                raise ExchangeError("an Authentication message of less than four bytes")
            (number,) = struct.unpack_from("!I", body)
            code = _METHODS.get(number, f"Authentication {number}")
            if number:
                words = ", ".join(_strings(body[4:])) if number == 10 else ""
                return _answer(asked, code, words), _TERMINATE
        elif kind == _READY:
            return _answer(asked, code or "ReadyForQuery", words), _TERMINATE


def _answer(asked: str, code: str, words: str) -> ApplicationAnswer:
    return ApplicationAnswer(application=Application.POSTGRES, asked=asked, code=code, words=words)


def _startup_message(user: str, database: str) -> bytes:
    pairs = ("user", user, "database", database, "application_name", "mtls-lab")
    body = b"".join(text.encode() + b"\0" for text in pairs) + b"\0"
    return struct.pack("!II", 8 + len(body), _VERSION) + body


def _message(talk: Talk) -> Generator[bytes, bytes, tuple[bytes, bytes]]:
    kind = yield from talk.exactly(1)
    if kind not in (_READY, _ERROR, _AUTHENTICATION, *_OTHERS):
        raise ExchangeError(f"a message of type {kind!r}")
    (length,) = struct.unpack("!I", (yield from talk.exactly(4)))
    if not 4 <= length <= _MOST_MESSAGE:
        raise ExchangeError(f"a message of {length} bytes")
    body = yield from talk.exactly(length - 4)
    return kind, body


def _fields(body: bytes) -> dict[str, str]:
    """Return the fields of an ErrorResponse by their letters."""
    return {text[0]: text[1:] for text in _strings(body)}


def _strings(data: bytes) -> list[str]:
    """Return the strings of a list that ends with an empty one."""
    found = []
    for text in data.split(b"\0"):
        if not text:
            break
        found.append(text.decode("utf-8", "replace"))
    return found
