"""The code points of TLS: IANA's numbers, with the registries' names.

Rules: a member's Python name is the registry's name in capitals, its text form (``str``) is the
registry's name as written there. How a number without a name is treated is told in
``code_point.py``; the cipher suites have a module of their own, ``cipher_suites.py``.

This module must not know how the numbers lie on the wire.
"""

from __future__ import annotations

from lab.tls.code_point import CodePoint, CodePoint16
from lab.tls.draft_versions import name_of_draft


class ProtocolVersion(CodePoint16):
    """ProtocolVersion (RFC 9846 section 4.2.2)."""

    SSL_2_0 = 0x0002, "SSL 2.0"
    SSL_3_0 = 0x0300, "SSL 3.0"
    TLS_1_0 = 0x0301, "TLS 1.0"
    TLS_1_1 = 0x0302, "TLS 1.1"
    TLS_1_2 = 0x0303, "TLS 1.2"
    TLS_1_3 = 0x0304, "TLS 1.3"

    @classmethod
    def _missing_(cls, value: object) -> ProtocolVersion | None:
        version = super()._missing_(value)
        if version is not None:
            version.text = name_of_draft(version) or version.text
        return version


class ContentType(CodePoint):
    """Registry "TLS ContentType" (RFC 9846 section 5.1)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    HEARTBEAT = 24
    TLS12_CID = 25
    ACK = 26, "ACK"


class HandshakeType(CodePoint):
    """Registry "TLS HandshakeType" (RFC 9846 section 4, RFC 5246 section 7.4)."""

    HELLO_REQUEST = 0
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    HELLO_VERIFY_REQUEST = 3
    NEW_SESSION_TICKET = 4
    END_OF_EARLY_DATA = 5
    HELLO_RETRY_REQUEST = 6
    ENCRYPTED_EXTENSIONS = 8
    REQUEST_CONNECTION_ID = 9
    NEW_CONNECTION_ID = 10
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16
    CLIENT_CERTIFICATE_REQUEST = 17
    FINISHED = 20
    CERTIFICATE_URL = 21
    CERTIFICATE_STATUS = 22
    SUPPLEMENTAL_DATA = 23
    KEY_UPDATE = 24
    COMPRESSED_CERTIFICATE = 25
    EKT_KEY = 26
    MESSAGE_HASH = 254


class HeartbeatMessageType(CodePoint):
    """HeartbeatMessageType (RFC 6520 section 3)."""

    HEARTBEAT_REQUEST = 1
    HEARTBEAT_RESPONSE = 2


class AlertLevel(CodePoint):
    """AlertLevel (RFC 9846 section 6)."""

    WARNING = 1
    FATAL = 2


class AlertDescription(CodePoint):
    """Registry "TLS Alerts" (RFC 9846 section 6, RFC 5246 section 7.2)."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    DECRYPTION_FAILED = 21
    RECORD_OVERFLOW = 22
    DECOMPRESSION_FAILURE = 30
    HANDSHAKE_FAILURE = 40
    NO_CERTIFICATE = 41
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_REVOKED = 44
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    ILLEGAL_PARAMETER = 47
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    TOO_MANY_CIDS_REQUESTED = 52
    EXPORT_RESTRICTION = 60
    PROTOCOL_VERSION = 70
    INSUFFICIENT_SECURITY = 71
    INTERNAL_ERROR = 80
    INAPPROPRIATE_FALLBACK = 86
    USER_CANCELED = 90
    NO_RENEGOTIATION = 100
    MISSING_EXTENSION = 109
    UNSUPPORTED_EXTENSION = 110
    CERTIFICATE_UNOBTAINABLE = 111
    UNRECOGNIZED_NAME = 112
    BAD_CERTIFICATE_STATUS_RESPONSE = 113
    BAD_CERTIFICATE_HASH_VALUE = 114
    UNKNOWN_PSK_IDENTITY = 115
    CERTIFICATE_REQUIRED = 116
    GENERAL_ERROR = 117
    NO_APPLICATION_PROTOCOL = 120
    ECH_REQUIRED = 121


