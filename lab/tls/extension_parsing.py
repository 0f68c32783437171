"""How extensions lie on the wire.

Rules: one line for each shape of body, which names its fields and how each is read; one table for
each message that carries extensions. What a table does not hold stays opaque, whatever its type;
two extensions of one type are an error (RFC 9846 section 4.3).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from lab.tls import extensions as ext
from lab.tls import reader as limits
from lab.tls.code_point import CodePoint, CodePoints, code_table
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
from lab.tls.frozen_values import constructor
from lab.tls.reader import BeyondLimit, Reader, WireError

_TYPES = code_table(ExtensionType)
_VERSIONS = code_table(ProtocolVersion)
_GROUPS = code_table(NamedGroup)
_MOST = limits.MAX_EXTENSIONS

# Most clients of a server send the same lists to the letter. What was parsed is frozen, so
# it can serve again; how many are kept, and how long they may be, is bounded.
_REMEMBERED = 256
_REMEMBERED_BYTES = 256
_SELDOM_REPEATED = frozenset[int](
    {
        ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP,
        ExtensionType.PADDING,
        ExtensionType.PRE_SHARED_KEY,
        ExtensionType.EARLY_DATA,
        ExtensionType.COOKIE,
        ExtensionType.CERTIFICATE_AUTHORITIES,
        ExtensionType.OID_FILTERS,
        ExtensionType.KEY_SHARE,
    }
)

_new_key_share_entry = constructor(ext.KeyShareEntry)
_new_client_shares = constructor(ext.KeyShareClientHello)
_new_server_share = constructor(ext.KeyShareServerHello)

Field = Callable[[Reader, str], object]
"""Reads the field of the name that it is given."""
Parser = Callable[[Reader, ExtensionType], ext.Extension]
Table = Mapping[int, Parser]


def parse_extensions(reader: Reader, table: Table) -> tuple[ext.Extension, ...]:
    """Read ``Extension extensions<0..2^16-1>`` (RFC 9846 section 4.3).

    ``table`` holds the extensions that are defined for the message.
    """
    found: dict[int, ext.Extension] = {}
    extensions = reader.inner(2, "extensions")
    remembers = not extensions.keeps_fields
    for number, body in extensions.typed_vectors("extension_type", _TYPES):
        if len(found) == _MOST:
            extensions.pass_limit(_MOST)
        if number in found:
            extensions.fail(_TYPES[number], "a second extension of this type")
        parser = table.get(number)
        try:
            short = remembers and len(body) <= _REMEMBERED_BYTES
            if parser and short and number not in _SELDOM_REPEATED:
                found[number] = _remembered(parser, body, number)
                continue
            found[number], item_count = _read(parser or _opaque, extensions.body(body), number)
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


def _read(parser: Parser, reader: Reader, number: int) -> tuple[ext.Extension, int]:
    """Parse one extension, and count the items of its lists. Errors say where from its body on."""
    extension = parser(reader, _TYPES[number])
    reader.finish()
    return extension, reader.item_count


@functools.lru_cache(maxsize=_REMEMBERED)
def _remembered(parser: Parser, body: bytes, number: int) -> ext.Extension:
    return _read(parser, Reader(body, ""), number)[0]


def _opaque(reader: Reader, extension_type: ExtensionType) -> ext.Extension:
    return ext.OpaqueExtension(
        extension_type=extension_type, extension_data=reader.rest("extension_data")
    )


def _flag(reader: Reader, extension_type: ExtensionType) -> ext.Extension:
    return ext.FlagExtension(extension_type=extension_type)


def _shape(kind: Callable[..., ext.Extension], **fields: Field) -> Parser:
    """Return the parser of a body that has these fields, in this order."""

    def parse(reader: Reader, _: ExtensionType) -> ext.Extension:
        return kind(**{name: read(reader, name) for name, read in fields.items()})

    return parse


def _number(size: int, kind: Callable[[int], int] = int) -> Field:
    return lambda reader, name: kind(reader.uint(size, name))


def _bytes(size: int, minimum: int = 0) -> Field:
    return lambda reader, name: reader.opaque(size, name, minimum)


def _numbers(size: int, kind: type[CodePoint]) -> Field:
    """A vector of code points."""
    if kind.digits() == 2:
        return lambda reader, name: CodePoints(kind, reader.uint8s(size, name))
    return lambda reader, name: CodePoints(kind, reader.uint16s(size, name))


def _list(item: Callable[[Reader], object], minimum: int, most: int) -> Field:
    return lambda reader, name: reader.items(2, name, item, minimum, most=most)


def _rest(reader: Reader, name: str) -> bytes:
    return reader.rest(name)


def _server_name(reader: Reader) -> ext.ServerName:
    return ext.ServerName(
        name_type=NameType(reader.uint8("name_type")), name=reader.opaque(2, "host_name", 1)
    )


def _psk_identity(reader: Reader) -> ext.PskIdentity:
    return ext.PskIdentity(
        identity=reader.opaque(2, "identity", 1),
        obfuscated_ticket_age=reader.uint(4, "obfuscated_ticket_age"),
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
    shares = reader.items(2, "client_shares", _key_share_entry, most=limits.MAX_KEY_SHARES)
    return _new_client_shares(client_shares=shares)


def _server_share(reader: Reader, _: ExtensionType) -> ext.Extension:
    return _new_server_share(server_share=_key_share_entry(reader))


def _signature_algorithms(reader: Reader, extension_type: ExtensionType) -> ext.Extension:
    numbers = reader.uint16s(2, "supported_signature_algorithms")
    return ext.SignatureAlgorithms(
        extension_type=extension_type,
        supported_signature_algorithms=CodePoints(SignatureScheme, numbers),
    )


def _certificate_types(reader: Reader, extension_type: ExtensionType) -> ext.Extension:
    types = CodePoints(CertificateType, reader.uint8s(1, "certificate_types"))
    return ext.CertificateTypes(extension_type=extension_type, certificate_types=types)


def _certificate_type(reader: Reader, extension_type: ExtensionType) -> ext.Extension:
    selected = CertificateType(reader.uint8("certificate_type"))
    return ext.SelectedCertificateType(extension_type=extension_type, certificate_type=selected)


_server_names = _shape(
    ext.ServerNameList, server_name_list=_list(_server_name, 1, limits.MAX_SERVER_NAMES)
)
_max_fragment_length = _shape(ext.MaxFragmentLength, length=_number(1, MaxFragmentLengthCode))
_record_size_limit = _shape(ext.RecordSizeLimit, limit=_number(2))
_status_request = _shape(
    ext.CertificateStatusRequest, status_type=_number(1, CertificateStatusType), request=_rest
)
_status_response = _shape(
    ext.CertificateStatusResponse,
    status_type=_number(1, CertificateStatusType),
    response=_bytes(3, 1),
)
_supported_groups = _shape(ext.SupportedGroups, named_group_list=_numbers(2, NamedGroup))
_alpn = _shape(
    ext.ApplicationLayerProtocols,
    protocol_name_list=_list(
        lambda item: item.opaque(1, "protocol_name", 1), 2, limits.MAX_PROTOCOLS
    ),
)
_sct_list = _shape(
    ext.SignedCertificateTimestamps,
    sct_list=_list(lambda item: item.opaque(2, "serialized_sct", 1), 1, limits.MAX_SCTS),
)
_compress_certificate = _shape(
    ext.CompressCertificate, algorithms=_numbers(1, CertificateCompressionAlgorithm)
)
_offered_psks = _shape(
    ext.OfferedPsks,
    identities=_list(_psk_identity, 7, limits.MAX_PSKS),
    binders=_list(lambda item: item.opaque(1, "binder", 32), 33, limits.MAX_PSKS),
)
_selected_version = _shape(ext.SelectedVersion, selected_version=_number(2, _VERSIONS.__getitem__))
_cookie = _shape(ext.Cookie, cookie=_bytes(2, 1))
_authorities = _shape(
    ext.CertificateAuthorities,
    authorities=_list(
        lambda item: item.opaque(2, "distinguished_name", 1), 3, limits.MAX_AUTHORITIES
    ),
)

# Which extension is defined for which message: RFC 9846 section 4.3, and for TLS 1.2 the RFC of
# each extension.
_BOTH_HELLOS: Table = {
    ExtensionType.MAX_FRAGMENT_LENGTH: _max_fragment_length,
    ExtensionType.EC_POINT_FORMATS: _shape(
        ext.ECPointFormats, ec_point_format_list=_numbers(1, ECPointFormat)
    ),
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: _alpn,
    ExtensionType.ENCRYPT_THEN_MAC: _flag,
    ExtensionType.EXTENDED_MASTER_SECRET: _flag,
    ExtensionType.RECORD_SIZE_LIMIT: _record_size_limit,
    ExtensionType.SESSION_TICKET: _shape(ext.SessionTicket, ticket=_rest),
    ExtensionType.RENEGOTIATION_INFO: _shape(
        ext.RenegotiationInfo, renegotiated_connection=_bytes(1)
    ),
}
CLIENT_HELLO: Table = {
    **_BOTH_HELLOS,
    ExtensionType.SERVER_NAME: _server_names,
    ExtensionType.STATUS_REQUEST: _status_request,
    ExtensionType.SUPPORTED_GROUPS: _supported_groups,
    ExtensionType.SIGNATURE_ALGORITHMS: _signature_algorithms,
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: _flag,
    ExtensionType.CLIENT_CERTIFICATE_TYPE: _certificate_types,
    ExtensionType.SERVER_CERTIFICATE_TYPE: _certificate_types,
    ExtensionType.PADDING: lambda reader, _: ext.Padding(length=len(reader.rest("padding"))),
    ExtensionType.COMPRESS_CERTIFICATE: _compress_certificate,
    ExtensionType.PRE_SHARED_KEY: _offered_psks,
    ExtensionType.EARLY_DATA: _flag,
    ExtensionType.SUPPORTED_VERSIONS: _shape(
        ext.SupportedVersions, versions=_numbers(1, ProtocolVersion)
    ),
    ExtensionType.COOKIE: _cookie,
    ExtensionType.PSK_KEY_EXCHANGE_MODES: _shape(
        ext.PskKeyExchangeModes, ke_modes=_numbers(1, PskKeyExchangeMode)
    ),
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
    ExtensionType.CLIENT_CERTIFICATE_TYPE: _certificate_type,
    ExtensionType.SERVER_CERTIFICATE_TYPE: _certificate_type,
    ExtensionType.PRE_SHARED_KEY: _shape(ext.SelectedPsk, selected_identity=_number(2)),
    ExtensionType.SUPPORTED_VERSIONS: _selected_version,
    ExtensionType.KEY_SHARE: _server_share,
}
HELLO_RETRY_REQUEST: Table = {
    ExtensionType.SUPPORTED_VERSIONS: _selected_version,
    ExtensionType.COOKIE: _cookie,
    ExtensionType.KEY_SHARE: _shape(
        ext.KeyShareHelloRetryRequest, selected_group=_number(2, _GROUPS.__getitem__)
    ),
}
ENCRYPTED_EXTENSIONS: Table = {
    ExtensionType.SERVER_NAME: _flag,
    ExtensionType.MAX_FRAGMENT_LENGTH: _max_fragment_length,
    ExtensionType.SUPPORTED_GROUPS: _supported_groups,
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: _alpn,
    ExtensionType.CLIENT_CERTIFICATE_TYPE: _certificate_type,
    ExtensionType.SERVER_CERTIFICATE_TYPE: _certificate_type,
    ExtensionType.RECORD_SIZE_LIMIT: _record_size_limit,
    ExtensionType.EARLY_DATA: _flag,
}
CERTIFICATE_REQUEST: Table = {
    ExtensionType.STATUS_REQUEST: _flag,
    ExtensionType.SIGNATURE_ALGORITHMS: _signature_algorithms,
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: _flag,
    ExtensionType.COMPRESS_CERTIFICATE: _compress_certificate,
    ExtensionType.CERTIFICATE_AUTHORITIES: _authorities,
    ExtensionType.OID_FILTERS: _shape(
        ext.OidFilters, filters=_list(_oid_filter, 0, limits.MAX_OID_FILTERS)
    ),
    ExtensionType.SIGNATURE_ALGORITHMS_CERT: _signature_algorithms,
}
CERTIFICATE: Table = {
    ExtensionType.STATUS_REQUEST: _status_response,
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP: _sct_list,
}
NEW_SESSION_TICKET: Table = {
    ExtensionType.EARLY_DATA: _shape(ext.MaxEarlyData, max_early_data_size=_number(4))
}
