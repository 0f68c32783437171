"""The status of an HTTP/1.1 response, read from the first bytes that a server sends.

This module must not know TLS.
"""

from __future__ import annotations

import re

# The answers by which an HTTP server refuses a client for who it is: RFC 9110 sections 15.5.1,
# 15.5.2 and 15.5.4, and nginx's own codes for a bad and for a missing certificate.
HTTP_REFUSALS = frozenset({400, 401, 403, 495, 496})

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: |\r)")
_SHORTEST = len(b"HTTP/1.1 200 ")
_HEAD_END = b"\r\n\r\n"
# What informational responses and a status line may be; more is not looked at.
_MOST_BYTES = 16384


class StatusReader:
    """Reads the status of the first final response (RFC 9112 section 4) from bytes as they come.

    Informational responses (RFC 9110 section 15.2) are passed over. ``status`` is None where there
    is none, or not yet; ``done`` tells that more bytes change nothing.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.done = False
        self._head = bytearray()
        self._room = _MOST_BYTES

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        searched = max(0, len(self._head) - len(_HEAD_END) + 1)
        self._head += data[: self._room]
        self._room -= min(len(data), self._room)
        while len(self._head) >= _SHORTEST:
            found = _STATUS_LINE.match(self._head)
            if found is None or int(found.group(1)) >= 200:
                self.status = int(found.group(1)) if found else None
                self.done = True
                return
            end = self._head.find(_HEAD_END, searched)
            if end < 0:
                self.done = not self._room
                return
            del self._head[: end + len(_HEAD_END)]
            searched = 0
        self.done = not self._room


def http_status(data: bytes) -> int | None:
    """Return the status of the first final HTTP/1.1 response in ``data``; None: there is none."""
    reader = StatusReader()
    reader.feed(data)
    return reader.status
