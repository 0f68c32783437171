"""Tells whether an end of TLS says what only answers the other, which has said nothing so far.

A client sends its ClientHello, and maybe early data (RFC 9846 section 2.3), before it hears
anything; a server sends nothing but alerts before a ClientHello comes.
"""

from __future__ import annotations

from lab.tls.events import Endpoint

_ALERT, _HANDSHAKE = 21, 22
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_CLIENT_HELLO = 1


class FirstFlight:
    """Follows the records of one end from the first on."""

    __slots__ = ("_client", "_header", "_hello_left", "_left", "_over")

    def __init__(self, sender: Endpoint) -> None:
        self._client = sender is Endpoint.CLIENT
        self._header = b""
        self._left = 0
        self._hello_left: int | None = None
        self._over = False

    def answers(self, data: bytes) -> bool:
        """Return whether the next bytes hold what only follows bytes of the other end."""
        at = 0
        while at < len(data) and not self._over:
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            # Of the first record, the header of the message in it is read too.
            size = _RECORD_HEADER + (_MESSAGE_HEADER if self._hello_left is None else 0)
            step = size - len(self._header)
            self._header += data[at : at + step]
            at += step
            if len(self._header) == size and self._answers_in(self._header):
                return True
        return False

    def _answers_in(self, header: bytes) -> bool:
        self._header = b""
        kind, length = header[0], header[3] << 8 | header[4]
        self._left = length - (len(header) - _RECORD_HEADER)
        if not 20 <= kind <= 23 or header[1] != 3 or self._left < 0:
            self._over = True  # no record of TLS: nothing can be said
            return False
        first, self._hello_left = self._hello_left is None, self._hello_left or 0
        if not self._client or (first and header[5] != _CLIENT_HELLO):
            return kind != _ALERT
        if kind != _HANDSHAKE:
            return False
        if first:
            self._hello_left = _MESSAGE_HEADER + int.from_bytes(header[6:9], "big")
        if self._hello_left <= 0:
            return True
        self._hello_left -= length
        return False
