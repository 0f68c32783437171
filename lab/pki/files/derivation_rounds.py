"""How much work a password file asks for: the rounds of its key derivation (RFC 8018, RFC 7292).

Rules: a few bytes can ask for hours, in a library that cannot be interrupted. So they are counted
before it is called. Rounds inside of what is encrypted are not seen. Nothing here raises for what
cannot be read: that is left to the library.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from lab.pki.errors import WrongFormatError
from lab.x509.der import INTEGER, OCTET_STRING

MOST_ROUNDS = 2_000_000
"""About a second of computing."""
_MOST_DEPTH = 12  # of OCTET STRINGs with DER in them; PKCS#12 has 4
_CONSTRUCTED = 0x20
_INDEFINITE = 0x80


def check_rounds(data: bytes, path: Path) -> None:
    """Raise ``WrongFormatError`` where ``data`` (DER or BER) asks for too many rounds."""
    rounds = max(_rounds(data), default=0)
    if rounds > MOST_ROUNDS:
        raise WrongFormatError(
            f"asks for {min(rounds, 2**64 - 1):,} rounds of key derivation; the limit here is "
            f"{MOST_ROUNDS:,}",
            remedy="Export it again with fewer (openssl pkcs12 -export -iter 100000)",
            path=path,
        )


def _rounds(data: bytes) -> Iterator[int]:
    """Yield what could be a number of rounds: integers right behind a salt.

    That is so in PBEParameter and PBKDF2-params (RFC 8018 appendix A), in MacData (RFC 7292
    section 4), and in scrypt-params (RFC 7914 section 7), whose work is N times r times p.
    """
    behind: list[int] | None = None
    for tag, content in _primitives(data, 0):
        if tag == INTEGER and behind is not None:
            behind.append(int.from_bytes(content, "big"))
            yield math.prod(behind) if len(behind) == 3 else behind[0]
        else:
            behind = [] if tag == OCTET_STRING else None


def _primitives(data: bytes, depth: int) -> Iterator[tuple[int, bytes]]:
    """Yield the primitive elements in their order, those inside of OCTET STRINGs before these."""
    at = 0
    while at + 2 <= len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size > _INDEFINITE:
            octets = size & 0x7F
            size = int.from_bytes(data[at : at + octets], "big")
            at += octets
        if tag & _CONSTRUCTED or (tag, size) == (0, 0):  # the end of an indefinite length
            continue
        content = data[at : at + size]
        if tag == OCTET_STRING and depth < _MOST_DEPTH and content[:1] in (b"\x30", b"\x24"):
            yield from _primitives(content, depth + 1)
        yield tag, content
        at += size
