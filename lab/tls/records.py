"""One direction's bytes: what they are, cut into records, and into the messages inside of them.

Rules: bytes go in at any split; ``records()`` yields those that are whole, or raises
``WireError``. Nothing beyond one record and the last piece fed is kept, nor more than one message,
of bounded length and from a bounded number of records. What is in either is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lab.tls.code_points import ContentType, ProtocolVersion
from lab.tls.events import Protocol, RecordSpan
from lab.tls.reader import MAX_MESSAGE, MAX_RECORDS, BeyondLimit, WireError

HEADER = 5
"""Bytes of a record's header (RFC 9846 section 5.1)."""
MAX_PLAINTEXT = 2**14
"""The longest plaintext of a record in bytes (RFC 9846 section 5.1)."""
MAX_FRAGMENT = MAX_PLAINTEXT + 2048
"""The longest protected fragment in bytes (RFC 5246 section 6.2.3; TLS 1.3 allows less)."""
_MESSAGE_HEADER = 4

_HTTP = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ")
_HTTP_STARTS = tuple(start[:HEADER] for start in (*_HTTP, b"PATCH ", b"PRI * ", b"HTTP/"))
# What an HTTP/0.9 response begins with, which has no head: some servers answer in it what they
# cannot read. In lower case.
_HTML_STARTS = tuple(start[:HEADER] for start in (b"<!doctype", b"<html", b"<head"))
# How servers greet that speak first: RFC 5321 section 4.2 and RFC 959 section 4.2, RFC 1939
# section 4, RFC 3501 section 7.1, RFC 4253 section 4.2.
_GREETINGS = (
    (b"220 ", Protocol.SMTP_OR_FTP),
    (b"220-", Protocol.SMTP_OR_FTP),
    (b"+OK ", Protocol.POP3),
    (b"* OK ", Protocol.IMAP),
    (b"SSH-", Protocol.SSH),
    # How a proxy announces its client, in version 1 and in version 2 of the PROXY protocol.
    (b"PROXY", Protocol.PROXY),
    (b"\r\n\r\n\0", Protocol.PROXY),
)


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
            # As ``RecordSpan(...)`` and ``Record(...)``, which are Python code around these calls.
            span = _new(RecordSpan, (self.offset, end - at))
            self.offset += end - at
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


def looks_like_tls(first: bytes) -> bool:
    """Return whether a TLS record may begin with ``first``, which may be short.

    A record begins with its type, 20 to 23, and a version of 3.x (RFC 9846 section 5.1).
    """
    return 20 <= first[0] <= 23 and first[1:2] in (b"", b"\x03")


def sniff(first: bytes) -> Protocol:
    """Return what ``first``, which is not the start of a TLS record, looks like."""
    if first.startswith(_HTTP_STARTS) or first[:HEADER].lower().startswith(_HTML_STARTS):
        return Protocol.HTTP
    for greeting, protocol in _GREETINGS:
        if first.startswith(greeting):
            return protocol
    # MySQL's first packet: three bytes of length, the number 0, and the protocol's version 10, or
    # 255 for an error.
    if first[2:4] == b"\0\0" and first[4:5] in (b"\x0a", b"\xff"):
        return Protocol.MYSQL
    # RFC 4511 section 4.1.1: a SEQUENCE that begins with an INTEGER of one byte.
    if first[:1] == b"\x30" and first[2:4] == b"\x02\x01":
        return Protocol.LDAP
    # RFC 5246 appendix E.2: two bytes of length with the top bit set, the message type
    # client_hello, and the version that is asked for.
    hello = len(first) >= HEADER and first[0] & 0x80 and first[2] == 1
    if hello and (first[3] == 3 or first[3:5] == b"\x00\x02"):
        return Protocol.SSLV2
    return Protocol.UNKNOWN


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
        if came < _MESSAGE_HEADER:
            return came, None
        return came, _MESSAGE_HEADER + int.from_bytes(
            self._data[at + 1 : at + _MESSAGE_HEADER], "big"
        )

    def is_whole(self, fragment: bytes) -> bool:
        """Whether ``fragment`` is one message from start to end, and nothing came before it."""
        length = len(fragment) - _MESSAGE_HEADER
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
        while have >= self._at + _MESSAGE_HEADER:
            at = self._at
            length = data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
            if length > MAX_MESSAGE:
                limit = f"{length} where at most {MAX_MESSAGE} is read"
                raise BeyondLimit("Handshake.length", limit)
            end = at + _MESSAGE_HEADER + length
            if have < end:
                break
            self._at = end
            yield bytes(data[at:end]), tuple(self._spans)
            self._spans = [span]
        if self._at == have:
            self._data, self._at = b"", 0  # what is read is not kept
        elif len(self._spans) > MAX_RECORDS:
            raise BeyondLimit("Handshake", f"a message in more than {MAX_RECORDS} records")


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
_new = tuple.__new__
