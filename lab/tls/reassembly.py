"""Putting one direction's handshake messages together out of records.

Rules: fragments go in; whole messages come out as soon as they are there, or ``BeyondLimit``. One
message is kept at most, of bounded length and from a bounded number of records.

This module must not know what a message says.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.tls.bounds import MAX_MESSAGE, MAX_RECORDS
from lab.tls.events import RecordSpan
from lab.tls.reader import BeyondLimit

_HEADER = 4


Reassembled = tuple[bytes, tuple[RecordSpan, ...]]
"""A message with its header, and the records that carried it."""


class MessageReassembler:
    """Collects handshake fragments of one direction."""

    __slots__ = ("_at", "_data", "_spans")

    def __init__(self) -> None:
        self._data: bytes | bytearray = b""
        self._at = 0
        self._spans: list[RecordSpan] = []

    @property
    def unfinished(self) -> bool:
        """Whether bytes are left that no message given out has used."""
        return self._at < len(self._data)

    @property
    def progress(self) -> tuple[int, int | None]:
        """How many bytes came of such a message, and how many it has, if that came."""
        came, at = len(self._data) - self._at, self._at
        if came < _HEADER:
            return came, None
        return came, _HEADER + int.from_bytes(self._data[at + 1 : at + _HEADER], "big")

    def is_whole(self, fragment: bytes) -> bool:
        """Whether ``fragment`` is one message from start to end, and nothing came before it."""
        length = len(fragment) - _HEADER
        return (
            length >= 0
            and not self._data
            and fragment[1] << 16 | fragment[2] << 8 | fragment[3] == length
        )

    def add(self, fragment: bytes, span: RecordSpan) -> Iterator[Reassembled]:
        """Add the content of the record at ``span``: the messages that it completes.

        Raises ``BeyondLimit`` where the next message passes the bounds.
        """
        if self._at < len(self._data):
            if not isinstance(self._data, bytearray) or self._at:
                self._data = bytearray(self._data[self._at :])
            self._data += fragment
            self._spans.append(span)
        else:
            self._data, self._spans = fragment, [span]
        self._at = 0
        data, have = self._data, len(self._data)
        while have >= self._at + _HEADER:
            at = self._at
            length = data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
            if length > MAX_MESSAGE:
                limit = f"{length} where at most {MAX_MESSAGE} is read"
                raise BeyondLimit("Handshake.length", limit)
            end = at + _HEADER + length
            if have < end:
                break
            self._at = end
            yield bytes(data[at:end]), tuple(self._spans)
            self._spans = [span]
        if self._at == have:
            self._data, self._at = b"", 0  # what is read is not kept
        elif len(self._spans) > MAX_RECORDS:
            raise BeyondLimit("Handshake", f"a message in more than {MAX_RECORDS} records")
