"""Recognises TLS that is not over TCP, DTLS and QUIC, which is named and not decoded.

Rules: each flow of datagrams is told once; how many flows are remembered is bounded.
"""

from __future__ import annotations

from lab.capture.flow_keys import addresses, reversed_key
from lab.capture.results import Address, CaptureItem, NotDecoded

MAX_REMEMBERED = 2**13
"""How many flows of datagrams are remembered as told."""

# QUIC's versions 1 (RFC 9000 section 15) and 2 (RFC 9369), and the drafts.
_QUIC_VERSIONS = (b"\0\0\0\x01", b"\x6b\x33\x43\xcf")
_QUIC_DRAFT = b"\xff\0\0"
_QUIC_MAX_ID = 20
_DTLS_VERSIONS = (b"\xfe\xff", b"\xfe\xfd")  # 1.0, and 1.2 which 1.3 shows as well
_DTLS_HEADER = 13
_CLIENT_HELLO, _SERVER_SAYS = 1, (2, 3)


class Datagrams:
    """The flows of datagrams of one capture; ``items`` is where what is found is put."""

    def __init__(self, items: list[CaptureItem]) -> None:
        self._items = items
        self._told: dict[bytes, None] = {}

    def take(self, key: bytes, time: float, data: bytes, length: int) -> None:
        """Take a datagram that had ``length`` bytes, of which ``data`` was captured."""
        if len(data) < _DTLS_HEADER:
            return
        what = "QUIC" if _is_quic(data) else "DTLS" if _is_dtls(data, length) else ""
        if not what:
            return
        source, target = addresses(key)
        flow = min(key, reversed_key(key))
        if flow in self._told:
            return
        self._told[flow] = None
        if len(self._told) > MAX_REMEMBERED:
            del self._told[next(iter(self._told))]
        client, server = _ends(source, target, data if what == "DTLS" else b"")
        self._items.append(NotDecoded(what=what, client=client, server=server, time=time))


def _is_quic(data: bytes) -> bool:
    """Return whether a datagram is a packet of QUIC with a long header (RFC 8999 section 5.1)."""
    version = data[1:5]
    known = version in _QUIC_VERSIONS or version.startswith(_QUIC_DRAFT)
    return data[0] & 0xC0 == 0xC0 and known and data[5] <= _QUIC_MAX_ID


def _is_dtls(data: bytes, length: int) -> bool:
    """Return whether a datagram begins with a record of DTLS (RFC 6347 section 4.1)."""
    fits = 0 < data[11] << 8 | data[12] <= length - _DTLS_HEADER
    return 20 <= data[0] <= 23 and data[1:3] in _DTLS_VERSIONS and fits


def _ends(source: Address, target: Address, dtls: bytes) -> tuple[Address, Address]:
    """Return client and server: as a hello tells, else the lower port is the server's."""
    message = (
        dtls[_DTLS_HEADER]
        if len(dtls) > _DTLS_HEADER and dtls[:1] == b"\x16" and dtls[3:5] == b"\0\0"
        else 0
    )
    if message == _CLIENT_HELLO:
        return source, target
    if message in _SERVER_SAYS or source.port < target.port:
        return target, source
    return source, target
