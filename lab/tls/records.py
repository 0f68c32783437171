"""Records: cutting one direction's bytes into TLSPlaintext and TLSCiphertext units.

Rules: bytes go in at any split; ``records()`` yields those that are whole, or raises
``WireError``. Nothing beyond one record and the last piece fed is kept. What is inside a record
is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lab.tls.code_points import ContentType, ProtocolVersion
from lab.tls.events import RecordSpan
from lab.tls.frozen_values import constructor
from lab.tls.reader import WireError

HEADER = 5
"""Bytes of a record's header (RFC 9846 section 5.1)."""
MAX_PLAINTEXT = 2**14
"""The longest plaintext of a record in bytes (RFC 9846 section 5.1)."""
MAX_FRAGMENT = MAX_PLAINTEXT + 2048
"""The longest protected fragment in bytes (RFC 5246 section 6.2.3; TLS 1.3 allows less)."""


class Record(NamedTuple):
    """One record as it lies on the wire: five bytes of ``header``, and ``fragment`` after them."""

    content_type: ContentType
    header: bytes
    fragment: bytes
    span: RecordSpan


class RecordReader:
    """Cuts the bytes of one direction into records.

    ``offset`` is how many bytes of the stream have been given out as records.
    """

    __slots__ = ("_at", "_buffer", "offset")

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._at = 0
        self.offset = 0

    @property
    def pending(self) -> bytes:
        """The bytes that are not yet a whole record."""
        return bytes(self._buffer[self._at :])

    @property
    def unfinished(self) -> tuple[int, int | None]:
        """How many bytes came of a record that is not whole, and how many it has, if that came."""
        came, at = len(self._buffer) - self._at, self._at
        if came < HEADER:
            return came, None
        return came, HEADER + int.from_bytes(self._buffer[at + HEADER - 2 : at + HEADER], "big")

    def feed(self, data: bytes) -> None:
        """Add ``data`` at the end of the stream."""
        if self._at == len(self._buffer):
            self._buffer = data
        elif isinstance(self._buffer, bytearray) and not self._at:
            self._buffer += data
        else:
            self._buffer = bytearray(self._buffer[self._at :]) + data
        self._at = 0

    def records(self) -> Iterator[Record]:
        """Yield the records that are whole, each once.

        Raises ``WireError`` for a header that no TLS record has.
        """
        buffer, at = self._buffer, self._at
        have = len(buffer)
        while have >= (start := at + HEADER):
            content_type = _TYPES.get(buffer[at])
            length = buffer[at + 3] << 8 | buffer[at + 4]
            if content_type is None or buffer[at + 1] != 3 or length > MAX_FRAGMENT:
                raise _header_error(buffer[at:start], length)
            end = start + length
            if have < end:
                break
            if not isinstance(buffer, bytes):
                self._buffer = buffer = bytes(buffer)
            self._at = end
            span = _record_span(offset=self.offset, length=end - at)
            self.offset += end - at
            # As ``Record(...)``, which is Python code around this call.
            yield _new(Record, (content_type, buffer[at:start], buffer[start:end], span))
            at = end
        if at == have:
            self._buffer, self._at = b"", 0  # what is read is not kept


def _header_error(header: bytes | bytearray, length: int) -> WireError:
    if header[0] not in _TYPES:
        return WireError("TLSPlaintext.type", f"{ContentType(header[0])} is no record of TLS")
    if header[1] != 3:
        version = ProtocolVersion(header[1] << 8 | header[2])
        return WireError("TLSPlaintext.legacy_record_version", f"{version} is no TLS")
    return WireError("TLSCiphertext.length", f"{length} where at most {MAX_FRAGMENT} is allowed")


# RFC 9846 section 5.1: an unexpected type ends the connection; heartbeat (RFC 6520) and the
# types of DTLS are not for connections that are read here.
_TYPES = {
    int(content_type): content_type
    for content_type in (
        ContentType.CHANGE_CIPHER_SPEC,
        ContentType.ALERT,
        ContentType.HANDSHAKE,
        ContentType.APPLICATION_DATA,
    )
}
_record_span = constructor(RecordSpan)
_new = tuple.__new__