class ExtensionType(CodePoint16):
    """Registry "TLS ExtensionType Values" (RFC 9846 section 4.3)."""

    SERVER_NAME = 0
    MAX_FRAGMENT_LENGTH = 1
    CLIENT_CERTIFICATE_URL = 2
    TRUSTED_CA_KEYS = 3
    TRUNCATED_HMAC = 4
    STATUS_REQUEST = 5
    USER_MAPPING = 6
    CLIENT_AUTHZ = 7
    SERVER_AUTHZ = 8
    CERT_TYPE = 9
    SUPPORTED_GROUPS = 10
    EC_POINT_FORMATS = 11
    SRP = 12
    SIGNATURE_ALGORITHMS = 13
    USE_SRTP = 14
    HEARTBEAT = 15
    APPLICATION_LAYER_PROTOCOL_NEGOTIATION = 16
    STATUS_REQUEST_V2 = 17
    SIGNED_CERTIFICATE_TIMESTAMP = 18
    CLIENT_CERTIFICATE_TYPE = 19
    SERVER_CERTIFICATE_TYPE = 20
    PADDING = 21
    ENCRYPT_THEN_MAC = 22
    EXTENDED_MASTER_SECRET = 23
    TOKEN_BINDING = 24
    CACHED_INFO = 25
    TLS_LTS = 26
    COMPRESS_CERTIFICATE = 27
    RECORD_SIZE_LIMIT = 28
    PWD_PROTECT = 29
    PWD_CLEAR = 30
    PASSWORD_SALT = 31
    TICKET_PINNING = 32
    TLS_CERT_WITH_EXTERN_PSK = 33
    DELEGATED_CREDENTIAL = 34
    SESSION_TICKET = 35
    TLMSP = 36, "TLMSP"
    TLMSP_PROXYING = 37, "TLMSP_proxying"
    TLMSP_DELEGATE = 38, "TLMSP_delegate"
    SUPPORTED_EKT_CIPHERS = 39
    PRE_SHARED_KEY = 41
    EARLY_DATA = 42
    SUPPORTED_VERSIONS = 43
    COOKIE = 44
    PSK_KEY_EXCHANGE_MODES = 45
    CERTIFICATE_AUTHORITIES = 47
    OID_FILTERS = 48
    POST_HANDSHAKE_AUTH = 49
    SIGNATURE_ALGORITHMS_CERT = 50
    KEY_SHARE = 51
    TRANSPARENCY_INFO = 52
    CONNECTION_ID = 54
    EXTERNAL_ID_HASH = 55
    EXTERNAL_SESSION_ID = 56
    QUIC_TRANSPORT_PARAMETERS = 57
    TICKET_REQUEST = 58
    DNSSEC_CHAIN = 59
    NEXT_PROTOCOL_NEGOTIATION = 13172
    APPLICATION_SETTINGS_OLD = 17513
    APPLICATION_SETTINGS = 17613
    ECH_OUTER_EXTENSIONS = 64768
    ENCRYPTED_CLIENT_HELLO = 65037
    RENEGOTIATION_INFO = 65281


