"""The extensions of hello, certificate and ticket messages, parsed.

Rules: one frozen class for each shape of body, named and fielded as its RFC has it; where the
shape depends on the message (``key_share``, ``supported_versions``, ...), each shape has its own
class. An extension that is unknown here, or known but not defined for its message, stays as
``OpaqueExtension``.

This module must not know how extensions lie on the wire: ``extension_parsing.py`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.tls.code_points import (
    CertificateCompressionAlgorithm,
    CertificateStatusType,
    CertificateType,
    ECPointFormat,
    ExtensionType,
    MaxFragmentLengthCode,
    NamedGroup,
    NameType,
    ProtocolVersion,
    PskKeyExchangeMode,
    SignatureScheme,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """Any extension (RFC 9846 section 4.3)."""

    extension_type: ExtensionType


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueExtension(Extension):
    """An extension whose body is kept as it came."""

    extension_data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagExtension(Extension):
    """An extension that says all by being there; its body is empty.

    For example extended_master_secret (RFC 7627), encrypt_then_mac (RFC 7366),
    post_handshake_auth (RFC 9846 section 4.3.6), a server's server_name (RFC 6066 section 3).
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerName:
    """One entry of a ServerNameList. ``name`` is the peer's bytes; a host name is ASCII."""

    name_type: NameType
    name: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNameList(Extension):
    """The client's server_name (RFC 6066 section 3)."""

    extension_type: ExtensionType = ExtensionType.SERVER_NAME
    server_name_list: tuple[ServerName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxFragmentLength(Extension):
    """max_fragment_length (RFC 6066 section 4)."""

    extension_type: ExtensionType = ExtensionType.MAX_FRAGMENT_LENGTH
    length: MaxFragmentLengthCode


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSizeLimit(Extension):
    """record_size_limit (RFC 8449): the largest plaintext in bytes that the sender accepts."""

    extension_type: ExtensionType = ExtensionType.RECORD_SIZE_LIMIT
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatusRequest(Extension):
    """The client's status_request (RFC 6066 section 8); ``request`` is its type's own body."""

    extension_type: ExtensionType = ExtensionType.STATUS_REQUEST
    status_type: CertificateStatusType
    request: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatusResponse(Extension):
    """status_request in a TLS 1.3 CertificateEntry (RFC 9846 section 4.5.1.1), DER of OCSP."""

    extension_type: ExtensionType = ExtensionType.STATUS_REQUEST
    status_type: CertificateStatusType
    response: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedGroups(Extension):
    """supported_groups (RFC 9846 section 4.3.7)."""

    extension_type: ExtensionType = ExtensionType.SUPPORTED_GROUPS
    named_group_list: Sequence[NamedGroup]


@dataclass(frozen=True, slots=True, kw_only=True)
class ECPointFormats(Extension):
    """ec_point_formats (RFC 8422 section 5.1.2)."""

    extension_type: ExtensionType = ExtensionType.EC_POINT_FORMATS
    ec_point_format_list: Sequence[ECPointFormat]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureAlgorithms(Extension):
    """signature_algorithms and signature_algorithms_cert (RFC 9846 section 4.3.3)."""

    supported_signature_algorithms: Sequence[SignatureScheme]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationLayerProtocols(Extension):
    """application_layer_protocol_negotiation (RFC 7301); a server names one protocol."""

    extension_type: ExtensionType = ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION
    protocol_name_list: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCertificateTimestamps(Extension):
    """signed_certificate_timestamp of a server (RFC 6962 section 3.3), each SCT as it came."""

    extension_type: ExtensionType = ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP
    sct_list: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding(Extension):
    """padding (RFC 7685): ``length`` bytes."""

    extension_type: ExtensionType = ExtensionType.PADDING
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressCertificate(Extension):
    """compress_certificate (RFC 8879 section 3)."""

    extension_type: ExtensionType = ExtensionType.COMPRESS_CERTIFICATE
    algorithms: Sequence[CertificateCompressionAlgorithm]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTypes(Extension):
    """The client's client_certificate_type or server_certificate_type (RFC 7250 section 3)."""

    certificate_types: Sequence[CertificateType]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedCertificateType(Extension):
    """The server's client_certificate_type or server_certificate_type (RFC 7250 section 3)."""

    certificate_type: CertificateType


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTicket(Extension):
    """session_ticket of TLS 1.2 (RFC 5077 section 3.2); empty where none is held."""

    extension_type: ExtensionType = ExtensionType.SESSION_TICKET
    ticket: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RenegotiationInfo(Extension):
    """renegotiation_info (RFC 5746 section 3.2)."""

    extension_type: ExtensionType = ExtensionType.RENEGOTIATION_INFO
    renegotiated_connection: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PskIdentity:
    """PskIdentity (RFC 9846 section 4.3.11)."""

    identity: bytes
    obfuscated_ticket_age: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedPsks(Extension):
    """The client's pre_shared_key (RFC 9846 section 4.3.11)."""

    extension_type: ExtensionType = ExtensionType.PRE_SHARED_KEY
    identities: tuple[PskIdentity, ...]
    binders: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedPsk(Extension):
    """The server's pre_shared_key (RFC 9846 section 4.3.11): the identity's place in the offer."""

    extension_type: ExtensionType = ExtensionType.PRE_SHARED_KEY
    selected_identity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxEarlyData(Extension):
    """early_data in a NewSessionTicket (RFC 9846 section 4.3.10), in bytes."""

    extension_type: ExtensionType = ExtensionType.EARLY_DATA
    max_early_data_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedVersions(Extension):
    """The client's supported_versions (RFC 9846 section 4.3.1)."""

    extension_type: ExtensionType = ExtensionType.SUPPORTED_VERSIONS
    versions: Sequence[ProtocolVersion]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedVersion(Extension):
    """The server's supported_versions (RFC 9846 section 4.3.1)."""

    extension_type: ExtensionType = ExtensionType.SUPPORTED_VERSIONS
    selected_version: ProtocolVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie(Extension):
    """cookie (RFC 9846 section 4.3.2)."""

    extension_type: ExtensionType = ExtensionType.COOKIE
    cookie: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PskKeyExchangeModes(Extension):
    """psk_key_exchange_modes (RFC 9846 section 4.3.9)."""

    extension_type: ExtensionType = ExtensionType.PSK_KEY_EXCHANGE_MODES
    ke_modes: Sequence[PskKeyExchangeMode]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAuthorities(Extension):
    """certificate_authorities (RFC 9846 section 4.3.4): DER of each distinguished name."""

    extension_type: ExtensionType = ExtensionType.CERTIFICATE_AUTHORITIES
    authorities: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OidFilter:
    """OIDFilter (RFC 9846 section 4.3.5), both fields in DER."""

    certificate_extension_oid: bytes
    certificate_extension_values: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OidFilters(Extension):
    """oid_filters (RFC 9846 section 4.3.5)."""

    extension_type: ExtensionType = ExtensionType.OID_FILTERS
    filters: tuple[OidFilter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShareEntry:
    """KeyShareEntry (RFC 9846 section 4.3.8)."""

    group: NamedGroup
    key_exchange: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShareClientHello(Extension):
    """The client's key_share (RFC 9846 section 4.3.8)."""

    extension_type: ExtensionType = ExtensionType.KEY_SHARE
    client_shares: tuple[KeyShareEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShareServerHello(Extension):
    """The server's key_share (RFC 9846 section 4.3.8)."""

    extension_type: ExtensionType = ExtensionType.KEY_SHARE
    server_share: KeyShareEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShareHelloRetryRequest(Extension):
    """key_share in a HelloRetryRequest (RFC 9846 section 4.3.8)."""

    extension_type: ExtensionType = ExtensionType.KEY_SHARE
    selected_group: NamedGroup
