"""The ClientHello in the form of SSL 2, which clients of TLS 1.2 and older may send first.

Source: RFC 5246 appendix E.2. What follows it, in both directions, is records of TLS.

This module must not know what SSL 2 itself sends behind such a hello.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import CodePoints
from lab.tls.code_points import CompressionMethod, ContentType, ProtocolVersion
from lab.tls.events import RecordSpan
from lab.tls.reader import Reader
from lab.tls.records import Record

PREFIX = 11
"""How many bytes tell that it is one: its record's header and its own lengths."""
_HEADER, _BODY = 2, 9
_MOST = 2**12  # bytes of one; the least that TLS must be able to take is far below
_CLIENT_HELLO = 1
_RANDOM = 32
_SPEC = 3


class SSLv2Hello(NamedTuple):
    """A whole hello, without the two bytes of its record's header, and where it lies."""

    message: bytes
    span: RecordSpan

    @property
    def record(self) -> Record:
        """Its record, whose header has two bytes of length."""
        header = (0x8000 | len(self.message)).to_bytes(_HEADER, "big")
        return Record(ContentType.HANDSHAKE, header, self.message, self.span)


def may_begin_sslv2_hello(first: bytes) -> bool:
    """Return whether such a hello for TLS or SSL 3 begins with ``first``, as far as that tells.

    Once ``PREFIX`` bytes are there, its lengths must fit together.
    """
    header = first[:PREFIX].ljust(5, b"\0")
    length = int.from_bytes(header[:_HEADER], "big") - 0x8000
    if not _BODY < length <= _MOST or header[2] != _CLIENT_HELLO or header[3] != 3:
        return False
    if len(header) < PREFIX:
        return True
    specs, session_id, challenge = (
        int.from_bytes(header[at : at + 2], "big") for at in range(5, PREFIX, 2)
    )
    fits = _BODY + specs + session_id + challenge == length
    return fits and specs > 0 and specs % _SPEC == 0 and challenge > 0


def length_of(first: bytes) -> int:
    """Return how long the record is that ``first`` begins, its header included."""
    return _HEADER + int.from_bytes(first[:_HEADER], "big") - 0x8000


def parse_sslv2_hello(reader: Reader) -> msg.ClientHello:
    """Return the hello that ``reader`` reads as the ClientHello that it stands for.

    Its challenge is the random, with zeros before it, or its last 32 bytes. Cipher kinds of SSL 2
    itself are left out. Raises ``WireError`` where it breaks the syntax.
    """
    reader.uint8("msg_type")
    version = ProtocolVersion(reader.uint16("version"))
    lengths = [
        reader.uint16(f"{name}_length") for name in ("cipher_spec", "session_id", "challenge")
    ]
    specs = reader.fixed(lengths[0], "cipher_specs")
    session_id = reader.fixed(lengths[1], "session_id")
    challenge = reader.fixed(lengths[2], "challenge")
    reader.finish()
    kinds = [specs[at : at + _SPEC] for at in range(0, len(specs), _SPEC)]
    suites = b"".join(kind[1:] for kind in kinds if not kind[0])
    return msg.ClientHello(
        legacy_version=version,
        random=challenge[-_RANDOM:].rjust(_RANDOM, b"\0"),
        legacy_session_id=session_id,
        cipher_suites=CodePoints(CipherSuite, suites),
        legacy_compression_methods=CodePoints(CompressionMethod, b"\0"),
        in_sslv2_form=True,
    )
