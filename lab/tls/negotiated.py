"""What the hellos of both ends have settled about a connection.

This module must not know keys or records.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import CertificateType, ExtensionType, ProtocolVersion
from lab.tls.events import Endpoint
from lab.tls.extensions import SelectedCertificateType
from lab.tls.parsing_context import ParsingContext, parsing_context, with_raw_keys
from lab.tls.record_suites import UNKNOWN_SUITE, suite_of
from lab.tls.sessions import ConnectionSession, Sessions


class Negotiated:
    """What the messages of both ends have settled; None while the wire has not told.

    ``client_random``, ``offered_suites`` and ``server_hello`` are the newest handshake's (TLS 1.2
    may renegotiate), ``suite`` is what the server's cipher suite means; ``version`` is what the
    server chose last, ``context`` what a parser must know, and ``is_tls13`` whether that is TLS
    1.3 or later. ``incomplete`` tells that bytes of either end are missing: what is None may have
    been told all the same. ``session`` follows the session of TLS 1.2, where sessions are known.
    ``context_of`` is that for each sender, which may show a raw public key (RFC 7250).
    ``heartbeats`` tells that the server agreed to them (RFC 6520 section 2).
    """

    __slots__ = (
        "client_random",
        "context",
        "context_of",
        "heartbeats",
        "incomplete",
        "is_tls13",
        "offered_suites",
        "server_hello",
        "session",
        "suite",
        "version",
    )

    def __init__(self, sessions: Sessions | None = None) -> None:
        self.session = None if sessions is None else ConnectionSession(sessions)
        self.client_random: bytes | None = None
        self.offered_suites: Sequence[CipherSuite] | None = None
        self.server_hello: msg.ServerHello | None = None
        self.suite = UNKNOWN_SUITE
        self.context = _UNSETTLED
        self.context_of = {Endpoint.CLIENT: _UNSETTLED, Endpoint.SERVER: _UNSETTLED}
        self.version: ProtocolVersion | None = None
        self.is_tls13 = False
        self.heartbeats = False
        self.incomplete = False

    def begin(self, random: bytes, suites: Sequence[CipherSuite] | None) -> None:
        """Follow the client's hello; ``suites`` are None where it was not decoded."""
        self.client_random, self.offered_suites = random, suites
        self.server_hello = None
        self.suite = UNKNOWN_SUITE

    def answer(self, hello: msg.ServerHello) -> None:
        """Follow the server's hello."""
        self.version = hello.negotiated_version
        self.context = parsing_context(self.version, hello.cipher_suite)
        self.context_of = {Endpoint.CLIENT: self.context, Endpoint.SERVER: self.context}
        self.is_tls13 = self.context.is_tls13
        # A retry settles the version (RFC 9846 section 4.2.4), and is not yet the answer.
        if not isinstance(hello, msg.HelloRetryRequest):
            self.server_hello = hello
            self.suite = suite_of(hello.cipher_suite)
            self.heartbeats = hello.has(ExtensionType.HEARTBEAT)
            self._choose_certificate_types(hello)

    def follow(self, sender: Endpoint, message: msg.HandshakeMessage) -> None:
        """Follow a message behind the hellos."""
        if isinstance(message, msg.EncryptedExtensions):
            if sender is Endpoint.SERVER:
                self.heartbeats = message.has(ExtensionType.HEARTBEAT)
                self._choose_certificate_types(message)
        elif self.session is not None and not self.is_tls13:
            self.session.follow(message)

    def _choose_certificate_types(self, message: msg.ExtendedMessage) -> None:
        """Follow a ServerHello, or in TLS 1.3 EncryptedExtensions (RFC 7250 section 4.2)."""
        for extension in message.extensions:
            if (
                type(extension) is SelectedCertificateType
                and extension.certificate_type == CertificateType.RAW_PUBLIC_KEY
            ):
                sender = _CERTIFICATE_TYPES[extension.extension_type]
                self.context_of[sender] = with_raw_keys(self.context)


_UNSETTLED = ParsingContext()
_CERTIFICATE_TYPES = {
    ExtensionType.CLIENT_CERTIFICATE_TYPE: Endpoint.CLIENT,
    ExtensionType.SERVER_CERTIFICATE_TYPE: Endpoint.SERVER,
}
