"""The protocols that are spoken inside TLS here, and what a server answers in them.

This module must not know what an answer means for the client.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Application(enum.Enum):
    """A protocol inside TLS; ``value`` is its name in commands, ``title`` the one for people."""

    HTTP1 = "http1"
    HTTP2 = "http2"
    GRPC = "grpc"
    POSTGRES = "postgres"
    MYSQL = "mysql"
    SMTP = "smtp"
    LMTP = "lmtp"
    IMAP = "imap"
    POP3 = "pop3"
    LDAP = "ldap"
    MQTT = "mqtt"
    REDIS = "redis"
    NONE = "none"

    @property
    def title(self) -> str:
        """The protocol as it is written in a sentence."""
        return _TITLES.get(self.value) or self.value.upper()


_TITLES = {
    "http1": "HTTP/1.1",
    "http2": "HTTP/2",
    "grpc": "gRPC",
    "postgres": "PostgreSQL",
    "mysql": "MySQL",
    "redis": "Redis",
    "none": "nothing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationAnswer:
    """What a server answered inside TLS, as this program's client read it.

    ``asked`` is what the client had asked, in the protocol's words ("SASL EXTERNAL bind").
    ``code`` is what the answer says, in the protocol's own terms ("28000", "421", "PONG"), and
    ``words`` the text that came with it, as the server sent it. Where no answer of the protocol
    came in time, ``asked`` and ``code`` are "", and ``words`` says what came instead.
    """

    application: Application
    asked: str
    code: str
    words: str = ""

    @property
    def sentence(self) -> str:
        """The answer in a few words, as the server sent it: "MQTT 5: not authorized"."""
        title = self.application.title
        if not self.code:
            return f"{title}: {self.words}"
        # In HTTP/2 the words are a body, which may be a page.
        is_short = self.words and self.application is not Application.HTTP2
        return f"{title} {self.code}: {self.words}" if is_short else f"{title} {self.code}"