class NamedGroup(CodePoint16):
    """Registry "TLS Supported Groups" (RFC 9846 section 4.3.7, RFC 8422 section 5.1.1)."""

    SECT163K1 = 1
    SECT163R1 = 2
    SECT163R2 = 3
    SECT193R1 = 4
    SECT193R2 = 5
    SECT233K1 = 6
    SECT233R1 = 7
    SECT239K1 = 8
    SECT283K1 = 9
    SECT283R1 = 10
    SECT409K1 = 11
    SECT409R1 = 12
    SECT571K1 = 13
    SECT571R1 = 14
    SECP160K1 = 15
    SECP160R1 = 16
    SECP160R2 = 17
    SECP192K1 = 18
    SECP192R1 = 19
    SECP224K1 = 20
    SECP224R1 = 21
    SECP256K1 = 22
    SECP256R1 = 23
    SECP384R1 = 24
    SECP521R1 = 25
    BRAINPOOLP256R1 = 26, "brainpoolP256r1"
    BRAINPOOLP384R1 = 27, "brainpoolP384r1"
    BRAINPOOLP512R1 = 28, "brainpoolP512r1"
    X25519 = 29
    X448 = 30
    BRAINPOOLP256R1TLS13 = 31, "brainpoolP256r1tls13"
    BRAINPOOLP384R1TLS13 = 32, "brainpoolP384r1tls13"
    BRAINPOOLP512R1TLS13 = 33, "brainpoolP512r1tls13"
    CURVESM2 = 41, "curveSM2"
    FFDHE2048 = 256
    FFDHE3072 = 257
    FFDHE4096 = 258
    FFDHE6144 = 259
    FFDHE8192 = 260
    MLKEM512 = 512, "MLKEM512"
    MLKEM768 = 513, "MLKEM768"
    MLKEM1024 = 514, "MLKEM1024"
    SECP256R1MLKEM768 = 4587, "SecP256r1MLKEM768"
    X25519MLKEM768 = 4588, "X25519MLKEM768"
    SECP384R1MLKEM1024 = 4589, "SecP384r1MLKEM1024"
    X25519KYBER768DRAFT00 = 25497, "X25519Kyber768Draft00"
    ARBITRARY_EXPLICIT_PRIME_CURVES = 65281
    ARBITRARY_EXPLICIT_CHAR2_CURVES = 65282


class SignatureScheme(CodePoint16):
    """Registry "TLS SignatureScheme" (RFC 9846 section 4.3.3).

    Also the pairs of hash and signature of RFC 5246 section 7.4.1.4.1 that the registry leaves
    without a name and that TLS 1.2 clients still send; theirs are OpenSSL's names.
    """

    RSA_PKCS1_MD5 = 0x0101
    RSA_PKCS1_SHA1 = 0x0201
    DSA_SHA1 = 0x0202
    ECDSA_SHA1 = 0x0203
    RSA_PKCS1_SHA224 = 0x0301
    DSA_SHA224 = 0x0302
    ECDSA_SHA224 = 0x0303
    RSA_PKCS1_SHA256 = 0x0401
    DSA_SHA256 = 0x0402
    ECDSA_SECP256R1_SHA256 = 0x0403
    RSA_PKCS1_SHA256_LEGACY = 0x0420
    RSA_PKCS1_SHA384 = 0x0501
    DSA_SHA384 = 0x0502
    ECDSA_SECP384R1_SHA384 = 0x0503
    RSA_PKCS1_SHA384_LEGACY = 0x0520
    RSA_PKCS1_SHA512 = 0x0601
    DSA_SHA512 = 0x0602
    ECDSA_SECP521R1_SHA512 = 0x0603
    RSA_PKCS1_SHA512_LEGACY = 0x0620
    SM2SIG_SM3 = 0x0708
    RSA_PSS_RSAE_SHA256 = 0x0804
    RSA_PSS_RSAE_SHA384 = 0x0805
    RSA_PSS_RSAE_SHA512 = 0x0806
    ED25519 = 0x0807
    ED448 = 0x0808
    RSA_PSS_PSS_SHA256 = 0x0809
    RSA_PSS_PSS_SHA384 = 0x080A
    RSA_PSS_PSS_SHA512 = 0x080B
    ECDSA_BRAINPOOLP256R1TLS13_SHA256 = 0x081A, "ecdsa_brainpoolP256r1tls13_sha256"
    ECDSA_BRAINPOOLP384R1TLS13_SHA384 = 0x081B, "ecdsa_brainpoolP384r1tls13_sha384"
    ECDSA_BRAINPOOLP512R1TLS13_SHA512 = 0x081C, "ecdsa_brainpoolP512r1tls13_sha512"
    MLDSA44 = 0x0904
    MLDSA65 = 0x0905
    MLDSA87 = 0x0906


