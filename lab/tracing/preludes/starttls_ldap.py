"""StartTLS of LDAP: an extended operation (RFC 4511 section 4.14)."""

from __future__ import annotations

from typing import NamedTuple

from lab.tracing.preludes.prelude_stream import PreludeStream

_OID = b"1.3.6.1.4.1.1466.20037"
# LDAPMessage { messageID 1, ExtendedRequest [APPLICATION 23] { requestName [0] } }
_OPERATION = bytes((0x77, len(_OID) + 2, 0x80, len(_OID))) + _OID
_REQUEST = bytes((0x30, len(_OPERATION) + 3, 0x02, 0x01, 0x01)) + _OPERATION
_SEQUENCE, _EXTENDED_RESPONSE = 0x30, 0x78
_MOST = 1 << 13
_PROTOCOL_ERROR = 2
_LOG = "read the server's log: its TLS is not usable now"
# RFC 4511 appendix A.1: what a server may answer to this operation.
_RESULTS = {
    1: "operationsError",
    2: "protocolError",
    3: "timeLimitExceeded",
    8: "strongerAuthRequired",
    10: "referral",
    12: "unavailableCriticalExtension",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
    80: "other",
}


class _Element(NamedTuple):
    tag: int
    content: bytes


async def upgrade_ldap(stream: PreludeStream) -> None:
    """Ask for StartTLS; the server answers with a result code."""
    await stream.send(_REQUEST)
    what = "answer to StartTLS (an ExtendedResponse)"
    start = await stream.exactly(2, what)
    length = start[1]
    if length & 0x80:
        octets = await stream.exactly(min(length & 0x7F, 4), what)
        start, length = start + octets, int.from_bytes(octets, "big")
    if start[0] != _SEQUENCE or length > _MOST:
        raise stream.unexpected(start + stream.take_held())
    message = await stream.exactly(length, what)
    try:
        _, response = _elements(message)[:2]
        code, _, words = _elements(response.content)[:3]
    except ValueError:
        raise stream.unexpected(start + message) from None
    if response.tag != _EXTENDED_RESPONSE:
        raise stream.unexpected(start + message)
    number = int.from_bytes(code.content, "big")
    if number:
        name = _RESULTS.get(number, "a result")
        said = f"{name} ({number}) ".encode() + words.content
        unknown = "give slapd olcTLSCertificateFile and its key (TLSCertificateFile), or use ldaps"
        raise stream.refused(said, unknown if number == _PROTOCOL_ERROR else _LOG)


def _elements(data: bytes) -> list[_Element]:
    """Return the elements that ``data`` is made of. Raises ValueError."""
    found, at = [], 0
    while at < len(data):
        tag, length = data[at], data[at + 1] if at + 1 < len(data) else 0x80
        at += 2
        if length & 0x80:
            octets = length & 0x7F
            if not 0 < octets <= 4:
                raise ValueError("a length of no or of many bytes")
            length, at = int.from_bytes(data[at : at + octets], "big"), at + octets
        if at + length > len(data):
            raise ValueError("an element that is cut off")
        found.append(_Element(tag, data[at : at + length]))
        at += length
    return found
