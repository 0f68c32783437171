"""What real clients made of the servers, measured in whole runs; tests hold a part of it.

Every client accepted the good servers and refused all that must be refused, but for its ``faults``.
Of the servers for which either is in order, ``accepts`` are those that it accepted.
"""

from __future__ import annotations

from dataclasses import dataclass

# Of the servers for which either is in order, those that all accept.
_ALL = {
    "eku-missing",
    "chain-out-of-order",
    "ca-names-exclude-client",
    "no-signature-in-common",
    "no-close-notify",
}


@dataclass(frozen=True)
class Measured:
    """``seconds`` is what a whole run took, three at a time on two busy cores."""

    version: str
    seconds: float
    accepts: frozenset[str]
    faults: frozenset[str] = frozenset()
    sends_to_other_cas: bool = True


def _of(
    version: str, seconds: float, *more: str, faults: tuple[str, ...] = (), sends: bool = True
) -> Measured:
    return Measured(version, seconds, frozenset({*_ALL, *more}), frozenset(faults), sends)


MEASURED = {
    "curl": _of("curl 7.88.1, OpenSSL 3.0.22", 2.3, "cn-only", "asked-later"),
    "python-ssl": _of("CPython 3.11.7, OpenSSL 3.0.22", 4.7, "cn-only"),
    # urllib3 2 has no fall-back to the CN, and offers authentication after the handshake.
    "requests": _of("requests 2.34.2, urllib3 2.8.0", 8.5, "asked-later"),
    "httpx": _of("httpx 0.28.1", 12.4, "cn-only"),
    "aiohttp": _of("aiohttp 3.14.5", 15.9, "cn-only"),
    "node": _of("Node 20.20.2", 6.3, "cn-only", "rsa-1024"),
    "java": _of(
        "OpenJDK 17.0.15",
        53.7,
        "cn-only",
        "rsa-1024",
        # SHA-1 is forbidden under the CAs that come with Java; messages have 32,768 bytes at most.
        faults=("sha1-signature", "thousand-ca-names"),
        sends=False,
    ),
    "go": _of("Go 1.27.3", 1.2, "key-usage-not-signing", "rsa-1024", sends=False),
    "wget": _of(
        "wget 1.21.3, GnuTLS 3.7.9",
        2.0,
        "key-usage-not-signing",
        "rsa-1024",
        "cn-only",
        "asked-later",
        faults=("eku-client-only", "tls1.0-only", "tls1.1-only"),
        sends=False,
    ),
    # It sends no request, so nothing is told by an answer.
    "gnutls-cli": Measured(
        "gnutls-cli 3.7.9",
        1.5,
        frozenset({*_ALL, "cn-only", "rsa-1024"} - {"no-close-notify"}),
        frozenset({"tls1.0-only", "tls1.1-only"}),
    ),
}