class ClientCertificateType(CodePoint):
    """Registry "TLS ClientCertificateType Identifiers" (RFC 5246 section 7.4.4)."""

    RSA_SIGN = 1
    DSS_SIGN = 2
    RSA_FIXED_DH = 3
    DSS_FIXED_DH = 4
    RSA_EPHEMERAL_DH_RESERVED = 5, "rsa_ephemeral_dh_RESERVED"
    DSS_EPHEMERAL_DH_RESERVED = 6, "dss_ephemeral_dh_RESERVED"
    FORTEZZA_DMS_RESERVED = 20, "fortezza_dms_RESERVED"
    ECDSA_SIGN = 64
    RSA_FIXED_ECDH = 65
    ECDSA_FIXED_ECDH = 66
    GOST_SIGN256 = 67
    GOST_SIGN512 = 68


class CertificateType(CodePoint):
    """Registry "TLS Certificate Types" (RFC 7250 section 3, RFC 6091)."""

    X509 = 0, "X.509"
    OPENPGP = 1, "OpenPGP"
    RAW_PUBLIC_KEY = 2, "Raw Public Key"
    IEEE_1609_2 = 3, "1609Dot2"


class CompressionMethod(CodePoint):
    """Registry "TLS Compression Method Identifiers" (RFC 3749)."""

    NULL = 0
    DEFLATE = 1, "DEFLATE"
    LZS = 64, "LZS"


class ECPointFormat(CodePoint):
    """Registry "TLS EC Point Formats" (RFC 8422 section 5.1.2)."""

    UNCOMPRESSED = 0
    ANSIX962_COMPRESSED_PRIME = 1, "ansiX962_compressed_prime"
    ANSIX962_COMPRESSED_CHAR2 = 2, "ansiX962_compressed_char2"


class ECCurveType(CodePoint):
    """Registry "TLS EC Curve Types" (RFC 8422 section 5.4)."""

    EXPLICIT_PRIME = 1
    EXPLICIT_CHAR2 = 2
    NAMED_CURVE = 3


_GREASE_MODES = frozenset(range(0x0B, 0xE5, 0x1F))


class PskKeyExchangeMode(CodePoint):
    """Registry "TLS PskKeyExchangeMode" (RFC 9846 section 4.3.9)."""

    PSK_KE = 0
    PSK_DHE_KE = 1

    @classmethod
    def grease(cls) -> frozenset[int]:
        """0x0b, 0x2a, 0x49, ..., 0xe4 (RFC 8701 section 2)."""
        return _GREASE_MODES


class NameType(CodePoint):
    """NameType of ServerNameList (RFC 6066 section 3)."""

    HOST_NAME = 0


class CertificateStatusType(CodePoint):
    """Registry "TLS Certificate Status Types" (RFC 6066 section 8)."""

    OCSP = 1
    OCSP_MULTI = 2


class CertificateCompressionAlgorithm(CodePoint16):
    """Registry "TLS Certificate Compression Algorithm IDs" (RFC 8879 section 7.3)."""

    ZLIB = 1
    BROTLI = 2
    ZSTD = 3


class MaxFragmentLengthCode(CodePoint):
    """Registry "MaxFragmentLength": 2^9 to 2^12 bytes (RFC 6066 section 4)."""

    BYTES_512 = 1, "2^9"
    BYTES_1024 = 2, "2^10"
    BYTES_2048 = 3, "2^11"
    BYTES_4096 = 4, "2^12"


class KeyUpdateRequest(CodePoint):
    """KeyUpdateRequest (RFC 9846 section 4.7.3)."""

    UPDATE_NOT_REQUESTED = 0
    UPDATE_REQUESTED = 1
