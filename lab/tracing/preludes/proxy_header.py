"""The header of the PROXY protocol: what a proxy tells a server of the connection that it carries.

Source: HAProxy's "The PROXY protocol", versions 1 and 2, sections 2.1 and 2.2.
"""

from __future__ import annotations

import ipaddress
import struct

from lab.capture.results import Address
from lab.tracing.route import ProxyProtocol

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LOCAL, _PROXY = 0x20, 0x21  # version 2, and the command
_TCP4, _TCP6 = 0x11, 0x21


def proxy_header(version: ProxyProtocol, ends: tuple[Address, Address] | None) -> bytes:
    """Return the header of a connection from the first of ``ends`` to the second.

    None: they are no TCP over IP, a Unix socket for instance; then version 1 says UNKNOWN, and
    version 2 LOCAL: the connection is that of the proxy itself.
    """
    if ends is None:
        if version is ProxyProtocol.V1:
            return b"PROXY UNKNOWN\r\n"
        return _SIGNATURE + struct.pack(">BBH", _LOCAL, 0, 0)
    # A scope (%eth0) is of one machine only.
    source, destination = (ipaddress.ip_address(end.host.partition("%")[0]) for end in ends)
    ports = ends[0].port, ends[1].port
    if version is ProxyProtocol.V1:
        family = f"TCP{source.version}"
        return f"PROXY {family} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()
    addresses = source.packed + destination.packed + struct.pack(">HH", *ports)
    family_code = _TCP4 if source.version == 4 else _TCP6
    return _SIGNATURE + struct.pack(">BBH", _PROXY, family_code, len(addresses)) + addresses
