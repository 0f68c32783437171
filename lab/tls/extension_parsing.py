"""How extensions lie on the wire.

Rules: one small function for each shape of body, one table for each message that carries
extensions. What a table does not hold stays opaque, whatever its type; two extensions of one
type are an error (RFC 9846 section 4.3).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from lab.tls import bounds
from lab.tls import extensions as ext
from lab.tls.code_point import CodePoints, code_table
from lab.tls.code_points import (
    CertificateCompressionAlgorithm,
    CertificateStatusType,
    ECPointFormat,
    ExtensionType,
    MaxFragmentLengthCode,
    NamedGroup,
    NameType,
    ProtocolVersion,
    PskKeyExchangeMode,
    SignatureScheme,
)
from lab.tls.frozen_values import constructor
from lab.tls.reader import BeyondLimit, Reader, WireError

_TYPES = code_table(ExtensionType)
_VERSIONS = code_table(ProtocolVersion)
_GROUPS = code_table(NamedGroup)
_MOST = bounds.MAX_EXTENSIONS

# Most clients of a server send the same lists to the letter. What was parsed is frozen, so
# it can serve again; how many are kept, and how long they may be, is bounded.
_REMEMBERED = 256
_REMEMBERED_BYTES = 256
_REPEATED = frozenset[int](
    {
        ExtensionType.SERVER_NAME,
        ExtensionType.STATUS_REQUEST,
        ExtensionType.SUPPORTED_GROUPS,
        ExtensionType.EC_POINT_FORMATS,
        ExtensionType.SIGNATURE_ALGORITHMS,
        ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
        ExtensionType.ENCRYPT_THEN_MAC,
        ExtensionType.EXTENDED_MASTER_SECRET,
        ExtensionType.COMPRESS_CERTIFICATE,
        ExtensionType.RECORD_SIZE_LIMIT,
        ExtensionType.SESSION_TICKET,
        ExtensionType.SUPPORTED_VERSIONS,
        ExtensionType.PSK_KEY_EXCHANGE_MODES,
        ExtensionType.POST_HANDSHAKE_AUTH,
        ExtensionType.SIGNATURE_ALGORITHMS_CERT,
        ExtensionType.RENEGOTIATION_INFO,
    }
)

_new_key_share_entry = constructor(ext.KeyShareEntry)
_new_client_shares = constructor(ext.KeyShareClientHello)
_new_server_share = constructor(ext.KeyShareServerHello)

Parser = Callable[[Reader, ExtensionType], ext.Extension]
Table = Mapping[int, Parser]


def parse_extensions(reader: Reader, table: Table) -> tuple[ext.Extension, ...]:
    """Read ``Extension extensions<0..2^16-1>`` (RFC 9846 section 4.3).

    ``table`` holds the extensions that are defined for the message.
    """
    found: dict[int, ext.Extension] = {}
    extensions = reader.inner(2, "extensions")
    for number, body in extensions.typed_vectors("extension_type", _TYPES):
        if len(found) == _MOST:
            extensions.pass_limit(_MOST)
        if number in found:
            extensions.fail(_TYPES[number], "a second extension of this type")
        parser = table.get(number, _opaque)
        try:
            if number in _REPEATED and len(body) <= _REMEMBERED_BYTES:
                found[number] = _remembered(parser, body, number)
                continue
            found[number], item_count = _read(parser, body, number)
        except WireError as error:
            where = f"{extensions.path()}.{_TYPES[number]}{error.where}"
            raise WireError(where, error.problem) from None
        except BeyondLimit as error:
            where = f"{extensions.path()}.{_TYPES[number]}{error.where}"
            raise BeyondLimit(where, error.limit) from None
        if item_count:
            reader.count(item_count)
    reader.count(len(found))
    return tuple(found.values())


def _read(parser: Parser, body: bytes, number: int) -> tuple[ext.Extension, int]:
    """Parse one extension, and count the items of its lists. Errors say where from its body on."""
    reader = Reader(body, "")
    extension = parser(reader, _TYPES[number])
    reader.finish()
    return extension, reader.item_count


@functools.lru_cache(maxsize=_REMEMBERED)
def _remembered(parser: Parser, body: bytes, number: int) -> ext.Extension:
    return _read(parser, body, number)[0]


def _opaque(reader: Reader, extension_type: ExtensionType) -> ext.Extension:
    return ext.OpaqueExtension(extension_type=extension_type, extension_data=reader.rest())


def _flag(reader: Reader, extension_type: ExtensionType) -> ext.Extension:
    return ext.FlagExtension(extension_type=extension_type)


def _server_name(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.ServerNameList(
        server_name_list=reader.items(
            2, "server_name_list", _one_name, 1, most=bounds.MAX_SERVER_NAMES
        )
    )


def _one_name(reader: Reader) -> ext.ServerName:
    return ext.ServerName(
        name_type=NameType(reader.uint8("name_type")), name=reader.opaque(2, "host_name", 1)
    )


def _max_fragment_length(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.MaxFragmentLength(length=MaxFragmentLengthCode(reader.uint8("max_fragment_length")))


def _record_size_limit(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.RecordSizeLimit(limit=reader.uint16("record_size_limit"))


def _status_request(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.CertificateStatusRequest(
        status_type=CertificateStatusType(reader.uint8("status_type")), request=reader.rest()
    )


def _status_response(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.CertificateStatusResponse(
        status_type=CertificateStatusType(reader.uint8("status_type")),
        response=reader.opaque(3, "response", 1),
    )


def _supported_groups(reader: Reader, _: ExtensionType) -> ext.Extension:
    numbers = reader.uint16s(2, "named_group_list")
    return ext.SupportedGroups(named_group_list=CodePoints(NamedGroup, numbers))


def _ec_point_formats(reader: Reader, _: ExtensionType) -> ext.Extension:
    numbers = reader.uint8s(1, "ec_point_format_list")
    return ext.ECPointFormats(ec_point_format_list=CodePoints(ECPointFormat, numbers))


def _signature_algorithms(reader: Reader, extension_type: ExtensionType) -> ext.Extension:
    numbers = reader.uint16s(2, "supported_signature_algorithms")
    return ext.SignatureAlgorithms(
        extension_type=extension_type,
        supported_signature_algorithms=CodePoints(SignatureScheme, numbers),
    )


def _alpn(reader: Reader, _: ExtensionType) -> ext.Extension:
    names = reader.items(
        2,
        "protocol_name_list",
        lambda item: item.opaque(1, "protocol_name", 1),
        2,
        most=bounds.MAX_PROTOCOLS,
    )
    return ext.ApplicationLayerProtocols(protocol_name_list=names)


def _sct_list(reader: Reader, _: ExtensionType) -> ext.Extension:
    scts = reader.items(
        2, "sct_list", lambda item: item.opaque(2, "serialized_sct", 1), 1, most=bounds.MAX_SCTS
    )
    return ext.SignedCertificateTimestamps(sct_list=scts)


def _padding(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.Padding(length=len(reader.rest()))


def _compress_certificate(reader: Reader, _: ExtensionType) -> ext.Extension:
    numbers = reader.uint16s(1, "algorithms")
    return ext.CompressCertificate(algorithms=CodePoints(CertificateCompressionAlgorithm, numbers))


def _session_ticket(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.SessionTicket(ticket=reader.rest())


def _renegotiation_info(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.RenegotiationInfo(
        renegotiated_connection=reader.opaque(1, "renegotiated_connection")
    )


def _offered_psks(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.OfferedPsks(
        identities=reader.items(2, "identities", _psk_identity, 7, most=bounds.MAX_PSKS),
        binders=reader.items(
            2, "binders", lambda item: item.opaque(1, "binder", 32), 33, most=bounds.MAX_PSKS
        ),
    )


def _psk_identity(reader: Reader) -> ext.PskIdentity:
    return ext.PskIdentity(
        identity=reader.opaque(2, "identity", 1),
        obfuscated_ticket_age=reader.uint(4, "obfuscated_ticket_age"),
    )


def _selected_psk(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.SelectedPsk(selected_identity=reader.uint16("selected_identity"))


def _max_early_data(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.MaxEarlyData(max_early_data_size=reader.uint(4, "max_early_data_size"))


def _supported_versions(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.SupportedVersions(
        versions=CodePoints(ProtocolVersion, reader.uint16s(1, "versions"))
    )


def _selected_version(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.SelectedVersion(selected_version=_VERSIONS[reader.uint16("selected_version")])


def _cookie(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.Cookie(cookie=reader.opaque(2, "cookie", 1))


def _psk_modes(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.PskKeyExchangeModes(
        ke_modes=CodePoints(PskKeyExchangeMode, reader.uint8s(1, "ke_modes"))
    )


def _authorities(reader: Reader, _: ExtensionType) -> ext.Extension:
    names = reader.items(
        2,
        "authorities",
        lambda item: item.opaque(2, "distinguished_name", 1),
        3,
        most=bounds.MAX_AUTHORITIES,
    )
    return ext.CertificateAuthorities(authorities=names)


def _oid_filters(reader: Reader, _: ExtensionType) -> ext.Extension:
    return ext.OidFilters(
        filters=reader.items(2, "filters", _oid_filter, most=bounds.MAX_OID_FILTERS)
    )


def _oid_filter(reader: Reader) -> ext.OidFilter:
    return ext.OidFilter(
        certificate_extension_oid=reader.opaque(1, "certificate_extension_oid", 1),
        certificate_extension_values=reader.opaque(2, "certificate_extension_values"),
    )


def _key_share_entry(reader: Reader) -> ext.KeyShareEntry:
    return _new_key_share_entry(
        group=_GROUPS[reader.uint16("group")], key_exchange=reader.opaque(2, "key_exchange", 1)
    )


def _client_shares(reader: Reader, _: ExtensionType) -> ext.Extension:
    shares = reader.items(2, "client_shares", _key_share_entry, most=bounds.MAX_KEY_SHARES)
    return _new_client_shares(client_shares=shares)


def _server_share(reader: Reader, _: ExtensionType) -> ext.Extension:
    return _new_server_share(server_share=_key_share_entry(reader))


def _selected_group(reader: Reader, _: ExtensionType) -> ext.Extension:
    group = _GROUPS[reader.uint16("selected_group")]
    return ext.KeyShareHelloRetryRequest(selected_group=group)


# Which extension is defined for which message: RFC 9846 section 4.3, and for TLS 1.2 the RFC of
# each extension.
_BOTH_HELLOS: Table = {
    ExtensionType.MAX_FRAGMENT_LENGTH: _max_fragment_length,
    ExtensionType.EC_POINT_FORMATS: _ec_point_formats,
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: _alpn,
    ExtensionType.ENCRYPT_THEN_MAC: _flag,
    ExtensionType.EXTENDED_MASTER_SECRET: _flag,
    ExtensionType.RECORD_SIZE_LIMIT: _record_size_limit,
    ExtensionType.SESSION_TICKET: _session_ticket,
    ExtensionType.RENEGOTIATION_INFO: _renegotiation_info,
}
CLIENT_HELLO: Table = {
    **_BOTH_HELLOS,
    ExtensionType.SERVER_NAME: _server_name,
    ExtensionType.STATUS_REQUEST: _status_request,
    ExtensionType.SUPPORTED_GROUPS: _supported_groups,
    ExtensionType.SIGNATURE_ALGORITHMS: _signature_algorithms,
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: _flag,
    ExtensionType.PADDING: _padding,
    ExtensionType.COMPRESS_CERTIFICATE: _compress_certificate,
    ExtensionType.PRE_SHARED_KEY: _offered_psks,
    ExtensionType.EARLY_DATA: _flag,
    ExtensionType.SUPPORTED_VERSIONS: _supported_versions,
    ExtensionType.COOKIE: _cookie,
    ExtensionType.PSK_KEY_EXCHANGE_MODES: _psk_modes,
    ExtensionType.CERTIFICATE_AUTHORITIES: _authorities,
    ExtensionType.POST_HANDSHAKE_AUTH: _flag,
    ExtensionType.SIGNATURE_ALGORITHMS_CERT: _signature_algorithms,
    ExtensionType.KEY_SHARE: _client_shares,
}
SERVER_HELLO: Table = {
    **_BOTH_HELLOS,
    ExtensionType.SERVER_NAME: _flag,
    ExtensionType.STATUS_REQUEST: _flag,
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: _sct_list,
    ExtensionType.PRE_SHARED_KEY: _selected_psk,
    ExtensionType.SUPPORTED_VERSIONS: _selected_version,
    ExtensionType.KEY_SHARE: _server_share,
}
HELLO_RETRY_REQUEST: Table = {
    ExtensionType.SUPPORTED_VERSIONS: _selected_version,
    ExtensionType.COOKIE: _cookie,
    ExtensionType.KEY_SHARE: _selected_group,
}
ENCRYPTED_EXTENSIONS: Table = {
    ExtensionType.SERVER_NAME: _flag,
    ExtensionType.MAX_FRAGMENT_LENGTH: _max_fragment_length,
    ExtensionType.SUPPORTED_GROUPS: _supported_groups,
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: _alpn,
    ExtensionType.RECORD_SIZE_LIMIT: _record_size_limit,
    ExtensionType.EARLY_DATA: _flag,
}
CERTIFICATE_REQUEST: Table = {
    ExtensionType.STATUS_REQUEST: _flag,
    ExtensionType.SIGNATURE_ALGORITHMS: _signature_algorithms,
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: _flag,
    ExtensionType.COMPRESS_CERTIFICATE: _compress_certificate,
    ExtensionType.CERTIFICATE_AUTHORITIES: _authorities,
    ExtensionType.OID_FILTERS: _oid_filters,
    ExtensionType.SIGNATURE_ALGORITHMS_CERT: _signature_algorithms,
}
CERTIFICATE: Table = {
    ExtensionType.STATUS_REQUEST: _status_response,
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: _sct_list,
}
NEW_SESSION_TICKET: Table = {ExtensionType.EARLY_DATA: _max_early_data}
