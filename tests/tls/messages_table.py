"""Every handshake message, as it is on the wire and as it is parsed: one table for all tests."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from lab.tls import extensions as ext
from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import (
    CertificateCompressionAlgorithm,
    CertificateStatusType,
    CertificateType,
    ClientCertificateType,
    CompressionMethod,
    ECPointFormat,
    ExtensionType,
    HandshakeType,
    KeyUpdateRequest,
    MaxFragmentLengthCode,
    NamedGroup,
    NameType,
    ProtocolVersion,
    PskKeyExchangeMode,
    SignatureScheme,
)
from lab.tls.message_parsing import HELLO_RETRY_RANDOM
from lab.tls.parsing_context import KeyExchange, ParsingContext, with_raw_keys
from tests.tls.wire import (
    Wire,
    extension,
    extensions,
    opaque,
    raw,
    u8,
    u16,
    u32,
    vector,
)

T = ExtensionType
TLS13 = ParsingContext(version=ProtocolVersion.TLS_1_3, key_exchange=KeyExchange.TLS_1_3)
RANDOM = bytes(range(32))


def tls12(key_exchange: KeyExchange = KeyExchange.ECDHE, *, signed: bool = True) -> ParsingContext:
    return ParsingContext(version=ProtocolVersion.TLS_1_2, key_exchange=key_exchange, signed=signed)


TLS12 = tls12()
TLS11 = ParsingContext(version=ProtocolVersion.TLS_1_1, key_exchange=KeyExchange.ECDHE)
SSL3 = ParsingContext(version=ProtocolVersion.SSL_3_0, key_exchange=KeyExchange.RSA)


@dataclass(frozen=True)
class Case:
    """``wire`` is the body; ``prefixes_fail`` tells that it cannot be cut anywhere."""

    name: str
    setting: ParsingContext
    wire: Wire
    message: msg.HandshakeMessage
    prefixes_fail: bool = True


CLIENT_EXTENSIONS: list[tuple[Wire, ext.Extension]] = [
    (
        extension(0, vector(2, u8(0), opaque(2, b"a.example"))),
        ext.ServerNameList(
            server_name_list=(ext.ServerName(name_type=NameType.HOST_NAME, name=b"a.example"),)
        ),
    ),
    (extension(1, u8(2)), ext.MaxFragmentLength(length=MaxFragmentLengthCode.BYTES_1024)),
    (
        extension(5, u8(1), raw(b"\0\0\0\0")),
        ext.CertificateStatusRequest(status_type=CertificateStatusType.OCSP, request=b"\0\0\0\0"),
    ),
    (
        extension(10, vector(2, u16(29), u16(0x0A0A), u16(0x1234))),
        ext.SupportedGroups(
            named_group_list=(NamedGroup.X25519, NamedGroup(0x0A0A), NamedGroup(0x1234))
        ),
    ),
    (
        extension(11, opaque(1, b"\x00\x01")),
        ext.ECPointFormats(
            ec_point_format_list=(
                ECPointFormat.UNCOMPRESSED,
                ECPointFormat.ANSIX962_COMPRESSED_PRIME,
            )
        ),
    ),
    (
        extension(13, vector(2, u16(0x0403), u16(0x0804))),
        ext.SignatureAlgorithms(
            extension_type=T.SIGNATURE_ALGORITHMS,
            supported_signature_algorithms=(
                SignatureScheme.ECDSA_SECP256R1_SHA256,
                SignatureScheme.RSA_PSS_RSAE_SHA256,
            ),
        ),
    ),
    (
        extension(16, vector(2, opaque(1, b"h2"), opaque(1, b"http/1.1"))),
        ext.ApplicationLayerProtocols(protocol_name_list=(b"h2", b"http/1.1")),
    ),
    (extension(18), ext.FlagExtension(extension_type=T.SIGNED_CERTIFICATE_TIMESTAMP)),
    (
        extension(19, opaque(1, b"\x02\x00")),
        ext.CertificateTypes(
            extension_type=T.CLIENT_CERTIFICATE_TYPE,
            certificate_types=(CertificateType.RAW_PUBLIC_KEY, CertificateType.X509),
        ),
    ),
    (
        extension(20, opaque(1, b"\x02\xe0")),
        ext.CertificateTypes(
            extension_type=T.SERVER_CERTIFICATE_TYPE,
            certificate_types=(CertificateType.RAW_PUBLIC_KEY, CertificateType(0xE0)),
        ),
    ),
    (extension(21, raw(bytes(7))), ext.Padding(length=7)),
    (extension(22), ext.FlagExtension(extension_type=T.ENCRYPT_THEN_MAC)),
    (extension(23), ext.FlagExtension(extension_type=T.EXTENDED_MASTER_SECRET)),
    (
        extension(27, vector(1, u16(1), u16(2))),
        ext.CompressCertificate(
            algorithms=(
                CertificateCompressionAlgorithm.ZLIB,
                CertificateCompressionAlgorithm.BROTLI,
            )
        ),
    ),
    (extension(28, u16(16385)), ext.RecordSizeLimit(limit=16385)),
    (extension(35, raw(b"ticket")), ext.SessionTicket(ticket=b"ticket")),
    (extension(42), ext.FlagExtension(extension_type=T.EARLY_DATA)),
    (
        extension(43, vector(1, u16(0x0304), u16(0x0303))),
        ext.SupportedVersions(versions=(ProtocolVersion.TLS_1_3, ProtocolVersion.TLS_1_2)),
    ),
    (extension(44, opaque(2, b"cookie")), ext.Cookie(cookie=b"cookie")),
    (
        extension(45, opaque(1, b"\x01\x0b")),
        ext.PskKeyExchangeModes(ke_modes=(PskKeyExchangeMode.PSK_DHE_KE, PskKeyExchangeMode(0x0B))),
    ),
    (
        extension(47, vector(2, opaque(2, b"\x30\x00"))),
        ext.CertificateAuthorities(authorities=(b"\x30\x00",)),
    ),
    (extension(49), ext.FlagExtension(extension_type=T.POST_HANDSHAKE_AUTH)),
    (
        extension(50, vector(2, u16(0x0401))),
        ext.SignatureAlgorithms(
            extension_type=T.SIGNATURE_ALGORITHMS_CERT,
            supported_signature_algorithms=(SignatureScheme.RSA_PKCS1_SHA256,),
        ),
    ),
    (
        extension(51, vector(2, u16(29), opaque(2, b"k" * 32), u16(0x2A2A), opaque(2, b"\0"))),
        ext.KeyShareClientHello(
            client_shares=(
                ext.KeyShareEntry(group=NamedGroup.X25519, key_exchange=b"k" * 32),
                ext.KeyShareEntry(group=NamedGroup(0x2A2A), key_exchange=b"\0"),
            )
        ),
    ),
    (
        extension(0x3A3A, raw(b"grease")),
        ext.OpaqueExtension(extension_type=T(0x3A3A), extension_data=b"grease"),
    ),
    (
        extension(15, raw(b"\x01")),
        ext.OpaqueExtension(extension_type=T.HEARTBEAT, extension_data=b"\x01"),
    ),
    (
        extension(65281, opaque(1, b"verify")),
        ext.RenegotiationInfo(renegotiated_connection=b"verify"),
    ),
    (
        extension(
            41,
            vector(2, opaque(2, b"ticket"), u32(5)),
            vector(2, opaque(1, b"b" * 32)),
        ),
        ext.OfferedPsks(
            identities=(ext.PskIdentity(identity=b"ticket", obfuscated_ticket_age=5),),
            binders=(b"b" * 32,),
        ),
    ),
]
SERVER_EXTENSIONS: list[tuple[Wire, ext.Extension]] = [
    (extension(0), ext.FlagExtension(extension_type=T.SERVER_NAME)),
    (extension(5), ext.FlagExtension(extension_type=T.STATUS_REQUEST)),
    (
        extension(18, vector(2, opaque(2, b"sct"))),
        ext.SignedCertificateTimestamps(sct_list=(b"sct",)),
    ),
    (
        extension(19, u8(0)),
        ext.SelectedCertificateType(
            extension_type=T.CLIENT_CERTIFICATE_TYPE, certificate_type=CertificateType.X509
        ),
    ),
    (
        extension(20, u8(2)),
        ext.SelectedCertificateType(
            extension_type=T.SERVER_CERTIFICATE_TYPE,
            certificate_type=CertificateType.RAW_PUBLIC_KEY,
        ),
    ),
    (extension(41, u16(1)), ext.SelectedPsk(selected_identity=1)),
    (extension(43, u16(0x0304)), ext.SelectedVersion(selected_version=ProtocolVersion.TLS_1_3)),
    (
        extension(51, u16(23), opaque(2, b"k" * 65)),
        ext.KeyShareServerHello(
            server_share=ext.KeyShareEntry(group=NamedGroup.SECP256R1, key_exchange=b"k" * 65)
        ),
    ),
    (extension(35), ext.SessionTicket(ticket=b"")),
    (
        extension(10, raw(b"odd")),
        ext.OpaqueExtension(extension_type=T.SUPPORTED_GROUPS, extension_data=b"odd"),
    ),
]


def client_hello(*parts: Wire) -> Wire:
    return (
        u16(0x0303)
        + raw(RANDOM)
        + opaque(1, b"session")
        + vector(2, u16(0x1301), u16(0x8A8A), u16(0xC02F))
        + opaque(1, b"\x00")
        + extensions(*parts)
    )


def server_hello(*parts: Wire, random: bytes = RANDOM, suite: int = 0x1301) -> Wire:
    hello = u16(0x0303) + raw(random) + opaque(1, b"session") + u16(suite) + u8(0)
    return hello + extensions(*parts)


def _client_hello(*parsed: ext.Extension) -> msg.ClientHello:
    return msg.ClientHello(
        legacy_version=ProtocolVersion.TLS_1_2,
        random=RANDOM,
        legacy_session_id=b"session",
        cipher_suites=(
            CipherSuite["TLS_AES_128_GCM_SHA256"],
            CipherSuite(0x8A8A),
            CipherSuite["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
        ),
        legacy_compression_methods=(CompressionMethod.NULL,),
        extensions=parsed,
    )


def _server_hello(
    *parsed: ext.Extension, kind: type[msg.ServerHello] = msg.ServerHello, random: bytes = RANDOM
) -> msg.ServerHello:
    return kind(
        legacy_version=ProtocolVersion.TLS_1_2,
        random=random,
        legacy_session_id_echo=b"session",
        cipher_suite=CipherSuite["TLS_AES_128_GCM_SHA256"],
        legacy_compression_method=CompressionMethod.NULL,
        extensions=parsed,
    )


RETRY_EXTENSIONS: list[tuple[Wire, ext.Extension]] = [
    (extension(43, u16(0x0304)), ext.SelectedVersion(selected_version=ProtocolVersion.TLS_1_3)),
    (extension(44, opaque(2, b"cookie")), ext.Cookie(cookie=b"cookie")),
    (
        extension(51, u16(24)),
        ext.KeyShareHelloRetryRequest(selected_group=NamedGroup.SECP384R1),
    ),
]
ENTRY_EXTENSIONS = [
    (
        extension(5, u8(1), opaque(3, b"ocsp")),
        ext.CertificateStatusResponse(status_type=CertificateStatusType.OCSP, response=b"ocsp"),
    ),
    (
        extension(18, vector(2, opaque(2, b"sct"))),
        ext.SignedCertificateTimestamps(sct_list=(b"sct",)),
    ),
]
CERTIFICATE = opaque(1, b"ctx") + vector(
    3,
    opaque(3, b"leaf"),
    extensions(*(wire for wire, _ in ENTRY_EXTENSIONS)),
    opaque(3, b"issuer"),
    extensions(),
)
PARSED_CERTIFICATE = msg.Certificate(
    certificate_request_context=b"ctx",
    certificate_list=(
        msg.CertificateEntry(
            cert_data=b"leaf", extensions=tuple(parsed for _, parsed in ENTRY_EXTENSIONS)
        ),
        msg.CertificateEntry(cert_data=b"issuer"),
    ),
)
COMPRESSED = zlib.compress(CERTIFICATE.data)
AUTHORITIES = vector(2, opaque(2, b"\x30\x00"), opaque(2, b"name"))
REQUEST_EXTENSIONS: list[tuple[Wire, ext.Extension]] = [
    (extension(5), ext.FlagExtension(extension_type=T.STATUS_REQUEST)),
    (
        extension(13, vector(2, u16(0x0403))),
        ext.SignatureAlgorithms(
            extension_type=T.SIGNATURE_ALGORITHMS,
            supported_signature_algorithms=(SignatureScheme.ECDSA_SECP256R1_SHA256,),
        ),
    ),
    (
        extension(50, vector(2, u16(0x0401))),
        ext.SignatureAlgorithms(
            extension_type=T.SIGNATURE_ALGORITHMS_CERT,
            supported_signature_algorithms=(SignatureScheme.RSA_PKCS1_SHA256,),
        ),
    ),
    (
        extension(47, AUTHORITIES),
        ext.CertificateAuthorities(authorities=(b"\x30\x00", b"name")),
    ),
    (
        extension(48, vector(2, opaque(1, b"oid"), opaque(2, b"values"))),
        ext.OidFilters(
            filters=(
                ext.OidFilter(
                    certificate_extension_oid=b"oid", certificate_extension_values=b"values"
                ),
            )
        ),
    ),
]


def _wires(pairs: list[tuple[Wire, ext.Extension]]) -> list[Wire]:
    return [wire for wire, _ in pairs]


def _parsed(pairs: list[tuple[Wire, ext.Extension]]) -> tuple[ext.Extension, ...]:
    return tuple(parsed for _, parsed in pairs)


ECDH = u8(3) + u16(29) + opaque(1, b"p" * 32)
ECDH_PARAMS = msg.ServerECDHParams(named_group=NamedGroup.X25519, public=b"p" * 32)
DH = opaque(2, b"p" * 8) + opaque(2, b"g") + opaque(2, b"y" * 8)
DH_PARAMS = msg.ServerDHParams(dh_p=b"p" * 8, dh_g=b"g", dh_ys=b"y" * 8)
SIGNED = u16(0x0804) + opaque(2, b"signature")
PSS = SignatureScheme.RSA_PSS_RSAE_SHA256

CASES = [
    Case("HelloRequest", TLS12, Wire(b""), msg.HelloRequest()),
    Case(
        "ClientHello",
        TLS12,
        client_hello(*_wires(CLIENT_EXTENSIONS)),
        _client_hello(*_parsed(CLIENT_EXTENSIONS)),
        prefixes_fail=False,  # the extensions may be missing as a whole
    ),
    Case(
        "ServerHello",
        TLS12,
        server_hello(*_wires(SERVER_EXTENSIONS)),
        _server_hello(*_parsed(SERVER_EXTENSIONS)),
        prefixes_fail=False,
    ),
    Case(
        "HelloRetryRequest",
        TLS12,
        server_hello(*_wires(RETRY_EXTENSIONS), random=HELLO_RETRY_RANDOM),
        _server_hello(
            *_parsed(RETRY_EXTENSIONS), kind=msg.HelloRetryRequest, random=HELLO_RETRY_RANDOM
        ),
        prefixes_fail=False,
    ),
    Case(
        "EncryptedExtensions",
        TLS13,
        extensions(
            extension(0),
            extension(1, u8(1)),
            extension(10, vector(2, u16(29))),
            extension(16, vector(2, opaque(1, b"h2"))),
            extension(28, u16(64)),
            extension(42),
        ),
        msg.EncryptedExtensions(
            extensions=(
                ext.FlagExtension(extension_type=T.SERVER_NAME),
                ext.MaxFragmentLength(length=MaxFragmentLengthCode.BYTES_512),
                ext.SupportedGroups(named_group_list=(NamedGroup.X25519,)),
                ext.ApplicationLayerProtocols(protocol_name_list=(b"h2",)),
                ext.RecordSizeLimit(limit=64),
                ext.FlagExtension(extension_type=T.EARLY_DATA),
            )
        ),
    ),
    Case("Certificate of TLS 1.3", TLS13, CERTIFICATE, PARSED_CERTIFICATE),
    Case(
        "Certificate of TLS 1.2",
        TLS12,
        vector(3, opaque(3, b"leaf"), opaque(3, b"issuer")),
        msg.Certificate(
            certificate_list=(
                msg.CertificateEntry(cert_data=b"leaf"),
                msg.CertificateEntry(cert_data=b"issuer"),
            )
        ),
    ),
    Case(
        "raw public key of TLS 1.2",
        with_raw_keys(TLS12),
        opaque(3, b"key"),
        msg.Certificate(certificate_list=(), raw_public_key=b"key"),
    ),
    Case(
        "no raw public key in TLS 1.2",
        with_raw_keys(TLS12),
        opaque(3, b""),
        msg.Certificate(certificate_list=()),
    ),
    Case(
        "raw public key of TLS 1.3",
        with_raw_keys(TLS13),
        opaque(1, b"ctx") + vector(3, opaque(3, b"key"), extensions()),
        msg.Certificate(
            certificate_request_context=b"ctx", certificate_list=(), raw_public_key=b"key"
        ),
    ),
    Case("empty Certificate", TLS12, vector(3), msg.Certificate(certificate_list=())),
    Case(
        "CompressedCertificate",
        TLS13,
        u16(1) + raw(len(CERTIFICATE.data).to_bytes(3, "big")) + opaque(3, COMPRESSED),
        msg.CompressedCertificate(
            algorithm=CertificateCompressionAlgorithm.ZLIB,
            uncompressed_length=len(CERTIFICATE.data),
            compressed_certificate_message=COMPRESSED,
            certificate=PARSED_CERTIFICATE,
        ),
    ),
    Case(
        "CompressedCertificate by brotli",
        TLS13,
        u16(2) + raw(b"\0\0\x09") + opaque(3, b"??"),
        msg.CompressedCertificate(
            algorithm=CertificateCompressionAlgorithm.BROTLI,
            uncompressed_length=9,
            compressed_certificate_message=b"??",
            certificate=None,
        ),
    ),
    Case(
        "CertificateStatus",
        TLS12,
        u8(1) + opaque(3, b"ocsp"),
        msg.CertificateStatus(status_type=CertificateStatusType.OCSP, response=b"ocsp"),
    ),
    Case(
        "CertificateStatus of another type",
        TLS12,
        u8(2) + raw(b"list"),
        msg.CertificateStatus(status_type=CertificateStatusType.OCSP_MULTI, response=b"list"),
        prefixes_fail=False,
    ),
    Case(
        "ServerKeyExchange, ECDHE",
        TLS12,
        ECDH + SIGNED,
        msg.ServerKeyExchange(params=ECDH_PARAMS, algorithm=PSS, signature=b"signature"),
    ),
    Case(
        "ServerKeyExchange, ECDHE of TLS 1.1",
        TLS11,
        ECDH + opaque(2, b"signature"),
        msg.ServerKeyExchange(params=ECDH_PARAMS, signature=b"signature"),
    ),
    Case(
        "ServerKeyExchange, DHE",
        tls12(KeyExchange.DHE),
        DH + SIGNED,
        msg.ServerKeyExchange(params=DH_PARAMS, algorithm=PSS, signature=b"signature"),
    ),
    Case(
        "ServerKeyExchange, DH_anon",
        tls12(KeyExchange.DHE, signed=False),
        DH,
        msg.ServerKeyExchange(params=DH_PARAMS),
    ),
    Case(
        "ServerKeyExchange, PSK",
        tls12(KeyExchange.OTHER),
        raw(b"hint"),
        msg.ServerKeyExchange(params=msg.OpaqueParams(body=b"hint")),
        prefixes_fail=False,
    ),
    Case(
        "CertificateRequest of TLS 1.3",
        TLS13,
        opaque(1, b"ctx") + extensions(*_wires(REQUEST_EXTENSIONS)),
        msg.CertificateRequest(
            certificate_request_context=b"ctx",
            supported_signature_algorithms=(SignatureScheme.ECDSA_SECP256R1_SHA256,),
            certificate_authorities=(b"\x30\x00", b"name"),
            extensions=_parsed(REQUEST_EXTENSIONS),
        ),
    ),
    Case(
        "CertificateRequest of TLS 1.2",
        TLS12,
        opaque(1, b"\x01\x40") + vector(2, u16(0x0804)) + AUTHORITIES,
        msg.CertificateRequest(
            certificate_types=(ClientCertificateType.RSA_SIGN, ClientCertificateType.ECDSA_SIGN),
            supported_signature_algorithms=(PSS,),
            certificate_authorities=(b"\x30\x00", b"name"),
        ),
    ),
    Case(
        "CertificateRequest of TLS 1.1",
        TLS11,
        opaque(1, b"\x01") + vector(2),
        msg.CertificateRequest(certificate_types=(ClientCertificateType.RSA_SIGN,)),
    ),
    Case("ServerHelloDone", TLS12, Wire(b""), msg.ServerHelloDone()),
    Case(
        "CertificateVerify",
        TLS13,
        SIGNED,
        msg.CertificateVerify(algorithm=PSS, signature=b"signature"),
    ),
    Case(
        "CertificateVerify of TLS 1.1",
        TLS11,
        opaque(2, b"signature"),
        msg.CertificateVerify(algorithm=None, signature=b"signature"),
    ),
    Case(
        "ClientKeyExchange, ECDHE",
        TLS12,
        opaque(1, b"p" * 32),
        msg.ClientKeyExchange(exchange_keys=b"p" * 32),
    ),
    Case(
        "ClientKeyExchange, RSA",
        tls12(KeyExchange.RSA),
        opaque(2, b"s" * 256),
        msg.ClientKeyExchange(exchange_keys=b"s" * 256),
    ),
    Case(
        "ClientKeyExchange, DHE",
        tls12(KeyExchange.DHE),
        opaque(2, b"y" * 256),
        msg.ClientKeyExchange(exchange_keys=b"y" * 256),
    ),
    Case(
        "ClientKeyExchange, PSK",
        tls12(KeyExchange.OTHER),
        raw(b"identity"),
        msg.ClientKeyExchange(exchange_keys=b"identity"),
        prefixes_fail=False,
    ),
    Case(
        "ClientKeyExchange of SSL 3.0",
        SSL3,
        raw(b"s" * 128),
        msg.ClientKeyExchange(exchange_keys=b"s" * 128),
        prefixes_fail=False,
    ),
    Case(
        "Finished",
        TLS13,
        raw(b"v" * 32),
        msg.Finished(verify_data=b"v" * 32),
        prefixes_fail=False,
    ),
    Case("EndOfEarlyData", TLS13, Wire(b""), msg.EndOfEarlyData()),
    Case(
        "NewSessionTicket of TLS 1.3",
        TLS13,
        u32(7200)
        + u32(99)
        + opaque(1, b"nonce")
        + opaque(2, b"ticket")
        + extensions(extension(42, u32(16384)), extension(0x4A4A)),
        msg.NewSessionTicket(
            ticket_lifetime=7200,
            ticket_age_add=99,
            ticket_nonce=b"nonce",
            ticket=b"ticket",
            extensions=(
                ext.MaxEarlyData(max_early_data_size=16384),
                ext.OpaqueExtension(extension_type=T(0x4A4A), extension_data=b""),
            ),
        ),
    ),
    Case(
        "NewSessionTicket of TLS 1.2",
        TLS12,
        u32(300) + opaque(2, b"ticket"),
        msg.NewSessionTicket(ticket_lifetime=300, ticket=b"ticket"),
    ),
    Case(
        "KeyUpdate",
        TLS13,
        u8(1),
        msg.KeyUpdate(request_update=KeyUpdateRequest.UPDATE_REQUESTED),
    ),
    Case(
        "unknown message",
        TLS13,
        raw(b"anything"),
        msg.UnknownMessage(msg_type=HandshakeType.SUPPLEMENTAL_DATA, body=b"anything"),
        prefixes_fail=False,
    ),
]
