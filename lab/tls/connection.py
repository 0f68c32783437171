"""What the messages of both ends have settled so far.

Rules: messages go in, in the order of the wire; what they settle can be read as a ``Snapshot``.
A field says None while the wire has not told. TLS 1.2 may renegotiate: the newest handshake
counts.

This module must not know records or keys.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.tls import extensions as ext
from lab.tls import messages as msg
from lab.tls.ciphersuites import CipherSuite
from lab.tls.codepoints import (
    CompressionMethod,
    ExtensionType,
    NamedGroup,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.events import Endpoint
from lab.tls.message_parsing import Setting
from lab.tls.suites import UNKNOWN_SUITE, KeyExchange, parts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known of a connection.

    ``version``, ``cipher_suite``, ``group`` and ``alpn`` are what the server chose; ``group`` is
    that of the key exchange. ``server_name`` and ``alpn`` are the peers' bytes. The signature
    schemes are those of each end's proof of its key: its CertificateVerify, or in TLS 1.2 the
    server's ServerKeyExchange. ``client_chain`` and ``server_chain`` are DER, the end's own
    certificate first; () is an empty Certificate message, None that there was none.

    ``resumed``: by session ID or ticket (RFC 5246 section 7.3, RFC 5077) or by PSK (RFC 8446
    section 2.2). ``hello_retried``: by HelloRetryRequest. ``early_data_accepted``: None too where
    none was offered. ``handshakes`` counts ClientHello messages that began a handshake, so a
    renegotiation makes it 2. ``client_finished`` and ``server_finished`` tell that this end's
    Finished was read, in the newest handshake.
    """

    version: ProtocolVersion | None = None
    cipher_suite: CipherSuite | None = None
    group: NamedGroup | None = None
    client_random: bytes | None = None
    server_random: bytes | None = None
    server_name: bytes | None = None
    alpn: bytes | None = None
    client_signature_scheme: SignatureScheme | None = None
    server_signature_scheme: SignatureScheme | None = None
    client_certificate_requested: bool = False
    client_chain: tuple[bytes, ...] | None = None
    server_chain: tuple[bytes, ...] | None = None
    resumed: bool | None = None
    hello_retried: bool = False
    early_data_accepted: bool | None = None
    extended_master_secret: bool = False
    encrypt_then_mac: bool = False
    handshakes: int = 0
    client_finished: bool = False
    server_finished: bool = False


