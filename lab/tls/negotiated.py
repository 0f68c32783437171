"""What the hellos of both ends have settled, as far as the records and messages behind them need.

Rules: messages go in, in the order of the wire. A field says None while the wire has not told.
TLS 1.2 may renegotiate: the newest handshake counts.

This module must not know records or keys.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import CompressionMethod, ExtensionType, ProtocolVersion
from lab.tls.events import Endpoint
from lab.tls.message_parsing import ParsingContext
from lab.tls.suite_parts import UNKNOWN_SUITE, KeyExchange, parts_of


class Negotiated:
    """Follows the messages of one connection.

    ``client_random``, ``offered_suites`` and ``server_hello`` are the newest handshake's, ``suite``
    is what the server's cipher suite means; ``version`` is what the server chose last, ``context``
    what a parser must know, and ``is_tls13`` whether that is TLS 1.3 or later.
    """

    __slots__ = (
        "client_random",
        "context",
        "is_tls13",
        "offered_suites",
        "server_hello",
        "suite",
        "version",
    )

    def __init__(self) -> None:
        self.client_random: bytes | None = None
        self.offered_suites: Sequence[CipherSuite] | None = None
        self.server_hello: msg.ServerHello | None = None
        self.suite = UNKNOWN_SUITE
        self.context = _UNSETTLED
        self.version: ProtocolVersion | None = None
        self.is_tls13 = False

    @property
    def compressed(self) -> bool:
        """Whether records are compressed (RFC 5246 section 6.2.2), which nothing here undoes."""
        hello = self.server_hello
        return hello is not None and hello.legacy_compression_method != CompressionMethod.NULL

    @property
    def encrypt_then_mac(self) -> bool:
        """Whether the server agreed to encrypt-then-MAC (RFC 7366)."""
        hello = self.server_hello
        return hello is not None and hello.has(ExtensionType.ENCRYPT_THEN_MAC)

    def take(self, sender: Endpoint, message: msg.HandshakeMessage) -> None:
        """Follow ``message``, which ``sender`` sent; a hello of the wrong side settles nothing."""
        if isinstance(message, msg.ServerHello):
            if sender is Endpoint.SERVER:
                self._server_hello(message)
        elif isinstance(message, msg.ClientHello) and sender is Endpoint.CLIENT:
            self.client_hello(message.random, message.cipher_suites)

    def client_hello(self, random: bytes, suites: Sequence[CipherSuite] | None) -> None:
        """Begin a handshake: the client's hello has this random, and offers these suites.

        ``suites`` are None where the hello was not decoded.
        """
        self.client_random, self.offered_suites = random, suites
        self.server_hello = None
        self.suite = UNKNOWN_SUITE

    def _server_hello(self, message: msg.ServerHello) -> None:
        self.version = message.negotiated_version
        self.context = _context(self.version, message.cipher_suite)
        self.is_tls13 = self.context.is_tls13
        # A retry settles the version (RFC 9846 section 4.2.4), and is not yet the answer.
        if not isinstance(message, msg.HelloRetryRequest):
            self.server_hello = message
            self.suite = parts_of(message.cipher_suite)


_UNSETTLED = ParsingContext(version=ProtocolVersion.TLS_1_2, key_exchange=KeyExchange.OTHER)


@functools.lru_cache(maxsize=64)
def _context(version: ProtocolVersion, cipher_suite: CipherSuite) -> ParsingContext:
    suite = parts_of(cipher_suite)
    return ParsingContext(version=version, key_exchange=suite.key_exchange, signed=suite.signed)
