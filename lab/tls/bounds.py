"""How much of what a peer sends is decoded.

Rules: these are limits of ours. A peer that passes one has broken no rule, so what lies beyond is
told as not decoded, never as malformed. Each is far above what any known implementation sends, and
low enough that a message or a connection costs milliseconds, whatever is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_MESSAGE = 2**18
"""The longest message body in bytes; OpenSSL takes chains of up to 100 KiB, hellos of 128 KiB."""
MAX_RECORDS = 4096
"""How many records one message may span: 64 bytes each, RFC 8449's least, for the longest."""
MAX_ITEMS = 8192
"""How many items all lists of one message may have together, lists inside of lists included."""

MAX_EXTENSIONS = 256
"""Of one list of extensions: IANA's registry names fewer than 70, and each may come once."""
MAX_SERVER_NAMES = 16
"""RFC 6066 section 3 allows one name of each type, and defines one type."""
MAX_PROTOCOLS = 256
"""ALPN names (RFC 7301): IANA's registry has some 40; a browser sends 2."""
MAX_KEY_SHARES = 128
"""RFC 9846 section 4.3.8 allows one for each group; IANA names some 60, a client sends 1 to 3."""
MAX_PSKS = 128
"""Identities, and binders, of one offer: clients send 1 or 2 tickets."""
MAX_AUTHORITIES = 4096
"""CA names: 1,000 occur; of the shortest that has an attribute, 16 bytes, 64 KiB hold 4,095."""
MAX_CERTIFICATES = 256
"""Of one chain: chains of 100 occur, and OpenSSL verifies none that is longer."""
MAX_SCTS = 256
"""Of one certificate (RFC 6962 section 3.3): policies ask for 2 to 5."""
MAX_OID_FILTERS = 256
"""Of one CertificateRequest (RFC 9846 section 4.3.5): hardly anybody sends one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be decoded of one sender, whatever it sends.

    ``octets`` and ``records`` count what lies on the wire, ``messages`` handshake messages, and
    ``items`` those of all lists in them. After each the rest of the sender's bytes is not looked
    at, but the message that passes ``items`` is still decoded whole: it has its own bounds.
    """

    octets: int
    records: int
    messages: int
    items: int


SERVER_BUDGET = Budget(octets=2**18, records=256, messages=32, items=8192)
"""For a server that decodes each handshake as it comes.

OpenSSL lets in no handshake that is longer: its bounds are 131,396 bytes for a ClientHello and
102,400 for a chain. Clients send fewer than 10 messages, in fewer than 20 records.
"""
