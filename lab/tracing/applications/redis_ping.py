"""Redis: PING (its documentation, "Redis serialization protocol specification")."""

from __future__ import annotations

from lab.tls.application_protocol import Application, ApplicationAnswer
from lab.tracing.applications.conversation import (
    ApplicationRequest,
    Conversation,
    ExchangeError,
    Talk,
)


def ping(request: ApplicationRequest) -> Conversation:
    """Send PING, and read whether the server answers it or says why not."""
    talk = Talk()
    talk.say(b"*1\r\n$4\r\nPING\r\n")
    line = yield from talk.line()
    code, _, words = line[1:].partition(" ")
    if line[:1] not in ("+", "-") or not code:
        raise ExchangeError(f"a line that begins with {line[:1]!r}")
    answer = ApplicationAnswer(
        application=Application.REDIS, asked="PING", code=code, words=words.strip()
    )
    return answer, b""
