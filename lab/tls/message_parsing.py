"""How handshake messages lie on the wire.

Rules: one small function for each message, one table from type to function. What a message means
to the connection is the observer's business: a parser gets the version and the key exchange, no
more, and keeps nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

from lab.tls import extension_parsing as ext
from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import CodePoints, code_table
from lab.tls.code_points import (
    CertificateCompressionAlgorithm,
    CertificateStatusType,
    ClientCertificateType,
    CompressionMethod,
    ECCurveType,
    ExtensionType,
    HandshakeType,
    KeyUpdateRequest,
    NamedGroup,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.draft_versions import has_short_server_hello
from lab.tls.extensions import CertificateAuthorities, SignatureAlgorithms
from lab.tls.frozen_values import constructor
from lab.tls.parsing_context import KeyExchange, ParsingContext
from lab.tls.reader import MAX_AUTHORITIES, MAX_CERTIFICATES, MAX_MESSAGE, BeyondLimit, Reader

# RFC 9846 section 4.2.3: the SHA-256 of "HelloRetryRequest".
HELLO_RETRY_RANDOM = bytes.fromhex(
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
)


_VERSIONS = code_table(ProtocolVersion)
_SUITES = code_table(CipherSuite)
_SCHEMES = code_table(SignatureScheme)
_GROUPS = code_table(NamedGroup)
_METHODS = code_table(CompressionMethod)

Parser = Callable[[Reader, ParsingContext], msg.HandshakeMessage]

_new_client_hello = constructor(msg.ClientHello)
_new_server_hello = constructor(msg.ServerHello)
_new_retry_request = constructor(msg.HelloRetryRequest)
_new_server_key_exchange = constructor(msg.ServerKeyExchange)
_new_ecdh_params = constructor(msg.ServerECDHParams)
_new_client_key_exchange = constructor(msg.ClientKeyExchange)
_new_certificate_verify = constructor(msg.CertificateVerify)
_new_finished = constructor(msg.Finished)
_new_ticket = constructor(msg.NewSessionTicket)

# Messages that one end sends again and again to the letter, and that are long. What was parsed
# is frozen, so it can serve again; how many are kept, how long they may be, and of how many
# items, is bounded.
_REPEATED = frozenset(
    {
        HandshakeType.ENCRYPTED_EXTENSIONS,
        HandshakeType.CERTIFICATE,
        HandshakeType.CERTIFICATE_REQUEST,
    }
)
_REMEMBERED = 64
_REMEMBERED_BYTES = 8192
_REMEMBERED_ITEMS = 64

Parsed = tuple[msg.HandshakeMessage, int]
"""A message, and how many items its lists have."""


def parse_message(msg_type: HandshakeType, body: bytes, context: ParsingContext) -> Parsed:
    """Parse the message of type ``msg_type`` with ``body``, the bytes after its four-byte header.

    Raises ``WireError`` where the body breaks the syntax of its RFC, ``BeyondLimit`` where it may
    be in order and passes a limit of ours.
    """
    if msg_type not in _REPEATED or len(body) > _REMEMBERED_BYTES:
        return _parse(msg_type, body, context)
    inputs = msg_type, body, context
    parsed = _remembered.get(inputs)
    if parsed is None:
        parsed = _parse(msg_type, body, context)
        if parsed[1] <= _REMEMBERED_ITEMS:
            if len(_remembered) >= _REMEMBERED:
                _remembered.clear()
            _remembered[inputs] = parsed
    return parsed


_remembered: dict[tuple[HandshakeType, bytes, ParsingContext], Parsed] = {}


def _parse(msg_type: HandshakeType, body: bytes, context: ParsingContext) -> Parsed:
    name, parser = _PARSERS.get(msg_type, _UNKNOWN)
    if parser is None:
        return msg.UnknownMessage(msg_type=msg_type, body=body), 0
    reader = Reader(body, name)
    message = parser(reader, context)
    reader.finish()
    return message, reader.item_count


def parse_again(reader: Reader, msg_type: HandshakeType, context: ParsingContext) -> None:
    """Parse a message that ``parse_message`` has parsed, by a ``reader`` of its body."""
    _, parser = _PARSERS[msg_type]
    assert parser is not None, "a message without a parser is never parsed"
    parser(reader, context)
    reader.finish()


def _client_hello(reader: Reader, context: ParsingContext) -> msg.ClientHello:
    version = _VERSIONS[reader.uint16("legacy_version")]
    random = reader.fixed(32, "random")
    session_id = reader.opaque(1, "legacy_session_id", 0, 32)
    suites = CodePoints(CipherSuite, reader.uint16s(2, "cipher_suites"))
    methods = CodePoints(CompressionMethod, reader.uint8s(1, "legacy_compression_methods"))
    return _new_client_hello(
        legacy_version=version,
        random=random,
        legacy_session_id=session_id,
        cipher_suites=suites,
        legacy_compression_methods=methods,
        # RFC 5246 section 7.4.1.2: extensions may be left out as a whole.
        extensions=ext.parse_extensions(reader, ext.CLIENT_HELLO) if reader.remaining else (),
    )


def _server_hello(reader: Reader, context: ParsingContext) -> msg.ServerHello:
    version = _VERSIONS[reader.uint16("legacy_version")]
    random = reader.fixed(32, "random")
    retry = random == HELLO_RETRY_RANDOM
    short = has_short_server_hello(version)
    session_id = b"" if short else reader.opaque(1, "legacy_session_id_echo", 0, 32)
    suite = _SUITES[reader.uint16("cipher_suite")]
    method = CompressionMethod.NULL
    if not short:
        method = _METHODS[reader.uint8("legacy_compression_method")]
    table = ext.HELLO_RETRY_REQUEST if retry else ext.SERVER_HELLO
    new = _new_retry_request if retry else _new_server_hello
    return new(
        legacy_version=version,
        random=random,
        legacy_session_id_echo=session_id,
        cipher_suite=suite,
        legacy_compression_method=method,
        extensions=ext.parse_extensions(reader, table) if reader.remaining else (),
    )


def _encrypted_extensions(reader: Reader, context: ParsingContext) -> msg.EncryptedExtensions:
    extensions = ext.parse_extensions(reader, ext.ENCRYPTED_EXTENSIONS)
    return msg.EncryptedExtensions(extensions=extensions)


def _certificate(reader: Reader, context: ParsingContext) -> msg.Certificate:
    tls13 = context.is_tls13
    if context.raw_keys:
        return _raw_public_key(reader, context)
    parse = _entry_tls13 if tls13 else _entry_tls12
    return msg.Certificate(
        certificate_request_context=reader.opaque(1, "certificate_request_context")
        if tls13
        else b"",
        certificate_list=reader.items(3, "certificate_list", parse, most=MAX_CERTIFICATES),
    )


def _raw_public_key(reader: Reader, context: ParsingContext) -> msg.Certificate:
    """RFC 7250 section 3; RFC 9846 section 4.5.1: a list of one, which may have extensions."""
    if not context.is_tls13:
        key = reader.opaque(3, "ASN1_subjectPublicKeyInfo")
        return msg.Certificate(certificate_list=(), raw_public_key=key or None)
    request_context = reader.opaque(1, "certificate_request_context")
    entries = reader.items(3, "certificate_list", _entry_tls13, most=1)
    return msg.Certificate(
        certificate_request_context=request_context,
        certificate_list=(),
        raw_public_key=entries[0].cert_data if entries else None,
    )


def _entry_tls12(reader: Reader) -> msg.CertificateEntry:
    return msg.CertificateEntry(cert_data=reader.opaque(3, "certificate", 1))


def _entry_tls13(reader: Reader) -> msg.CertificateEntry:
    cert_data = reader.opaque(3, "cert_data", 1)
    extensions = ext.parse_extensions(reader, ext.CERTIFICATE)
    return msg.CertificateEntry(cert_data=cert_data, extensions=extensions)


def _compressed_certificate(reader: Reader, context: ParsingContext) -> msg.CompressedCertificate:
    algorithm = CertificateCompressionAlgorithm(reader.uint16("algorithm"))
    length = reader.uint(3, "uncompressed_length")
    compressed = reader.opaque(3, "compressed_certificate_message", 1)
    certificate = None
    if algorithm == CertificateCompressionAlgorithm.ZLIB:
        if length > MAX_MESSAGE:
            limit = f"{length} where at most {MAX_MESSAGE} is read"
            raise BeyondLimit(f"{reader.path()}.uncompressed_length", limit)
        try:
            body = zlib.decompressobj().decompress(compressed, length + 1)
        except zlib.error as error:
            reader.fail("compressed_certificate_message", f"zlib cannot read it: {error}")
        if len(body) != length:  # RFC 8879 section 4: bad_certificate
            reader.fail("uncompressed_length", f"{length} told, {len(body)} or more found")
        inner = Reader(body, "CompressedCertificate.Certificate")
        certificate = _certificate(inner, context)
        inner.finish()
        reader.count(inner.item_count)
    return msg.CompressedCertificate(
        algorithm=algorithm,
        uncompressed_length=length,
        compressed_certificate_message=compressed,
        certificate=certificate,
    )


def _certificate_status(reader: Reader, context: ParsingContext) -> msg.CertificateStatus:
    status_type = CertificateStatusType(reader.uint8("status_type"))
    known = status_type == CertificateStatusType.OCSP
    response = reader.opaque(3, "response", 1) if known else reader.rest("response")
    return msg.CertificateStatus(status_type=status_type, response=response)


def _server_key_exchange(reader: Reader, context: ParsingContext) -> msg.ServerKeyExchange:
    params: msg.ServerDHParams | msg.ServerECDHParams | None = None
    if context.key_exchange is KeyExchange.DHE:
        params = msg.ServerDHParams(
            dh_p=reader.opaque(2, "dh_p", 1),
            dh_g=reader.opaque(2, "dh_g", 1),
            dh_ys=reader.opaque(2, "dh_Ys", 1),
        )
    elif context.key_exchange is KeyExchange.ECDHE:
        params = _ecdh_params(reader)
    if params is None:
        return _new_server_key_exchange(params=msg.OpaqueParams(body=reader.rest("params")))
    if not context.signed:
        return _new_server_key_exchange(params=params)
    algorithm = _signature_algorithm(reader, context)
    signature = reader.opaque(2, "signature")
    return _new_server_key_exchange(params=params, algorithm=algorithm, signature=signature)


def _ecdh_params(reader: Reader) -> msg.ServerECDHParams:
    curve_type = ECCurveType(reader.uint8("curve_type"))
    if curve_type != ECCurveType.NAMED_CURVE:  # RFC 8422 section 5.4 leaves no other
        reader.fail("curve_type", f"{curve_type} where only named_curve is allowed")
    group = _GROUPS[reader.uint16("namedcurve")]
    return _new_ecdh_params(named_group=group, public=reader.opaque(1, "public", 1))


def _signature_algorithm(reader: Reader, context: ParsingContext) -> SignatureScheme | None:
    # RFC 5246 section 4.7 puts the algorithm in front; TLS 1.0 and 1.1 know it from the key.
    if context.version < ProtocolVersion.TLS_1_2:
        return None
    return _SCHEMES[reader.uint16("algorithm")]


def _certificate_request(reader: Reader, context: ParsingContext) -> msg.CertificateRequest:
    if not context.is_tls13:
        return _certificate_request_tls12(reader, context)
    request_context = reader.opaque(1, "certificate_request_context")
    extensions = ext.parse_extensions(reader, ext.CERTIFICATE_REQUEST)
    algorithms: Sequence[SignatureScheme] = ()
    authorities: tuple[bytes, ...] = ()
    for extension in extensions:
        if isinstance(extension, CertificateAuthorities):
            authorities = extension.authorities
        elif (
            isinstance(extension, SignatureAlgorithms)
            and extension.extension_type == ExtensionType.SIGNATURE_ALGORITHMS
        ):
            algorithms = extension.supported_signature_algorithms
    return msg.CertificateRequest(
        certificate_request_context=request_context,
        supported_signature_algorithms=algorithms,
        certificate_authorities=authorities,
        extensions=extensions,
    )


def _certificate_request_tls12(reader: Reader, context: ParsingContext) -> msg.CertificateRequest:
    types = CodePoints(ClientCertificateType, reader.uint8s(1, "certificate_types"))
    algorithms: Sequence[SignatureScheme] = ()
    if context.version >= ProtocolVersion.TLS_1_2:
        numbers = reader.uint16s(2, "supported_signature_algorithms")
        algorithms = CodePoints(SignatureScheme, numbers)
    return msg.CertificateRequest(
        certificate_types=types,
        supported_signature_algorithms=algorithms,
        certificate_authorities=reader.items(
            2,
            "certificate_authorities",
            lambda item: item.opaque(2, "distinguished_name", 1),
            most=MAX_AUTHORITIES,
        ),
    )


def _certificate_verify(reader: Reader, context: ParsingContext) -> msg.CertificateVerify:
    return _new_certificate_verify(
        algorithm=_signature_algorithm(reader, context), signature=reader.opaque(2, "signature")
    )


def _client_key_exchange(reader: Reader, context: ParsingContext) -> msg.ClientKeyExchange:
    size = {KeyExchange.RSA: 2, KeyExchange.DHE: 2, KeyExchange.ECDHE: 1}.get(context.key_exchange)
    # SSL 3.0 has no length in front of the encrypted secret (RFC 6101 section 5.6.7.1).
    if size is None or context.version < ProtocolVersion.TLS_1_0:
        return _new_client_key_exchange(exchange_keys=reader.rest("exchange_keys"))
    return _new_client_key_exchange(exchange_keys=reader.opaque(size, "exchange_keys", 1))


def _finished(reader: Reader, context: ParsingContext) -> msg.Finished:
    if not reader.remaining:
        reader.fail("verify_data", "empty")
    return _new_finished(verify_data=reader.rest("verify_data"))


def _new_session_ticket(reader: Reader, context: ParsingContext) -> msg.NewSessionTicket:
    lifetime = reader.uint(4, "ticket_lifetime")
    if not context.is_tls13:
        return _new_ticket(ticket_lifetime=lifetime, ticket=reader.opaque(2, "ticket"))
    return _new_ticket(
        ticket_lifetime=lifetime,
        ticket_age_add=reader.uint(4, "ticket_age_add"),
        ticket_nonce=reader.opaque(1, "ticket_nonce"),
        ticket=reader.opaque(2, "ticket", 1),
        extensions=ext.parse_extensions(reader, ext.NEW_SESSION_TICKET),
    )


def _key_update(reader: Reader, context: ParsingContext) -> msg.KeyUpdate:
    return msg.KeyUpdate(request_update=KeyUpdateRequest(reader.uint8("request_update")))


_PARSERS: dict[HandshakeType, tuple[str, Parser | None]] = {
    HandshakeType.HELLO_REQUEST: ("HelloRequest", lambda *_: msg.HelloRequest()),
    HandshakeType.CLIENT_HELLO: ("ClientHello", _client_hello),
    HandshakeType.SERVER_HELLO: ("ServerHello", _server_hello),
    HandshakeType.NEW_SESSION_TICKET: ("NewSessionTicket", _new_session_ticket),
    HandshakeType.END_OF_EARLY_DATA: ("EndOfEarlyData", lambda *_: msg.EndOfEarlyData()),
    HandshakeType.ENCRYPTED_EXTENSIONS: ("EncryptedExtensions", _encrypted_extensions),
    HandshakeType.CERTIFICATE: ("Certificate", _certificate),
    HandshakeType.SERVER_KEY_EXCHANGE: ("ServerKeyExchange", _server_key_exchange),
    HandshakeType.CERTIFICATE_REQUEST: ("CertificateRequest", _certificate_request),
    HandshakeType.SERVER_HELLO_DONE: ("ServerHelloDone", lambda *_: msg.ServerHelloDone()),
    HandshakeType.CERTIFICATE_VERIFY: ("CertificateVerify", _certificate_verify),
    HandshakeType.CLIENT_KEY_EXCHANGE: ("ClientKeyExchange", _client_key_exchange),
    HandshakeType.FINISHED: ("Finished", _finished),
    HandshakeType.CERTIFICATE_STATUS: ("CertificateStatus", _certificate_status),
    HandshakeType.KEY_UPDATE: ("KeyUpdate", _key_update),
    HandshakeType.COMPRESSED_CERTIFICATE: ("CompressedCertificate", _compressed_certificate),
}
_UNKNOWN = ("", None)
