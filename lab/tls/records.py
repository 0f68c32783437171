"""Records: cutting one direction's bytes into TLSPlaintext and TLSCiphertext units.

Rules: bytes go in at any split; ``next()`` gives a record, or None for "need more", or raises
``WireError``. Nothing beyond one record and the last piece fed is kept. What is inside a record
is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.tls.codepoints import ContentType, ProtocolVersion
from lab.tls.reader import WireError

HEADER = 5
"""Bytes of a record's header (RFC 8446 section 5.1)."""
MAX_PLAINTEXT = 2**14
"""The longest plaintext of a record in bytes (RFC 8446 section 5.1)."""
MAX_FRAGMENT = MAX_PLAINTEXT + 2048
"""The longest protected fragment in bytes (RFC 5246 section 6.2.3; TLS 1.3 allows less)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies on the wire; ``offset`` is the place of its header in the stream."""

    content_type: ContentType
    version: int
    fragment: bytes
    offset: int

    @property
    def header(self) -> bytes:
        """The five bytes of its header."""
        return b"%c%c%c%c%c" % (
            self.content_type,
            self.version >> 8,
            self.version & 0xFF,
            len(self.fragment) >> 8,
            len(self.fragment) & 0xFF,
        )


class RecordReader:
    """Cuts the bytes of one direction into records."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._offset = 0

    @property
    def offset(self) -> int:
        """How many bytes of the stream have been given out as records."""
        return self._offset

    @property
    def pending(self) -> bytes:
        """The bytes that are not yet a whole record."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add ``data`` at the end of the stream."""
        self._buffer += data

    def next(self) -> Record | None:
        """The next record, or None until more bytes come.

        Raises ``WireError`` for a header that no TLS record has.
        """
        buffer = self._buffer
        if len(buffer) < HEADER:
            return None
        content_type = _TYPES.get(buffer[0])
        if content_type is None:
            raise WireError("TLSPlaintext.type", f"{ContentType(buffer[0])} is no record of TLS")
        version = buffer[1] << 8 | buffer[2]
        if buffer[1] != 3:
            raise WireError(
                "TLSPlaintext.legacy_record_version", f"{ProtocolVersion(version)} is no TLS"
            )
        length = buffer[3] << 8 | buffer[4]
        if length > MAX_FRAGMENT:
            raise WireError(
                "TLSPlaintext.length", f"{length} where at most {MAX_FRAGMENT} is allowed"
            )
        end = HEADER + length
        if len(buffer) < end:
            return None
        fragment = bytes(buffer[HEADER:end])
        del buffer[:end]
        offset = self._offset
        self._offset = offset + end
        return Record(content_type, version, fragment, offset)


# RFC 8446 section 5.1: an unexpected type ends the connection; heartbeat (RFC 6520) and the
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
