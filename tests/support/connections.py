"""Real connections in memory, by name: one table for the tests that need such."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.harness import (
    NO_ENCRYPT_THEN_MAC,
    EventBuffer,
    Identities,
    Pair,
    client_context,
    server_context,
)

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
Change = Callable[[ssl.SSLContext, ssl.SSLContext], None]


def _nothing(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Leave both contexts as they are."""


def _no_tickets(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    client.options |= ssl.OP_NO_TICKET
    server.options |= ssl.OP_NO_TICKET


def _other_group(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    server.set_ecdh_curve("secp384r1")


def _alpn(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    client.set_alpn_protocols(["h2", "http/1.1"])
    server.set_alpn_protocols(["http/1.1"])


def _mac_then_encrypt(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    client.options |= NO_ENCRYPT_THEN_MAC


@dataclass(frozen=True)
class Kind:
    """One kind of connection.

    ``certificate`` is what the client shows, "" for none; ``change`` is done to both contexts;
    ``trusted`` tells that the client trusts the server's authority, ``content`` that both ends
    are content with the handshake.
    """

    version: ssl.TLSVersion
    certificate: str = "client"
    ask: bool = True
    ciphers: str | None = None
    change: Change = _nothing
    resume: bool = False
    trusted: bool = True
    content: bool = True


KINDS: dict[str, Kind] = {
    "1.3 accepted": Kind(TLS13),
    "1.3 RSA": Kind(TLS13, certificate="rsa_client"),
    "1.3 server only": Kind(TLS13, ask=False),
    "1.3 no certificate": Kind(TLS13, certificate="", content=False),
    "1.3 wrong CA": Kind(TLS13, certificate="client_of_other_ca", content=False),
    "1.3 server not trusted": Kind(TLS13, trusted=False, content=False),
    "1.3 resumed": Kind(TLS13, resume=True),
    "1.3 retried": Kind(TLS13, change=_other_group),
    "1.3 retried and resumed": Kind(TLS13, change=_other_group, resume=True),
    "1.3 ALPN": Kind(TLS13, change=_alpn),
    "1.2 accepted": Kind(TLS12),
    "1.2 RSA": Kind(TLS12, certificate="rsa_client"),
    "1.2 server only": Kind(TLS12, ask=False),
    "1.2 no certificate": Kind(TLS12, certificate="", content=False),
    "1.2 wrong CA": Kind(TLS12, certificate="client_of_other_ca", content=False),
    "1.2 server not trusted": Kind(TLS12, trusted=False, content=False),
    "1.2 resumed by ticket": Kind(TLS12, resume=True),
    "1.2 resumed by session ID": Kind(TLS12, resume=True, change=_no_tickets),
    "1.2 ALPN": Kind(TLS12, change=_alpn),
    "1.2 ChaCha20": Kind(TLS12, ciphers="ECDHE-ECDSA-CHACHA20-POLY1305"),
    "1.2 CCM": Kind(TLS12, ciphers="ECDHE-ECDSA-AES128-CCM"),
    "1.2 CBC": Kind(TLS12, ciphers="ECDHE-ECDSA-AES128-SHA"),
    "1.2 CBC, MAC-then-encrypt": Kind(
        TLS12, ciphers="ECDHE-ECDSA-AES256-SHA384", change=_mac_then_encrypt
    ),
}


def connect(kind: Kind, identities: Identities, directory: Path) -> EventBuffer:
    """Make a connection of this kind and record it, with some data and its end."""
    shown = getattr(identities, kind.certificate) if kind.certificate else None
    client = client_context(identities, shown, version=kind.version, ciphers=kind.ciphers)
    if not kind.trusted:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(identities.other_ca)
        client.minimum_version = client.maximum_version = kind.version
    server = server_context(identities, ask=kind.ask, ciphers=kind.ciphers)
    kind.change(client, server)
    session = None
    if kind.resume:
        first = Pair(client, server, directory / "first.log")
        first.handshake()
        first.exchange()
        session = first.close().session
    pair = Pair(client, server, directory / "key.log", session)
    assert pair.handshake() == kind.content
    if kind.content:
        pair.exchange()
        pair.close()
    return pair.recording
