"""How far a handshake has come: its version, and whether the server accepted the client's flight.

This module must not know how a connection ended.
"""

from __future__ import annotations

from lab.tls.events import ChangeCipherSpecSeen, Endpoint, Event, MessageSeen
from lab.tls.messages import (
    CertificateRequest,
    ClientKeyExchange,
    Finished,
    HelloRetryRequest,
    NewSessionTicket,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)

_OLDER = (ServerKeyExchange, ServerHelloDone, ClientKeyExchange)  # what TLS 1.3 does not have


_NOBODY: frozenset[Endpoint] = frozenset()  # one for all: each takes 216 bytes
TELLING = {
    ServerHello,
    HelloRetryRequest,
    *_OLDER,
    Finished,
    NewSessionTicket,
    CertificateRequest,
}
"""The messages that tell how far a handshake has come."""


class HandshakeProgress:
    """Follows the messages that could be read.

    * ``tls13`` and ``older`` tell the version that was agreed on; neither, that it is not known.
    * ``client_finished`` tells that the client's Finished was read.
    * ``acceptance`` is the event by which the server is known to have accepted the client's last
      flight. ``asked`` tells that it asked for a certificate, ``asked_again`` that it did after
      that.
    """

    __slots__ = (
        "_both_changed",
        "_changed",
        "acceptance",
        "asked",
        "asked_again",
        "client_finished",
        "older",
        "tls13",
    )

    def __init__(self) -> None:
        self.tls13 = False
        self.older = False
        self.client_finished = False
        self.acceptance: Event | None = None
        self.asked = False
        self.asked_again = False
        self._changed: frozenset[Endpoint] = _NOBODY
        self._both_changed: Event | None = None

    @property
    def client_completed(self) -> bool:
        """Whether the client has sent its last flight."""
        return self.client_finished or (self.older and Endpoint.CLIENT in self._changed)

    @property
    def may_precede_judgement(self) -> bool:
        """Whether the server may send data and not have judged the client's certificate yet.

        In TLS 1.3 it may do so behind its own Finished (RFC 9846 section 2).
        """
        return self.tls13 and self.asked and not self.client_finished and self.acceptance is None

    def take_message(self, event: MessageSeen) -> None:
        """Take the next message of either end, of a class that is in ``TELLING``."""
        message = event.message
        if isinstance(message, ServerHello):
            self.tls13 = message.is_tls13
            self.older = not self.tls13
        elif isinstance(message, _OLDER):
            self.know_older()
        elif isinstance(message, Finished):
            self.client_finished |= event.endpoint is Endpoint.CLIENT
        elif isinstance(message, NewSessionTicket):
            # In TLS 1.3 the server's flight comes before it judges the client's certificate; a
            # ticket behind the client's Finished comes after that (RFC 9846 section 4.7.1).
            if self.tls13 and self.client_finished:
                self.accept(event)
        elif isinstance(message, CertificateRequest):
            self.asked = True
            self.asked_again |= self.acceptance is not None

    def take_change(self, event: ChangeCipherSpecSeen, *, is_whole: bool) -> None:
        """Take a ChangeCipherSpec; ``is_whole`` tells that nothing before it is missing.

        In TLS 1.2 the server sends its own only after it has judged the client's certificate, so
        both ends' show that it accepted the client (RFC 5246 section 7.3).
        """
        self._changed |= {event.endpoint}
        if len(self._changed) == len(Endpoint) and self._both_changed is None:
            self._both_changed = event
            # TLS 1.3 has dummy ones, and the hello that tells may be what is missing.
            if self.older or (is_whole and not self.tls13):
                self.accept(event)

    def know_older(self) -> None:
        """Take that the version is TLS 1.2 or before, as something that came shows."""
        self.older = not self.tls13
        if self.older and self._both_changed is not None:
            self.accept(self._both_changed)

    def accept(self, event: Event) -> None:
        """Take that ``event`` shows that the server accepted the client's last flight."""
        if self.acceptance is None:
            self.acceptance = event
