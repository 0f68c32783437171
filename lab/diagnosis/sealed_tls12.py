"""What records of TLS 1.2 and older that stay sealed mean, by their type, which is in the clear.

Rules: data is data, read or not. Of a sealed alert only its sender is known.

This module must not know what an end's own library reports.
"""

from __future__ import annotations

from lab.diagnosis.ending import Ending
from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import ContentType
from lab.tls.events import Endpoint, SealedSeen

_NOBODY: frozenset[Endpoint] = frozenset()  # one for all: each takes 216 bytes
_ALERT = 2
_SHORTEST_HELLO = 90  # a ServerHello with a key share of X25519 and no session ID to echo

DATA = (
    "both ends had changed to encryption, and the server sent data, so the handshake accepted the "
    "client; what was said inside cannot be read"
)
_CLOSED = (
    "both ends had changed to encryption, so the handshake accepted the client; the alert after it "
    "cannot be read and is most likely close_notify"
)
_REFUSED_AGAIN = (
    "the server had begun another handshake, and before that ended it sent an alert that cannot be "
    "read"
)
_NEGOTIATED_AGAIN = (
    "the handshake accepted the client; then another one was begun and not ended, and the alert "
    "that came in it cannot be read"
)
_CLIENT_LEFT = (
    "the handshake accepted the client, which then ended TCP without an alert; the server's alert "
    "after that cannot be read"
)
_UNANSWERED = (
    "the handshake accepted the client; the server answered its data with an alert that cannot be "
    "read, which may be close_notify or a refusal"
)


def shows_older(event: SealedSeen) -> bool:
    """Return whether a record that is taken for sealed can only be one of TLS 1.2 or older.

    Where the hellos are missing, an alert or a hello of TLS 1.3, in the clear behind a dummy
    ChangeCipherSpec, is taken for sealed as well: such an alert is 2 bytes, such a hello longer
    than a Finished.
    """
    if event.content_type is ContentType.ALERT:
        return event.length > _ALERT
    return event.content_type is ContentType.HANDSHAKE and event.length < _SHORTEST_HELLO


class SealedTls12:
    """Follows the sealed records of one connection of TLS 1.2 or older.

    ``negotiates`` is the end that has begun another handshake, which has not ended; None for none.
    """

    __slots__ = ("_alert", "_changed", "_client_left", "_client_wrote", "_finishing", "negotiates")

    def __init__(self) -> None:
        self._alert: SealedSeen | None = None
        self._changed: frozenset[Endpoint] = _NOBODY
        self._finishing: frozenset[Endpoint] = _NOBODY
        self._client_wrote = False
        self._client_left = False
        self.negotiates: Endpoint | None = None

    def change(self, sender: Endpoint) -> None:
        """Take a ChangeCipherSpec in the clear: the sender's next message is its Finished."""
        self._finishing |= {sender}

    def take(self, event: SealedSeen) -> None:
        """Take the next sealed record of either end."""
        kind = event.content_type
        if kind is ContentType.APPLICATION_DATA:
            self._client_wrote |= event.endpoint is Endpoint.CLIENT
        elif kind is ContentType.ALERT:
            self._alert = self._alert or event
        elif kind is ContentType.CHANGE_CIPHER_SPEC:
            self._changed |= {event.endpoint}
            self._finishing |= {event.endpoint}
            if len(self._changed) == len(Endpoint):
                self._changed = _NOBODY
                self.negotiates = None
        elif kind is not ContentType.HANDSHAKE:
            return  # a heartbeat (RFC 6520)
        elif event.endpoint in self._finishing:  # RFC 5246 section 7.4.9: its Finished
            self._finishing -= {event.endpoint}
        elif self.negotiates is None:
            self.negotiates = event.endpoint

    def client_closed(self) -> None:
        """Take that the client ended TCP, as far as it sends."""
        self._client_left = self._alert is None

    def ending(self) -> Ending | None:
        """Return what an accepted connection's sealed records mean where nothing follows."""
        first = self._alert
        if first is None:
            return None
        if Endpoint.SERVER is self.negotiates is first.endpoint:
            return Ending(
                result=Result.REJECTED,
                by=Endpoint.SERVER,
                signal=Signal.UNREAD_ALERT,
                event=first,
                ground=_REFUSED_AGAIN,
            )
        if self.negotiates is not None:  # either end may only not renegotiate
            return Ending(result=Result.UNKNOWN, ground=_NEGOTIATED_AGAIN)
        if self._client_left:
            return Ending(result=Result.UNKNOWN, ground=_CLIENT_LEFT)
        if first.endpoint is Endpoint.SERVER and self._client_wrote:
            return Ending(result=Result.UNKNOWN, ground=_UNANSWERED)
        return Ending(result=Result.ACCEPTED, event=first, ground=_CLOSED)
