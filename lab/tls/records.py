"""One direction's bytes: what they are, cut into records, and into the messages inside of them.

Rules: bytes go in at any split; ``records()`` yields those that are whole, or raises
``WireError``. Nothing beyond one record and the last piece fed is kept, nor more than one message,
of bounded length and from a bounded number of records. What is in either is not looked at.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from lab.tls.code_points import ContentType, HandshakeType, ProtocolVersion
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
# section 4, RFC 3501 section 7.1, RFC 4253 section 4.2, RFC 5804 section 1.7, RFC 3977 section 5.1.
# XMPP's server answers anything with a stream of its own (RFC 6120 section 4.9.1.1).
_GREETINGS = (
    (b"220 ", Protocol.SMTP_OR_FTP),
    (b"220-", Protocol.SMTP_OR_FTP),
    (b"+OK ", Protocol.POP3),
    (b"* OK ", Protocol.IMAP),
    (b"SSH-", Protocol.SSH),
    (b'"IMPLEMENTATION"', Protocol.SIEVE),
    (b"200 ", Protocol.NNTP),
    (b"201 ", Protocol.NNTP),
    (b"<?xml version='1.0'?><stream:stream", Protocol.XMPP),
    (b"<stream:stream", Protocol.XMPP),
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

    ``offset`` is how many bytes of the stream have been given out as records, or passed over.
    Behind missing bytes it looks for the next header, and never finds fault with what it finds.
    """

    __slots__ = ("_at", "_buffer", "_lacking", "_lost", "_rest", "offset")

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._at = 0
        self.offset = 0
        self._lacking = False  # bytes of the stream are missing
        self._lost: int | None = None  # where the search for a header began, if there is one
        self._rest = 0  # bytes to come of a record that lacks others

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

    @property
    def begun(self) -> Record | None:
        """The record that is not whole, with as much of its fragment as came."""
        _, expected = self.unfinished
        if expected is None or self._lost is not None:
            return None
        start = self._at + HEADER
        header, fragment = bytes(self._buffer[self._at : start]), bytes(self._buffer[start:])
        span = RecordSpan(offset=self.offset, length=expected)
        return Record(ContentType(header[0]), header, fragment, span)

    def take(self, length: int) -> bytes:
        """Take the first ``length`` bytes that are pending, which are no record of TLS."""
        end = self._at + length
        taken = bytes(self._buffer[self._at : end])
        self._at = end
        self.offset += length
        return taken

    def feed(self, data: bytes) -> None:
        """Add ``data`` at the end of the stream."""
        if self._rest:
            passed = min(self._rest, len(data))
            self._rest -= passed
            self.offset += passed
            data = data[passed:]
        if self._at == len(self._buffer):
            self._buffer = data
        elif isinstance(self._buffer, bytearray) and not self._at:
            self._buffer += data
        else:
            self._buffer = bytearray(self._buffer[self._at :]) + data
        self._at = 0

    def miss(self, octets: int | None) -> int | None:
        """Go on behind missing bytes; return how many records are lost, None if nobody can tell.

        A record that has begun and ends behind them is the only one that is lost: where it ends is
        known. Otherwise the next header has to be found.
        """
        came, expected = self.unfinished
        records = 0 if self._rest else 1
        rest = self._rest if self._rest or self._lost is not None else (expected or came) - came
        self._buffer, self._at = b"", 0
        self.offset += came + (octets or 0)
        self._lacking = True
        if octets is not None and octets <= rest:
            self._rest, self._lost = rest - octets, None
            return records
        self._rest, self._lost = 0, self.offset
        return None

    def records(self) -> Iterator[Record]:
        """Yield the records that are whole, each once.

        Raises ``WireError`` for a header that no TLS record has, unless bytes are missing before.
        """
        if self._lost is not None and not self._find_header():
            return
        buffer, at = self._buffer, self._at
        have = len(buffer)
        while have >= (start := at + HEADER):
            number, major, length = _unpack_header(buffer, at)
            content_type = _TYPES.get(number)
            if content_type is None or major != 3 or length > MAX_FRAGMENT:
                if not self._lacking:
                    raise _header_error(buffer[at:start], length)
                self._lost = self.offset
                if not self._find_header():
                    return
                buffer, at = self._buffer, self._at
                have = len(buffer)
                continue
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

    def _find_header(self) -> bool:
        """Pass over bytes up to the next header of a record, or all that cannot be part of one.

        Returns whether there is one.

        A header is believed where bytes go on behind a hole with it, or where its record is
        followed by another header or by nothing yet: whoever sends sends whole records.
        """
        buffer, at, have = self._buffer, self._at, len(self._buffer)
        while (match := _HEADER_START.search(buffer, at)) is not None:
            first, at = self.offset + match.start() - self._at == self._lost, match.start()
            if have - at < HEADER:
                break
            if _is_header(buffer, at):
                end = at + HEADER + (buffer[at + 3] << 8 | buffer[at + 4])
                if end > have and not first:
                    break  # to be judged when its end has come
                if end >= have or _is_header(buffer, end):
                    self._lost = None
                    break
            at += 1
        else:
            at = max(at, have - HEADER + 1)
        self.offset += at - self._at
        self._at = at
        return self._lost is None


