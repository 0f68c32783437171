"""The key of a packet: source, target, source port and target port, as they lie in it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address

from lab.capture.results import Address


def reversed_key(key: bytes) -> bytes:
    """Return the key of what the other end sends."""
    size = (len(key) - 4) // 2
    return key[size : 2 * size] + key[:size] + key[-2:] + key[-4:-2]


def addresses(key: bytes) -> tuple[Address, Address]:
    """Return source and target of a packet."""
    size = (len(key) - 4) // 2
    hosts = [_host(key[at : at + size]) for at in (0, size)]
    ports = [int.from_bytes(key[at : at + 2], "big") for at in (2 * size, 2 * size + 2)]
    return Address(hosts[0], ports[0]), Address(hosts[1], ports[1])


@lru_cache(maxsize=1024)
def _host(address: bytes) -> str:
    if len(address) == 4:  # most are, and this is a tenth of the work
        return ".".join(map(str, address))
    return str(IPv6Address(address))
