"""How heartbeat messages lie in their records (RFC 6520).

Rules: a message that is too short or promises more than it holds is read as far as it goes: it
breaks no syntax, and whoever receives it discards it silently (section 4).

This module must not know what was negotiated.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.tls.code_points import HeartbeatMessageType
from lab.tls.records import MAX_PLAINTEXT

_HEADER = 3
_LEAST_PADDING = 16


class Heartbeat(NamedTuple):
    """What one record holds of a heartbeat message (RFC 6520 section 4).

    ``message_type`` and ``payload_length`` are None where a record goes on with the message of
    the one before, or is too short to tell.
    """

    message_type: HeartbeatMessageType | None
    payload_length: int | None


class HeartbeatReader:
    """Reads the heartbeats of one sender.

    A message may not be longer than a record, but servers with the Heartbleed bug (CVE-2014-0160)
    send longer ones, in records of which all but the last are full.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = 0

    def read(self, data: bytes) -> Heartbeat:
        """Read the next record's content."""
        rest = self._rest
        self._rest = 0
        if rest:
            self._rest = max(0, rest - len(data)) if len(data) >= MAX_PLAINTEXT else 0
            return Heartbeat(None, None)
        if len(data) < _HEADER:
            return Heartbeat(None, None)
        payload_length = data[1] << 8 | data[2]
        if len(data) >= MAX_PLAINTEXT:
            self._rest = max(0, _HEADER + payload_length + _LEAST_PADDING - len(data))
        return Heartbeat(HeartbeatMessageType(data[0]), payload_length)


def is_heartbeat(data: bytes) -> bool:
    """Return whether ``data`` is likely to be a heartbeat in the clear, not ciphertext."""
    if len(data) < _HEADER or data[0] not in (1, 2):
        return False
    return _HEADER + (data[1] << 8 | data[2]) + _LEAST_PADDING <= len(data)
