"""The handshake messages, parsed.

Rules: one frozen class for each message, named and fielded as its RFC has it. Where TLS 1.2 and
1.3 have a message of the same name, one class serves both, and a field that the other version
lacks is empty or None. A HelloRetryRequest, which travels as a ServerHello, has a class of its
own. A message of unknown type, or one that cannot be read without knowing more than the wire
told, stays as ``UnknownMessage`` or with an opaque body.

This module must not know how messages lie on the wire: ``message_parsing.py`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import (
    CertificateCompressionAlgorithm,
    CertificateStatusType,
    ClientCertificateType,
    CompressionMethod,
    ExtensionType,
    HandshakeType,
    KeyUpdateRequest,
    NamedGroup,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.extensions import Extension, SelectedVersion, SignatureAlgorithms, SupportedVersions

E = TypeVar("E", bound=Extension)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeMessage:
    """Any handshake message (RFC 9846 section 4, RFC 5246 section 7.4)."""

    msg_type: HandshakeType

    @property
    def name(self) -> str:
        """The message's name as the RFCs write it, such as "CertificateRequest"."""
        return type(self).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedMessage(HandshakeMessage):
    """A message that carries extensions, in the order of the wire."""

    extensions: tuple[Extension, ...] = ()

    def find(self, kind: type[E]) -> E | None:
        """The extension of class ``kind``, or None."""
        for extension in self.extensions:
            if type(extension) is kind:
                return extension
        return None

    def has(self, extension_type: ExtensionType) -> bool:
        """Whether there is an extension of this type, however it was parsed."""
        return extension_type in [extension.extension_type for extension in self.extensions]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownMessage(HandshakeMessage):
    """A message whose type has no class here."""

    body: bytes

    @property
    def name(self) -> str:
        """The registry's name of its type, or its number."""
        return str(self.msg_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloRequest(HandshakeMessage):
    """HelloRequest (RFC 5246 section 7.4.1.1): a server asks to renegotiate."""

    msg_type: HandshakeType = HandshakeType.HELLO_REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello(ExtendedMessage):
    """ClientHello (RFC 9846 section 4.2.2, RFC 5246 section 7.4.1.2).

    ``in_sslv2_form`` says that it came in the form of SSL 2 (RFC 5246 appendix E.2).
    """

    msg_type: HandshakeType = HandshakeType.CLIENT_HELLO
    legacy_version: ProtocolVersion
    random: bytes
    legacy_session_id: bytes
    cipher_suites: Sequence[CipherSuite]
    legacy_compression_methods: Sequence[CompressionMethod]
    in_sslv2_form: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHello(ExtendedMessage):
    """ServerHello (RFC 9846 section 4.2.3, RFC 5246 section 7.4.1.3).

    ``legacy_compression_method`` is null where the message names none, as in TLS 1.3's drafts up
    to 21, which have no session ID in it either.
    """

    msg_type: HandshakeType = HandshakeType.SERVER_HELLO
    legacy_version: ProtocolVersion
    random: bytes
    legacy_session_id_echo: bytes
    cipher_suite: CipherSuite
    legacy_compression_method: CompressionMethod

    @property
    def negotiated_version(self) -> ProtocolVersion:
        """The version that it chooses (RFC 9846 section 4.3.1)."""
        chosen = self.find(SelectedVersion)
        return self.legacy_version if chosen is None else chosen.selected_version

    @property
    def is_tls13(self) -> bool:
        """Whether that is TLS 1.3, a draft of it, or later."""
        return self.negotiated_version >= ProtocolVersion.TLS_1_3


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloRetryRequest(ServerHello):
    """HelloRetryRequest (RFC 9846 section 4.2.4): a ServerHello with one particular random."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedExtensions(ExtendedMessage):
    """EncryptedExtensions (RFC 9846 section 4.4.1)."""

    msg_type: HandshakeType = HandshakeType.ENCRYPTED_EXTENSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEntry:
    """One certificate of a chain, DER, with its extensions, which only TLS 1.3 has.

    RFC 9846 section 4.5.1, RFC 5246 section 7.4.2.
    """

    cert_data: bytes
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(HandshakeMessage):
    """Certificate (RFC 9846 section 4.5.1, RFC 5246 section 7.4.2), the sender's own first.

    Where raw public keys were agreed on (RFC 7250 section 3), ``certificate_list`` is empty and
    ``raw_public_key`` is the sender's SubjectPublicKeyInfo, DER; None where none was sent.
    """

    msg_type: HandshakeType = HandshakeType.CERTIFICATE
    certificate_request_context: bytes = b""
    certificate_list: tuple[CertificateEntry, ...]
    raw_public_key: bytes | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the sender had neither a certificate nor a key to show."""
        return not self.certificate_list and self.raw_public_key is None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedCertificate(HandshakeMessage):
    """CompressedCertificate (RFC 8879 section 4).

    ``certificate`` is the message that was compressed, or None where its algorithm is not known
    here.
    """

    msg_type: HandshakeType = HandshakeType.COMPRESSED_CERTIFICATE
    algorithm: CertificateCompressionAlgorithm
    uncompressed_length: int
    compressed_certificate_message: bytes
    certificate: Certificate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatus(HandshakeMessage):
    """CertificateStatus of TLS 1.2 (RFC 6066 section 8): for OCSP, ``response`` is its DER."""

    msg_type: HandshakeType = HandshakeType.CERTIFICATE_STATUS
    status_type: CertificateStatusType
    response: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerECDHParams:
    """ServerECDHParams with a named curve (RFC 8422 section 5.4)."""

    named_group: NamedGroup
    public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDHParams:
    """ServerDHParams (RFC 5246 section 7.4.3)."""

    dh_p: bytes
    dh_g: bytes
    dh_ys: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueParams:
    """The body of a key exchange message that is not taken apart here (PSK, SRP, ...)."""

    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeyExchange(HandshakeMessage):
    """ServerKeyExchange (RFC 5246 section 7.4.3, RFC 8422 section 5.4).

    ``algorithm`` is None before TLS 1.2, and like ``signature`` where nothing is signed.
    """

    msg_type: HandshakeType = HandshakeType.SERVER_KEY_EXCHANGE
    params: ServerECDHParams | ServerDHParams | OpaqueParams
    algorithm: SignatureScheme | None = None
    signature: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest(ExtendedMessage):
    """CertificateRequest (RFC 9846 section 4.4.2, RFC 5246 section 7.4.4).

    ``supported_signature_algorithms`` and ``certificate_authorities`` are filled in for both
    versions; in TLS 1.3 they stand in ``extensions`` too. Each authority is the DER of a
    distinguished name; an empty list is in order in both versions.
    """

    msg_type: HandshakeType = HandshakeType.CERTIFICATE_REQUEST
    certificate_request_context: bytes = b""
    certificate_types: Sequence[ClientCertificateType] = ()
    supported_signature_algorithms: Sequence[SignatureScheme] = ()
    certificate_authorities: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHelloDone(HandshakeMessage):
    """ServerHelloDone (RFC 5246 section 7.4.5)."""

    msg_type: HandshakeType = HandshakeType.SERVER_HELLO_DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKeyExchange(HandshakeMessage):
    """ClientKeyExchange (RFC 5246 section 7.4.7).

    ``exchange_keys`` is what the key exchange carries, its length field removed: the client's
    public key of (EC)DHE, or the encrypted premaster secret of RSA; of others, the whole body.
    """

    msg_type: HandshakeType = HandshakeType.CLIENT_KEY_EXCHANGE
    exchange_keys: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateVerify(HandshakeMessage):
    """CertificateVerify (RFC 9846 section 4.5.2, RFC 5246 section 7.4.8).

    ``algorithm`` is None before TLS 1.2, which names none.
    """

    msg_type: HandshakeType = HandshakeType.CERTIFICATE_VERIFY
    algorithm: SignatureScheme | None
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(HandshakeMessage):
    """Finished (RFC 9846 section 4.5.3, RFC 5246 section 7.4.9)."""

    msg_type: HandshakeType = HandshakeType.FINISHED
    verify_data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOfEarlyData(HandshakeMessage):
    """EndOfEarlyData (RFC 9846 section 4.6)."""

    msg_type: HandshakeType = HandshakeType.END_OF_EARLY_DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSessionTicket(ExtendedMessage):
    """NewSessionTicket (RFC 9846 section 4.7.1, RFC 5077 section 3.3).

    ``ticket_lifetime`` is in seconds (TLS 1.2: a hint). ``ticket_age_add`` and ``ticket_nonce``
    are None in TLS 1.2.
    """

    msg_type: HandshakeType = HandshakeType.NEW_SESSION_TICKET
    ticket_lifetime: int
    ticket_age_add: int | None = None
    ticket_nonce: bytes | None = None
    ticket: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUpdate(HandshakeMessage):
    """KeyUpdate (RFC 9846 section 4.7.3)."""

    msg_type: HandshakeType = HandshakeType.KEY_UPDATE
    request_update: KeyUpdateRequest


def offered_versions(hello: ClientHello) -> Sequence[ProtocolVersion]:
    """The versions that a ClientHello offers; before TLS 1.3, all up to the one it names."""
    offered = hello.find(SupportedVersions)
    return (hello.legacy_version,) if offered is None else offered.versions


def accepted_signatures(hello: ClientHello) -> Sequence[SignatureScheme] | None:
    """The signature algorithms that a client accepts in handshakes; None where it names none.

    Not those of signature_algorithms_cert, which are about certificates alone.
    """
    for extension in hello.extensions:
        if (
            isinstance(extension, SignatureAlgorithms)
            and extension.extension_type == ExtensionType.SIGNATURE_ALGORITHMS
        ):
            return extension.supported_signature_algorithms
    return None