class Connection:
    """Follows the messages of one connection; the attributes are ``Snapshot``'s.

    Besides these, ``suite`` is what the server's cipher suite means, ``setting`` what a parser must
    know, and ``is_tls13`` whether the server chose TLS 1.3 or later.
    """

    def __init__(self) -> None:
        self.client_hello: msg.ClientHello | None = None
        self.server_hello: msg.ServerHello | None = None
        self.setting = _UNSETTLED
        self.version: ProtocolVersion | None = None
        self.is_tls13 = False
        self.handshakes = 0
        self._forget()

    def _forget(self) -> None:
        """Make ready for the answers to a new ClientHello."""
        self.server_hello = None
        self.suite = UNKNOWN_SUITE
        self._hello_retried = False
        self._early_data_offered = False
        self._early_data_accepted: bool | None = None
        self._group: NamedGroup | None = None
        self._alpn: bytes | None = None
        self._schemes: dict[Endpoint, SignatureScheme | None] = {}
        self._chains: dict[Endpoint, tuple[bytes, ...]] = {}
        self._requested = False
        self._resumed: bool | None = None
        self._finished: set[Endpoint] = set()

    @property
    def compressed(self) -> bool:
        """Whether records are compressed (RFC 5246 section 6.2.2), which nothing here undoes."""
        hello = self.server_hello
        return hello is not None and hello.legacy_compression_method != CompressionMethod.NULL

    @property
    def encrypt_then_mac(self) -> bool:
        """Whether the server agreed to encrypt-then-MAC (RFC 7366)."""
        return self._server_agreed(ExtensionType.ENCRYPT_THEN_MAC)

    def take(self, sender: Endpoint, message: msg.HandshakeMessage) -> None:
        """Follow ``message``, which ``sender`` sent."""
        follow = _FOLLOW.get(type(message))
        if follow is not None:
            follow(self, sender, message)

    def change_cipher_spec(self, sender: Endpoint) -> None:
        """Follow a ChangeCipherSpec of TLS 1.2.

        One that follows no ServerHelloDone resumes a session (RFC 5246 section 7.3).
        """
        if sender is Endpoint.SERVER and self._resumed is None:
            self._resumed = True

    def _client_hello(self, sender: Endpoint, message: msg.ClientHello) -> None:
        if sender is not Endpoint.CLIENT:
            return
        retried = self._hello_retried and self.server_hello is None
        if not retried:
            self.handshakes += 1
            self._forget()
            self._early_data_offered = message.has(ExtensionType.EARLY_DATA)
        self.client_hello = message

    def _server_hello(self, sender: Endpoint, message: msg.ServerHello) -> None:
        if sender is not Endpoint.SERVER:
            return
        self.version = message.negotiated_version
        self.setting = _setting(self.version, message.cipher_suite)
        self.is_tls13 = self.setting.is_tls13
        if isinstance(message, msg.HelloRetryRequest):
            self._hello_retried = True
            if self._early_data_offered:  # RFC 8446 section 4.2.10: a retry refuses it
                self._early_data_accepted = False
            return
        self.server_hello = message
        self.suite = parts_of(message.cipher_suite)
        if self.is_tls13:
            self._resumed = message.find(ext.SelectedPsk) is not None
            share = message.find(ext.KeyShareServerHello)
            self._group = share.server_share.group if share else None
        else:
            self._alpn = _chosen_alpn(message)

    def _encrypted_extensions(self, _: Endpoint, message: msg.EncryptedExtensions) -> None:
        self._alpn = _chosen_alpn(message)
        if self._early_data_offered:
            self._early_data_accepted = message.has(ExtensionType.EARLY_DATA)

    def _server_key_exchange(self, _: Endpoint, message: msg.ServerKeyExchange) -> None:
        self._schemes[Endpoint.SERVER] = message.algorithm
        if isinstance(message.params, msg.ServerECDHParams):
            self._group = message.params.named_group

    def _server_hello_done(self, _: Endpoint, __: msg.ServerHelloDone) -> None:
        self._resumed = False

    def _certificate_request(self, _: Endpoint, __: msg.CertificateRequest) -> None:
        self._requested = True

    def _certificate(self, sender: Endpoint, message: msg.Certificate) -> None:
        self._chains[sender] = tuple([entry.cert_data for entry in message.certificate_list])

    def _compressed_certificate(self, sender: Endpoint, message: msg.CompressedCertificate) -> None:
        if message.certificate:
            self._certificate(sender, message.certificate)

    def _certificate_verify(self, sender: Endpoint, message: msg.CertificateVerify) -> None:
        self._schemes[sender] = message.algorithm

    def _finish(self, sender: Endpoint, _: msg.Finished) -> None:
        self._finished.add(sender)

    def _server_agreed(self, extension_type: ExtensionType) -> bool:
        return self.server_hello is not None and self.server_hello.has(extension_type)

    def snapshot(self) -> Snapshot:
        """All that is known now."""
        client, server = self.client_hello, self.server_hello
        names = client.find(ext.ServerNameList) if client else None
        return Snapshot(
            version=self.version,
            cipher_suite=server.cipher_suite if server else None,
            group=self._group,
            client_random=client.random if client else None,
            server_random=server.random if server else None,
            server_name=names.server_name_list[0].name if names else None,
            alpn=self._alpn,
            client_signature_scheme=self._schemes.get(Endpoint.CLIENT),
            server_signature_scheme=self._schemes.get(Endpoint.SERVER),
            client_certificate_requested=self._requested,
            client_chain=self._chains.get(Endpoint.CLIENT),
            server_chain=self._chains.get(Endpoint.SERVER),
            resumed=self._resumed,
            hello_retried=self._hello_retried,
            early_data_accepted=self._early_data_accepted,
            extended_master_secret=self._server_agreed(ExtensionType.EXTENDED_MASTER_SECRET),
            encrypt_then_mac=self.encrypt_then_mac,
            handshakes=self.handshakes,
            client_finished=Endpoint.CLIENT in self._finished,
            server_finished=Endpoint.SERVER in self._finished,
        )


# What follows a message, by its class; a message that is not here settles nothing.
_FOLLOW: dict[type[msg.HandshakeMessage], Callable[[Connection, Endpoint, Any], None]] = {
    msg.ClientHello: Connection._client_hello,
    msg.ServerHello: Connection._server_hello,
    msg.HelloRetryRequest: Connection._server_hello,
    msg.EncryptedExtensions: Connection._encrypted_extensions,
    msg.CertificateRequest: Connection._certificate_request,
    msg.Certificate: Connection._certificate,
    msg.CompressedCertificate: Connection._compressed_certificate,
    msg.ServerKeyExchange: Connection._server_key_exchange,
    msg.ServerHelloDone: Connection._server_hello_done,
    msg.CertificateVerify: Connection._certificate_verify,
    msg.Finished: Connection._finish,
}

_UNSETTLED = Setting(version=ProtocolVersion.TLS_1_2, key_exchange=KeyExchange.OTHER)


@functools.lru_cache(maxsize=64)
def _setting(version: ProtocolVersion, cipher_suite: CipherSuite) -> Setting:
    suite = parts_of(cipher_suite)
    return Setting(version=version, key_exchange=suite.key_exchange, signed=suite.signed)


def _chosen_alpn(message: msg.ExtendedMessage) -> bytes | None:
    chosen = message.find(ext.ApplicationLayerProtocols)
    return chosen.protocol_name_list[0] if chosen and chosen.protocol_name_list else None
