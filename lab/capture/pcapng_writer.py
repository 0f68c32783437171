"""A pcapng file made of what was seen: connections as TCP over IP, with the secrets that open them.

Rules: what was not seen is not invented, save what TCP cannot be without: its sequence numbers, its
acknowledgements and the packets of its handshake, at the time of the connection. Secrets stand
before the packets that need them, as readers go through a file once.

This module must not know where the bytes come from, nor where the file is.

Sources: draft-ietf-opsawg-pcapng sections 4.1 to 4.3 and 4.7; RFC 9293 section 3.1 (TCP), RFC 791
section 3.1 and RFC 8200 section 3 (IP).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

from lab.capture.results import Address
from lab.tls.events import Endpoint, StreamEnd

_SECTION, _INTERFACE, _SECRETS, _PACKET = 0x0A0D0D0A, 1, 0x0A, 6
_BYTE_ORDER = 0x1A2B3C4D
_RAW_IP = 101  # LINKTYPE_RAW: a packet begins with its IPv4 or IPv6 header
_TLS_KEY_LOG = 0x544C534B
_APPLICATION, _RESOLUTION, _END = 4, 9, 0  # options: shb_userappl, if_tsresol, opt_endofopt
_MICROSECONDS = 6  # as a negative power of ten

_MOST_PACKET = 65535
_IPV4_HEADER, _IPV6_HEADER, _TCP_HEADER = 20, 40, 20
_TCP = 6
_SYN, _RST, _PSH, _ACK, _FIN = 2, 4, 8, 16, 1
_WINDOW = 65535
_TTL = 64
_ISN_STEP = 64_000_007  # far enough apart that no reader takes one connection for another again

_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def file_header(application: str) -> bytes:
    """Return the blocks that a file begins with; ``application`` is the name of who wrote it.

    One interface, of raw IP packets, with times in microseconds.
    """
    name = application.encode()
    section = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1) + _option(_APPLICATION, name) + _ENDING
    interface = struct.pack("<HHI", _RAW_IP, 0, 0) + _option(_RESOLUTION, bytes((_MICROSECONDS,)))
    return _block(_SECTION, section) + _block(_INTERFACE, interface + _ENDING)


def secrets_block(key_log: str) -> bytes:
    """Return a block of secrets; ``key_log`` is text in the NSS key log format."""
    data = key_log.encode("ascii", "replace")
    return _block(_SECRETS, struct.pack("<II", _TLS_KEY_LOG, len(data)) + _padded(data))


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


_ENDING = struct.pack("<HH", _END, 0)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


class TcpPackets:
    """The packets of one TCP connection from ``client`` to ``server``, as blocks of a file.

    ``number`` tells it from others, also of the same addresses and ports. Times are in seconds
    since the epoch. Addresses of different families are written as IPv6 (RFC 4291 section 2.5.5.2).
    """

    def __init__(self, client: Address, server: Address, number: int) -> None:
        hosts = [_ip_address(address.host) for address in (client, server)]
        if hosts[0].version != hosts[1].version:
            hosts = [_as_ipv6(host) for host in hosts]
        self._hosts = dict(zip(Endpoint, hosts, strict=True))
        self._ports = {Endpoint.CLIENT: client.port, Endpoint.SERVER: server.port}
        first = number * _ISN_STEP
        self._next = {Endpoint.CLIENT: first, Endpoint.SERVER: first + 1}
        self._header = _IPV4_HEADER if hosts[0].version == 4 else _IPV6_HEADER

    def opened(self, time: float) -> bytes:
        """Return the handshake of TCP."""
        blocks = self._packet(Endpoint.CLIENT, _SYN, time)
        blocks += self._packet(Endpoint.SERVER, _SYN | _ACK, time)
        return blocks + self._packet(Endpoint.CLIENT, _ACK, time)

    def sent(self, sender: Endpoint, data: bytes, time: float) -> bytes:
        """Return the segments of ``data``, and the other end's acknowledgement."""
        blocks = [
            self._packet(sender, _PSH | _ACK, time, segment) for segment in self._segments(data)
        ]
        return b"".join(blocks) + self._packet(sender.other, _ACK, time)

    def leave_out(self, sender: Endpoint, octets: int) -> None:
        """Go on behind ``octets`` bytes of ``sender`` that are not written."""
        self._next[sender] += octets

    def ended(self, sender: Endpoint, end: StreamEnd, time: float) -> bytes:
        """Return how ``sender`` ended what it sends; a FIN is acknowledged."""
        if end is StreamEnd.RESET:
            return self._packet(sender, _RST | _ACK, time)
        fin = self._packet(sender, _FIN | _ACK, time)
        return fin + self._packet(sender.other, _ACK, time)

    def _segments(self, data: bytes) -> Iterator[bytes]:
        most = _MOST_PACKET - self._header - _TCP_HEADER
        for start in range(0, len(data), most):
            yield data[start : start + most]

    def _packet(self, sender: Endpoint, flags: int, time: float, payload: bytes = b"") -> bytes:
        packet = self._ip_packet(sender, self._segment(sender, flags, payload))
        ticks = round(time * 10**_MICROSECONDS)
        size = len(packet)
        head = struct.pack("<IIIII", 0, ticks >> 32 & 0xFFFFFFFF, ticks & 0xFFFFFFFF, size, size)
        return _block(_PACKET, head + _padded(packet))

    def _segment(self, sender: Endpoint, flags: int, payload: bytes) -> bytes:
        acknowledged = self._next[sender.other] & 0xFFFFFFFF if flags & _ACK else 0
        ports = self._ports[sender], self._ports[sender.other]
        numbers = self._next[sender] & 0xFFFFFFFF, acknowledged
        offset = _TCP_HEADER // 4 << 4
        self._next[sender] += len(payload) + bool(flags & (_SYN | _FIN))
        unchecked = struct.pack("!HHIIBBHHH", *ports, *numbers, offset, flags, _WINDOW, 0, 0)
        length = len(unchecked) + len(payload)
        # The same sum as over the pseudo-header of either family: zeros add nothing.
        pseudo = self._hosts[sender].packed + self._hosts[sender.other].packed
        checked = _checksum(pseudo + struct.pack("!II", length, _TCP) + unchecked + payload)
        return unchecked[:16] + struct.pack("!H", checked) + unchecked[18:] + payload

    def _ip_packet(self, sender: Endpoint, segment: bytes) -> bytes:
        source, target = self._hosts[sender].packed, self._hosts[sender.other].packed
        if self._header == _IPV6_HEADER:
            head = struct.pack("!IHBB", 6 << 28, len(segment), _TCP, _TTL)
            return head + source + target + segment
        version, size = 4 << 4 | _IPV4_HEADER // 4, _IPV4_HEADER + len(segment)
        before = struct.pack("!BBHHHBB", version, 0, size, 0, 0, _TTL, _TCP)
        checked = _checksum(before + b"\0\0" + source + target)
        return before + struct.pack("!H", checked) + source + target + segment


def _ip_address(text: str) -> _IpAddress:
    return ipaddress.ip_address(text.partition("%")[0])  # a packet has no zone


def _as_ipv6(host: _IpAddress) -> _IpAddress:
    if isinstance(host, ipaddress.IPv6Address):
        return host
    return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + host.packed)


def _checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    # A number in base 2**16 leaves the sum of its digits, modulo 2**16 - 1, as its remainder.
    return -int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xFFFF
