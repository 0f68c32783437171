"""LDAP: a bind by SASL EXTERNAL, and who the client is then (RFC 4511, 4513 and 4532)."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tracing.applications.conversation import (
    ApplicationRequest,
    Conversation,
    ExchangeError,
    Talk,
)

_SEQUENCE, _INTEGER, _OCTETS = 0x30, 0x02, 0x04
_BIND_REQUEST, _BIND_RESPONSE, _SASL = 0x60, 0x61, 0xA3
_EXTENDED_REQUEST, _EXTENDED_RESPONSE, _REQUEST_NAME = 0x77, 0x78, 0x80
_RESPONSE_VALUE = 0x8B
_ENUMERATED = 0x0A
_WHO_AM_I = b"1.3.6.1.4.1.4203.1.11.3"
_SUCCESS, _NO_SUCH_METHOD = 0, 7
_UNBIND = b"\x30\x05\x02\x01\x7f\x42\x00"
_MOST_LENGTH = 1 << 16
# RFC 4511 section 4.1.9, as far as a bind is answered so.
RESULT_CODES = {
    0: "success",
    1: "operationsError",
    2: "protocolError",
    7: "authMethodNotSupported",
    8: "strongerAuthRequired",
    13: "confidentialityRequired",
    14: "saslBindInProgress",
    48: "inappropriateAuthentication",
    49: "invalidCredentials",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
    80: "other",
}


def bind(request: ApplicationRequest) -> Conversation:
    """Bind by the client's certificate, and ask who that makes the client."""
    talk = Talk()
    sasl = _value(_SASL, _value(_OCTETS, b"EXTERNAL") + _value(_OCTETS, request.user.encode()))
    body = _value(_INTEGER, b"\3") + _value(_OCTETS, b"") + sasl
    talk.say(_message(1, _value(_BIND_REQUEST, body)))
    code, words, _ = yield from _result(talk, _BIND_RESPONSE)
    asked = "SASL EXTERNAL bind"
    if code in (_SUCCESS, _NO_SUCH_METHOD):
        with contextlib.suppress(ExchangeError):  # who may not ask this is still bound, or not
            asked, code, words = yield from _who_is_bound(talk, asked, code, words)
    answer = ApplicationAnswer(
        application=Application.LDAP,
        asked=asked,
        code=f"{code} {RESULT_CODES.get(code, '')}".strip(),
        words=words,
    )
    return answer, _UNBIND


def _who_is_bound(
    talk: Talk, asked: str, code: int, words: str
) -> Generator[bytes, bytes, tuple[str, int, str]]:
    """Ask whom the server takes the client for; return what was asked, and its result with that."""
    name = _value(_REQUEST_NAME, _WHO_AM_I)
    talk.say(_message(2, _value(_EXTENDED_REQUEST, name)))
    told, message, identity = yield from _result(talk, _EXTENDED_RESPONSE)
    if code == _SUCCESS:
        return asked, code, identity if told == _SUCCESS else ""
    if told == _SUCCESS:  # who has no login by certificate may go on without one
        served = f"without a login it is served as {identity or 'nobody'}"
        return asked, code, f"{words.rstrip(': ')}; {served}"
    return "Who am I, without a login", told, message


def _value(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 128:
        return bytes((tag, length)) + content
    return bytes((tag, 0x82)) + length.to_bytes(2, "big") + content


def _message(number: int, operation: bytes) -> bytes:
    return _value(_SEQUENCE, _value(_INTEGER, bytes((number,))) + operation)


def _result(talk: Talk, expected: int) -> Generator[bytes, bytes, tuple[int, str, str]]:
    """Return the result code, the diagnostic message, and the value of an extended response."""
    head = yield from talk.exactly(2)
    if head[0] != _SEQUENCE:
        raise ExchangeError(f"an answer that begins with {head[0]:#04x}")
    length = head[1]
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise ExchangeError("a message of a length that cannot be read")
        length = int.from_bytes((yield from talk.exactly(count)), "big")
    if length > _MOST_LENGTH:
        raise ExchangeError(f"a message of {length} bytes")
    body = yield from talk.exactly(length)
    _, _, rest = _next(body)  # the message's number
    tag, operation, _ = _next(rest)
    if tag != expected and tag != _EXTENDED_RESPONSE:  # else a notice of disconnection
        raise ExchangeError(f"an answer of type {tag:#04x}")
    kind, code, rest = _next(operation)
    _, _, rest = _next(rest)  # the matched DN
    _, message, rest = _next(rest)
    if kind != _ENUMERATED or len(code) > 4:
        raise ExchangeError("a result without a code")
    value = b""
    while rest:
        tag, content, rest = _next(rest)
        if tag == _RESPONSE_VALUE:
            value = content
    return (
        int.from_bytes(code, "big"),
        message.decode("utf-8", "replace"),
        value.decode("utf-8", "replace"),
    )


def _next(data: bytes) -> tuple[int, bytes, bytes]:
    """Return tag and content of the first value (BER, definite lengths), and what is behind it."""
    if len(data) < 2:
        raise ExchangeError("a message that ends inside a value")
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if (start == 2 + 0 and data[1] == 0x80) or start + length > len(data):
        raise ExchangeError("a message that ends inside a value")
    return data[0], data[start : start + length], data[start + length :]
