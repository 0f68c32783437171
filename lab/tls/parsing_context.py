"""What the parser of a message must know of the connection."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass, replace

from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import ProtocolVersion


class KeyExchange(enum.Enum):
    """How the two ends agree on a secret, as far as messages differ by it."""

    TLS_1_3 = "TLS 1.3"
    RSA = "RSA"
    DHE = "DHE"
    ECDHE = "ECDHE"
    OTHER = "other"


_EXCHANGES = {
    "RSA": KeyExchange.RSA,
    "DHE_RSA": KeyExchange.DHE,
    "DHE_DSS": KeyExchange.DHE,
    "DH_anon": KeyExchange.DHE,
    "ECDHE_RSA": KeyExchange.ECDHE,
    "ECDHE_ECDSA": KeyExchange.ECDHE,
    "ECDH_anon": KeyExchange.ECDHE,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParsingContext:
    """What a parser must know of the connection: all of it comes from the ServerHello.

    ``signed`` tells whether a ServerKeyExchange bears a signature, ``raw_keys`` whether the sender
    of a Certificate shows a public key in its place (RFC 7250). Equal only to itself, so that
    what was parsed under it is quickly found again.
    """

    version: ProtocolVersion = ProtocolVersion.TLS_1_2
    key_exchange: KeyExchange = KeyExchange.OTHER
    signed: bool = True
    raw_keys: bool = False

    @property
    def is_tls13(self) -> bool:
        """Whether messages have the shapes of TLS 1.3 or later."""
        return self.version >= ProtocolVersion.TLS_1_3


@functools.lru_cache(maxsize=64)
def parsing_context(version: ProtocolVersion, suite: CipherSuite) -> ParsingContext:
    """Return the context behind a ServerHello: a suite tells its key exchange by its name."""
    if not suite.is_known:
        return ParsingContext(version=version, signed=False)
    exchange, separator, _ = str(suite).removeprefix("TLS_").partition("_WITH_")
    if not separator:  # TLS 1.3 names no key exchange (RFC 9846 appendix B.4)
        return ParsingContext(version=version, key_exchange=KeyExchange.TLS_1_3)
    return ParsingContext(
        version=version,
        key_exchange=_EXCHANGES.get(exchange, KeyExchange.OTHER),
        signed=not exchange.endswith("_anon"),
    )


@functools.lru_cache(maxsize=64)
def with_raw_keys(context: ParsingContext) -> ParsingContext:
    """Return ``context`` for a sender that shows a raw public key."""
    return replace(context, raw_keys=True)
