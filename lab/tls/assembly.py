"""Putting one direction's handshake messages together out of records.

Rules: fragments go in; ``next()`` gives a whole message, or None for "need more", or raises
``WireError``. One message is kept at most, of bounded length and from a bounded number of
records.

This module must not know what a message says.
"""

from __future__ import annotations

from lab.tls.events import RecordSpan
from lab.tls.message_parsing import MAX_MESSAGE
from lab.tls.reader import WireError

MAX_RECORDS = 4096
"""How many records one message may span: 64 bytes each, RFC 8449's least, for the longest."""

_HEADER = 4


class MessageAssembler:
    """Collects handshake fragments of one direction."""

    def __init__(self) -> None:
        self._data: bytes | bytearray = b""
        self._at = 0
        self._spans: list[RecordSpan] = []

    @property
    def unfinished(self) -> bool:
        """Whether bytes are left that no message given out has used."""
        return self._at < len(self._data)

    def add(self, fragment: bytes, span: RecordSpan) -> None:
        """Add the content of the record at ``span``."""
        if not self.unfinished:
            self._data, self._at, self._spans = fragment, 0, [span]
            return
        if isinstance(self._data, bytes):
            self._data = bytearray(self._data[self._at :])
            self._at = 0
        self._data += fragment
        self._spans.append(span)
        if len(self._spans) > MAX_RECORDS:
            raise WireError("Handshake", f"a message in more than {MAX_RECORDS} records")

    def next(self) -> tuple[bytes, tuple[RecordSpan, ...]] | None:
        """The next message with its header, and the records that carried it."""
        data, at = self._data, self._at
        have = len(data) - at
        if have < _HEADER:
            return None
        length = int.from_bytes(data[at + 1 : at + _HEADER], "big")
        if length > MAX_MESSAGE:
            raise WireError("Handshake.length", f"{length} where at most {MAX_MESSAGE} is read")
        if have < _HEADER + length:
            return None
        self._at = at + _HEADER + length
        spans = tuple(self._spans)
        del self._spans[:-1]
        return bytes(data[at : self._at]), spans
