"""Finds TCP segments and UDP datagrams in packets, through what they are wrapped in.

Rules: checksums are not looked at. Network cards fill them in after a capture has been taken, so
on the machine that sends they are wrong as a rule; and what matters is what the other end answered.
Packets that hold anything else, or are damaged, are passed over. Lengths come from the IP header:
what Ethernet adds behind it, to make a frame long enough, is no data.

This module must not know connections.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from lab.capture.ip_fragments import IpFragments

MAX_NESTING = 16
"""How many headers of links, tunnels and IP are looked through until TCP or UDP must come."""
MAX_LABELS = 16
"""How many labels of MPLS, or extension headers of IPv6, are passed over in one place."""


class Segment(NamedTuple):
    """A TCP segment.

    ``key`` is source, target, source port and target port, as they lie in the packet (see
    ``flow_keys``). ``absent`` is how many bytes the segment had behind ``data`` that were not
    captured.
    """

    key: bytes
    seq: int
    ack: int
    flags: int
    data: bytes
    absent: int


class Datagram(NamedTuple):
    """A UDP datagram of ``length`` bytes, of which ``data`` was captured; for ``key`` see above."""

    key: bytes
    data: bytes
    length: int


Found = Segment | Datagram | None
_Layer = Callable[[bytes, int, int], Found]
"""Reads what lies in a frame from a place on; the end is where it ended on the wire."""

_TCP, _UDP, _IPV4_IN_IP, _IPV6_IN_IP, _GRE, _AH = 6, 17, 4, 41, 47, 51
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _OPTIONS, _MOBILITY = 0, 43, 44, 60, 135
_EXTENSIONS = {_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AH, _OPTIONS, _MOBILITY}
_IPV4, _IPV6, _BRIDGED, _PPP, _ERSPAN = 0x0800, 0x86DD, 0x6558, 0x880B, 0x88BE
_PPP_TYPES = {0x21: _IPV4, 0x57: _IPV6}
_GENEVE_PORT, _VXLAN_PORT = 6081, 4789

_NO_LIMIT = 2**62

_16 = struct.Struct(">H").unpack_from
# Of IPv4: version and length of the header, total length, fragment, protocol.
_ipv4_header = struct.Struct(">BxH2xHxB").unpack_from
# Of Ethernet its type, of an IPv4 header the same, of TCP: numbers, length of the header, flags.
_tcp_in_ethernet = struct.Struct(">12xHBxH2xHxB14xIIBB").unpack_from
_tcp_header = struct.Struct(">4xIIBB").unpack_from
_new = tuple.__new__


class PacketReader:
    """Reads packets one by one, and puts fragments together."""

    def __init__(self) -> None:
        self._fragments = IpFragments()
        self._nesting = 0
        self._limit = _NO_LIMIT  # where a packet ends, whatever the length of IP says
        self._links: dict[int, _Layer] = {
            0: self._loopback,  # LINKTYPE_NULL
            1: self._ethernet,
            9: self._ppp,
            12: self._raw_ip,
            14: self._raw_ip,
            101: self._raw_ip,
            108: self._loopback,  # LINKTYPE_LOOP, of OpenBSD
            113: self._cooked,
            228: self._raw_ip,
            229: self._raw_ip,
            276: self._cooked_2,
        }
        self._types: dict[int, _Layer] = {
            _IPV4: self._raw_ip,
            _IPV6: self._raw_ip,
            0x8100: self._vlan,
            0x88A8: self._vlan,
            0x9100: self._vlan,
            0x8847: self._mpls,
            0x8848: self._mpls,
            0x8864: self._pppoe,
            _BRIDGED: self._ethernet,
            _PPP: self._ppp,
        }

    def reads(self, link_type: int) -> bool:
        """Return whether packets of this link type (LINKTYPE_ of tcpdump.org) are read."""
        return link_type in self._links

    def read(self, link_type: int, frame: bytes, length: int) -> Found:
        """Return what a packet holds that had ``length`` bytes on the wire; None: nothing known."""
        if link_type == 1 and len(frame) >= 54:
            kind, version, total, fragment, protocol, seq, ack, offset, flags = _tcp_in_ethernet(
                frame
            )
            # By far the most packets are of this form, so it has a way of its own.
            if kind == _IPV4 and version == 0x45 and protocol == _TCP and not fragment & 0x3FFF:
                end = 14 + total if total else length
                start = 34 + (offset >> 4) * 4
                absent = end - max(start, len(frame)) if end > len(frame) else 0
                if start < 54 or start > end:
                    return None
                segment = (frame[26:38], seq, ack, flags, frame[start:end], absent)
                return _new(Segment, segment)
        self._nesting, self._limit = 0, _NO_LIMIT
        try:
            return self._links[link_type](frame, 0, max(length, len(frame)))
        except (struct.error, IndexError):  # it ends inside of a header
            return None

    def _ethernet(self, frame: bytes, at: int, end: int) -> Found:
        return self._typed(_16(frame, at + 12)[0], frame, at + 14, end)

    def _typed(self, kind: int, frame: bytes, at: int, end: int) -> Found:
        """Read what has a type of Ethernet's (IEEE 802 numbers, IANA)."""
        layer = self._types.get(kind)
        self._nesting += 1
        if layer is None or self._nesting > MAX_NESTING:
            return None
        return layer(frame, at, end)

    def _vlan(self, frame: bytes, at: int, end: int) -> Found:
        return self._typed(_16(frame, at + 2)[0], frame, at + 4, end)

    def _cooked(self, frame: bytes, at: int, end: int) -> Found:
        return self._typed(_16(frame, at + 14)[0], frame, at + 16, end)

    def _cooked_2(self, frame: bytes, at: int, end: int) -> Found:
        return self._typed(_16(frame, at)[0], frame, at + 20, end)

    def _loopback(self, frame: bytes, at: int, end: int) -> Found:
        # The number of the address family is in the order of the machine that captured, and differs
        # between systems; the version of IP says as much.
        return self._raw_ip(frame, at + 4, end)

    def _mpls(self, frame: bytes, at: int, end: int) -> Found:
        """Pass over labels (RFC 3032); what is behind them says itself what it is."""
        for _ in range(MAX_LABELS):
            bottom = frame[at + 2] & 1
            at += 4
            if bottom:
                # A control word (RFC 4385) begins with 0, and Ethernet is behind it.
                return (
                    self._raw_ip(frame, at, end)
                    if frame[at] >> 4
                    else self._ethernet(frame, at + 4, end)
                )
        return None

    def _pppoe(self, frame: bytes, at: int, end: int) -> Found:
        """Read PPP over Ethernet (RFC 2516 section 4).

        Its own length counts even where IP has another: access concentrators do cut what Ethernet
        has added, and leave the length of IP as it came.
        """
        self._limit = min(end, at + 6 + _16(frame, at + 4)[0])
        return self._ppp(frame, at + 6, self._limit)

    def _ppp(self, frame: bytes, at: int, end: int) -> Found:
        """Read PPP (RFC 1661), whose protocol may be one byte where that is odd."""
        if frame[at : at + 2] == b"\xff\x03":
            at += 2
        protocol, size = (frame[at], 1) if frame[at] & 1 else (_16(frame, at)[0], 2)
        return self._typed(_PPP_TYPES.get(protocol, 0), frame, at + size, end)

    def _raw_ip(self, frame: bytes, at: int, end: int) -> Found:
        self._nesting += 1
        version = frame[at] >> 4
        if self._nesting > MAX_NESTING or version not in (4, 6):
            return None
        return (self._ipv4 if version == 4 else self._ipv6)(frame, at, end)

    def _ipv4(self, frame: bytes, at: int, end: int) -> Found:
        """Read IPv4 (RFC 791 section 3.1)."""
        version, total, fragment, protocol = _ipv4_header(frame, at)
        start = at + (version & 15) * 4
        # A packet that the network card will cut into segments may have no length yet.
        end = min(self._limit, at + total) if total else end
        if start < at + 20 or start > end:
            return None
        addresses = frame[at + 12 : at + 20]
        if fragment & 0x3FFF:
            key = addresses + frame[at + 4 : at + 6] + frame[at + 9 : at + 10]
            place, more = (fragment & 0x1FFF) * 8, fragment & 0x2000
            return self._fragment(protocol, addresses, key, place, more, frame[:end], start, end)
        return self._content(protocol, addresses, frame, start, end)

    def _ipv6(self, frame: bytes, at: int, end: int) -> Found:
        """Read IPv6 and its extension headers (RFC 8200 sections 3 and 4)."""
        length, protocol = _16(frame, at + 4)[0], frame[at + 6]
        # 0: a jumbogram (RFC 2675), or a packet that the network card will cut into segments.
        end = min(self._limit, at + 40 + length) if length else end
        addresses = frame[at + 8 : at + 40]
        at += 40
        for _ in range(MAX_LABELS):
            if protocol not in _EXTENSIONS:
                return self._content(protocol, addresses, frame, at, end)
            header, start = frame[at], at
            at += (frame[at + 1] + 2) * 4 if protocol == _AH else (frame[at + 1] + 1) * 8
            if protocol == _FRAGMENT:
                at, place = start + 8, _16(frame, start + 2)[0]
                if place & 0xFFF9:  # an "atomic" one (RFC 6946) is whole
                    key = addresses + frame[start + 4 : start + 8] + frame[start : start + 1]
                    more = place & 1
                    place &= 0xFFF8
                    return self._fragment(header, addresses, key, place, more, frame[:end], at, end)
            protocol = header
        return None

    def _fragment(
        self,
        protocol: int,
        addresses: bytes,
        identification: bytes,
        place: int,
        more: int,
        frame: bytes,
        at: int,
        end: int,
    ) -> Found:
        """Take a fragment; read the packet if this completes it."""
        data = frame[at:end]
        absent = max(0, end - at) - len(data)
        whole = self._fragments.add(identification, place, data, absent, last=not more)
        if whole is None:
            return None
        content, absent = whole
        self._limit = _NO_LIMIT  # which was of the last fragment
        return self._content(protocol, addresses, content, 0, len(content) + absent)

    def _content(self, protocol: int, addresses: bytes, frame: bytes, at: int, end: int) -> Found:
        """Read what an IP packet carries."""
        if protocol == _TCP:
            seq, ack, offset, flags = _tcp_header(frame, at)
            start = at + (offset >> 4) * 4
            if start < at + 20 or start > end:
                return None
            absent = max(0, end - max(start, len(frame)))
            return Segment(
                addresses + frame[at : at + 4], seq, ack, flags, frame[start:end], absent
            )
        if protocol == _UDP:
            return self._udp(addresses, frame, at, end)
        if protocol in (_IPV4_IN_IP, _IPV6_IN_IP):
            return self._raw_ip(frame, at, end)
        return self._gre(frame, at, end) if protocol == _GRE else None

    def _udp(self, addresses: bytes, frame: bytes, at: int, end: int) -> Found:
        """Read UDP (RFC 768), and Geneve (RFC 8926) and VXLAN (RFC 7348) in it."""
        port, length = _16(frame, at + 2)[0], _16(frame, at + 4)[0]
        if port == _GENEVE_PORT and frame[at + 8] >> 6 == 0:
            kind, options = _16(frame, at + 10)[0], (frame[at + 8] & 0x3F) * 4
            return self._typed(kind, frame, at + 16 + options, end)
        if port == _VXLAN_PORT and frame[at + 8] == 0x08:
            return self._typed(_BRIDGED, frame, at + 16, end)
        end = at + length if length else end
        data = frame[at + 8 : end]
        return Datagram(addresses + frame[at : at + 4], data, max(0, end - at - 8))

    def _gre(self, frame: bytes, at: int, end: int) -> Found:
        """Read GRE (RFC 2784, RFC 2890; version 1 is RFC 2637's, for PPP)."""
        flags, kind = _16(frame, at)[0], _16(frame, at + 2)[0]
        version = flags & 7
        if flags & 0x4000 or version > 1:  # routing, which nobody uses any longer
            return None
        # Checksum, key, sequence number, and in version 1 the acknowledgement.
        present = (0x8000, 0x2000, 0x1000, 0x0080 if version else 0)
        sequenced = flags & 0x1000
        at += 4 + 4 * sum(bool(flags & bit) for bit in present)
        if kind == _ERSPAN:  # as switches mirror a port: type II has a header, and numbers
            return self._typed(_BRIDGED, frame, at + (8 if sequenced else 0), end)
        return self._typed(kind, frame, at, end)
