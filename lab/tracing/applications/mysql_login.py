"""The login of MySQL and MariaDB (MySQL's documentation, "Connection Phase Packets").

Rules: the server's greeting comes before TLS, or inside where something else ends TLS in front of
it. Its challenge is not needed: no password is sent.
"""

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
from lab.tracing.preludes.starttls_databases import (
    MYSQL_CHARSET,
    MYSQL_FLAGS,
    MYSQL_LARGEST_PACKET,
    MYSQL_SSL,
)

DEFAULT_USER = "root"
_QUIT = b"\1\0\0\0\1"
_GREETING = 0x0A
_OK, _MORE, _SWITCH, _ERROR = 0x00, 0x01, 0xFE, 0xFF
_MOST_STEPS = 8


def log_in(request: ApplicationRequest) -> Conversation:
    """Send the login of a user without a password, and read how the server takes it."""
    user = request.user or DEFAULT_USER
    talk = Talk()
    asked = f"login of user {user} without a password"
    if request.greeted:  # and the SSLRequest before TLS was number 1 of the packets
        talk.say(_packet(2, _login(user, MYSQL_FLAGS)))
    else:
        _, greeting = yield from _read(talk)
        if greeting[:1] == bytes((_ERROR,)):
            return _answer("the connection", *_error(greeting)), b""
        if greeting[:1] != bytes((_GREETING,)):
            raise ExchangeError(f"a packet that begins with {greeting[:1]!r}")
        talk.say(_packet(1, _login(user, MYSQL_FLAGS & ~MYSQL_SSL)))
    for _ in range(_MOST_STEPS):
        number, body = yield from _read(talk)
        if not body:
            raise ExchangeError("an empty packet")
        if body[0] == _OK:
            return _answer(asked, "OK", ""), _QUIT
        if body[0] == _ERROR:
            return _answer(asked, *_error(body)), b""
        if body[0] == _MORE:
            return _answer(asked, "AuthMoreData", ""), _QUIT
        if body[0] != _SWITCH:
            raise ExchangeError(f"a packet that begins with {body[0]:#04x}")
        # To any method the answer of a user without a password is empty, or a NUL.
        name = body[1:].split(b"\0")[0]
        empty = b"\0" if name == b"mysql_clear_password" else b""
        talk.say(_packet(number + 1, empty))
    raise ExchangeError(f"no end within {_MOST_STEPS} packets")


def _answer(asked: str, code: str, words: str) -> ApplicationAnswer:
    return ApplicationAnswer(application=Application.MYSQL, asked=asked, code=code, words=words)


def _packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes((number & 0xFF,)) + body


def _login(user: str, flags: int) -> bytes:
    """Return a HandshakeResponse41 with an empty answer to the server's challenge."""
    # The flags of the SSLRequest again: MariaDB reads those of the first packet only.
    head = struct.pack("<IIB23x", flags, MYSQL_LARGEST_PACKET, MYSQL_CHARSET)
    # Behind the user's name: an answer of no length, and the method that this would be by.
    return head + user.encode() + b"\0" + b"\0" + b"mysql_native_password\0"


def _read(talk: Talk) -> Generator[bytes, bytes, tuple[int, bytes]]:
    head = yield from talk.exactly(4)
    body = yield from talk.exactly(int.from_bytes(head[:3], "little"))
    return head[3], body


def _error(body: bytes) -> tuple[str, str]:
    """Return the number and the text of an ERR packet."""
    if len(body) < 3:
        raise ExchangeError("an ERR packet of less than three bytes")
    text = body[3:]
    if text[:1] == b"#":  # and an SQLSTATE of five letters
        text = text[6:]
    return str(int.from_bytes(body[1:3], "little")), text.decode("utf-8", "replace")