def _is_header(buffer: bytes | bytearray, at: int) -> bool:
    """Return whether a record may begin at ``at``, where its header may be cut short."""
    header = buffer[at : at + HEADER]
    if not 20 <= header[0] <= 24 or header[1:2] not in (b"", b"\x03"):
        return False
    if len(header) < HEADER:
        return True
    length = header[3] << 8 | header[4]
    return header[2] <= 4 and _LEAST[header[0]] <= length <= MAX_FRAGMENT


def begins_message(data: bytes) -> bool:
    """Return whether ``data`` is likely to be the start of a handshake message, not its middle.

    So it is where whole messages fill it, or where it begins with one that is often longer than a
    record.
    """
    at, have = 0, len(data)
    while have - at >= _MESSAGE_HEADER and data[at] in _MESSAGES:
        end = at + _MESSAGE_HEADER + int.from_bytes(data[at + 1 : at + _MESSAGE_HEADER], "big")
        if end >= have:
            return end == have or (at == 0 and data[0] in _LONG_MESSAGES and end < _MOST_LONG)
        at = end
    return False


def _header_error(header: bytes | bytearray, length: int) -> WireError:
    if header[0] not in _TYPES:
        return WireError("TLSPlaintext.type", f"{ContentType(header[0])} is no record of TLS")
    if header[1] != 3:
        version = ProtocolVersion(header[1] << 8 | header[2])
        return WireError("TLSPlaintext.legacy_record_version", f"{version} is no TLS")
    return WireError("TLSCiphertext.length", f"{length} where at most {MAX_FRAGMENT} is allowed")


def looks_like_tls(first: bytes) -> bool:
    """Return whether a TLS record may begin with ``first``, which may be short.

    A record begins with its type, 20 to 24, and a version of 3.x (RFC 9846 section 5.1).
    """
    return 20 <= first[0] <= 24 and first[1:2] in (b"", b"\x03")


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
    # How SSL 2 answers: server_hello, whether a session goes on, an X.509 certificate or none.
    if len(first) >= 7 and first[0] & 0x80 and first[2] == 4 and first[5:7] == b"\x00\x02":
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
    def begun(self) -> bytes:
        """As much as came of such a message."""
        return bytes(self._data[self._at :])

    def abandon(self) -> None:
        """Forget the message that has begun: the rest of it will not come."""
        self._data, self._at, self._spans = b"", 0, []

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
        return int.from_bytes(fragment[1:_MESSAGE_HEADER], "big") == length and not self._data

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


# RFC 9846 section 5.1: an unexpected type ends the connection; tls12_cid and ACK are of DTLS, which
# is not read here.
_TYPES = {
    int(content_type): content_type
    for content_type in (
        ContentType.CHANGE_CIPHER_SPEC,
        ContentType.ALERT,
        ContentType.HANDSHAKE,
        ContentType.APPLICATION_DATA,
        ContentType.HEARTBEAT,
    )
}
_HEADER_START = re.compile(rb"[\x14-\x18](?:\x03[\0-\x04]|\x03?\Z)", re.DOTALL)
# The shortest fragment of each type: an alert and a ChangeCipherSpec in the clear, a message's
# header, one byte under a tag of 8 with the content's type (RFC 6655), and a heartbeat's header.
_LEAST = {20: 1, 21: 2, 22: _MESSAGE_HEADER, 23: 10, 24: 3}
# Ciphertext often begins with zeros, as the nonce of an AEAD does (RFC 5288 section 3).
_MESSAGES = frozenset(map(int, HandshakeType)) - {HandshakeType.HELLO_REQUEST}
_LONG_MESSAGES = frozenset(
    map(
        int,
        (
            HandshakeType.CLIENT_HELLO,
            HandshakeType.CERTIFICATE,
            HandshakeType.CERTIFICATE_REQUEST,
            HandshakeType.CERTIFICATE_STATUS,
            HandshakeType.COMPRESSED_CERTIFICATE,
        ),
    )
)
_MOST_LONG = 2**16
_unpack_header = struct.Struct(">BBxH").unpack_from
_new = tuple.__new__
