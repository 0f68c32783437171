"""TLS 1.2 sessions of earlier connections, by which those that resume them are opened.

Rules: a connection that resumes a session has the master secret of that session (RFC 5246 section
7.3), whatever its own random is. Sessions are known by the server's session ID or by the ticket
(RFC 5077 section 3.4). How many are kept is bounded: the oldest go first.
"""

from __future__ import annotations

import hashlib

from lab.tls.extensions import SessionTicket
from lab.tls.messages import (
    ClientHello,
    ClientKeyExchange,
    HandshakeMessage,
    NewSessionTicket,
    ServerHello,
)

MAX_SESSIONS = 16_384
"""How many session IDs and tickets are kept with their master secrets."""


class Sessions:
    """The master secrets of sessions; one object for all connections that may share sessions."""

    def __init__(self) -> None:
        self._secrets: dict[bytes, bytes] = {}

    def remember(self, name: bytes, master_secret: bytes) -> None:
        """Keep the master secret of the session that ``name`` names."""
        self._secrets.pop(name, None)
        self._secrets[name] = master_secret
        if len(self._secrets) > MAX_SESSIONS:
            del self._secrets[next(iter(self._secrets))]

    def find(self, name: bytes) -> bytes | None:
        """Return the master secret of the session that ``name`` names, or None."""
        return self._secrets.get(name)


def _by_id(session_id: bytes) -> bytes:
    return b"id" + session_id


def _by_ticket(ticket: bytes) -> bytes:
    return b"ticket" + hashlib.sha256(ticket).digest()  # tickets may be long


class ConnectionSession:
    """The session that one connection begins or resumes."""

    __slots__ = ("_master_secret", "_names", "_offered", "_sessions")

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._offered: list[bytes] = []  # the names of the session that it may resume
        self._names: list[bytes] = []  # the names that it gives its own
        self._master_secret: bytes | None = None

    def client_hello(self, hello: ClientHello) -> None:
        """Follow the client's hello: a new handshake begins."""
        ticket = hello.find(SessionTicket)
        self._offered = [_by_ticket(ticket.ticket)] if ticket and ticket.ticket else []
        if hello.legacy_session_id:
            self._offered.append(_by_id(hello.legacy_session_id))
        self._names, self._master_secret = [], None

    def server_hello(self, hello: ServerHello) -> None:
        """Follow the server's hello."""
        if hello.legacy_session_id_echo:
            self._name(_by_id(hello.legacy_session_id_echo))

    def follow(self, message: HandshakeMessage) -> None:
        """Follow a message behind the hellos. Where keys are exchanged, no session is resumed."""
        if isinstance(message, ClientKeyExchange):
            self._offered = []
        elif isinstance(message, NewSessionTicket) and message.ticket:
            self._name(_by_ticket(message.ticket))

    def resumed(self) -> bytes | None:
        """Return the master secret of the session that is resumed, or None where it is unknown."""
        found = (self._sessions.find(name) for name in self._offered)
        return next((secret for secret in found if secret is not None), None)

    def learn(self, master_secret: bytes) -> None:
        """Keep the connection's master secret for those that will resume its session."""
        self._master_secret = master_secret
        for name in self._names:
            self._sessions.remember(name, master_secret)
        self._names = []

    def _name(self, name: bytes) -> None:
        if self._master_secret is not None:
            self._sessions.remember(name, self._master_secret)
        elif len(self._names) < _MOST_NAMES:
            self._names.append(name)


_MOST_NAMES = 8
