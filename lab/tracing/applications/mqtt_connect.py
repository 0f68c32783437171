"""MQTT 3.1.1: CONNECT and what answers it (OASIS Standard, sections 3.1 and 3.2)."""

from __future__ import annotations

import secrets
import struct

from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tracing.applications.conversation import (
    ApplicationRequest,
    Conversation,
    ExchangeError,
    Talk,
)

_CONNECT, _CONNACK = 0x10, 0x20
_LEVEL, _CLEAN_SESSION, _WITH_USER = 4, 0x02, 0x80
_KEEP_ALIVE = 30  # seconds
_DISCONNECT = b"\xe0\0"
_RETURN_CODES = {
    0: "connection accepted",
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
    # Of MQTT 5, which some servers answer to a version that they do not speak.
    0x84: "unsupported protocol version",
    0x87: "not authorized",
}


def connect(request: ApplicationRequest) -> Conversation:
    """Send CONNECT without a password, and read the return code."""
    talk = Talk()
    talk.say(_connect(request.user))
    kind, length = yield from talk.exactly(2)
    if kind != _CONNACK or length not in range(2, 128):
        raise ExchangeError(f"a packet that begins with {kind:#04x}")
    body = yield from talk.exactly(length)
    code = body[1]
    answer = ApplicationAnswer(
        application=Application.MQTT,
        asked=f"CONNECT as user {request.user}" if request.user else "CONNECT",
        code=str(code),
        words=_RETURN_CODES.get(code, ""),
    )
    return answer, b"" if code else _DISCONNECT


def _connect(user: str) -> bytes:
    flags = _CLEAN_SESSION | (_WITH_USER if user else 0)
    # Of two clients of one name the server would drop the first; not all take an empty name.
    names = [f"mtls-lab-{secrets.token_hex(4)}", *([user] if user else [])]
    body = _text("MQTT") + struct.pack("!BBH", _LEVEL, flags, _KEEP_ALIVE)
    body += b"".join(map(_text, names))
    return bytes((_CONNECT,)) + _remaining_length(len(body)) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def _remaining_length(length: int) -> bytes:
    """Return a length in seven bits a byte, the lowest first (section 2.2.3)."""
    digits = bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(digits)
