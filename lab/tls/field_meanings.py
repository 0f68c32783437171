"""What each field of a message is for: its registry, a sentence, and where it is defined.

Rules: a key is a field's name as the parsers have it, or with the structure before it where one
name stands for several things. A test holds that every field that a parser reads has a row.

This module must not know where fields stand.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.tls import code_points as codes
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import CodePoint


class Meaning(NamedTuple):
    """What a field is for; ``registry`` is that of its number, None where it is a plain one."""

    text: str
    reference: str
    registry: type[CodePoint] | None = None


_HELLO = "RFC 9846 section 4.2.2"
_ANSWER = "RFC 9846 section 4.2.3"
_CERTIFICATE = "RFC 9846 section 4.5.1, RFC 5246 section 7.4.2"
_REQUEST = "RFC 9846 section 4.4.2, RFC 5246 section 7.4.4"
_TICKET = "RFC 9846 section 4.7.1, RFC 5077 section 3.3"
_PSK = "RFC 9846 section 4.3.11"
_SHARE = "RFC 9846 section 4.3.8"
_SCHEMES = "RFC 9846 section 4.3.3"
_HANDSHAKE = "RFC 9846 section 4, RFC 5246 section 7.4"
_SSLV2 = "RFC 5246 appendix E.2"
_RECORD = "RFC 9846 section 5.1, RFC 5246 section 6.2.1"
_PROTECTED = "RFC 9846 section 5.2"
_ECDHE = "RFC 8422 section 5.4"

MEANINGS = {
    # Records.
    "type": Meaning("what the record says it holds", _RECORD, codes.ContentType),
    "legacy_record_version": Meaning(
        "in TLS 1.2 the version, or an older one before it is agreed; in TLS 1.3 it says nothing",
        _RECORD,
        codes.ProtocolVersion,
    ),
    "fragment": Meaning("what the record carries, in the clear", _RECORD),
    "nonce_explicit": Meaning("the part of the nonce that is sent", "RFC 5246 section 6.2.3.3"),
    "IV": Meaning("the initialization vector of CBC", "RFC 5246 section 6.2.3.2"),
    "encrypted_record": Meaning("ciphertext that is not opened", _PROTECTED),
    "encrypted content": Meaning("ciphertext: the content below, byte by byte", _PROTECTED),
    "encrypted content, MAC and padding": Meaning(
        "ciphertext in blocks: the content below, and what protects and fills it",
        "RFC 5246 section 6.2.3.2",
    ),
    "encrypted content type": Meaning(
        "ciphertext of the true type, which the header does not show", _PROTECTED
    ),
    "encrypted padding": Meaning(
        "ciphertext of zeros that hide the length", "RFC 9846 section 5.4"
    ),
    "authentication tag": Meaning(
        "shows that nobody changed the record, its header included",
        "RFC 9846 section 5.2, RFC 5246 section 6.2.3.3",
    ),
    "MAC": Meaning("shows that nobody changed the record", "RFC 5246 section 6.2.3.1, RFC 7366"),
    # Handshake messages.
    "msg_type": Meaning("which message this is", _HANDSHAKE, codes.HandshakeType),
    "ClientHello of SSL 2.msg_type": Meaning("client_hello, in the form of SSL 2", _SSLV2),
    "body": Meaning("the content of a message that is not taken apart here", _HANDSHAKE),
    "extensions": Meaning("the list of extensions", "RFC 9846 section 4.3"),
    "Extension.extension_type": Meaning(
        "which extension this is", "RFC 9846 section 4.3", codes.ExtensionType
    ),
    "extension_data": Meaning(
        "the content of an extension that is not taken apart here", "RFC 9846 section 4.3"
    ),
    "legacy_version": Meaning(
        "the version; where supported_versions is there, that counts instead",
        f"{_HELLO} and 4.2.3",
        codes.ProtocolVersion,
    ),
    "random": Meaning(
        "32 bytes that are meant to be random, and new each time", f"{_HELLO} and 4.2.3"
    ),
    "HelloRetryRequest.random": Meaning(
        "the value that marks a HelloRetryRequest, always the same", _ANSWER
    ),
    "legacy_session_id": Meaning(
        "in TLS 1.2 the session to resume; in TLS 1.3 a value that is echoed", _HELLO
    ),
    "legacy_session_id_echo": Meaning(
        "in TLS 1.2 the session's name; in TLS 1.3 the client's value again", _ANSWER
    ),
    "cipher_suites": Meaning("a cipher suite that the client offers", _HELLO, CipherSuite),
    "cipher_suite": Meaning("the cipher suite that the server chose", _ANSWER, CipherSuite),
    "legacy_compression_methods": Meaning(
        "compression that the client offers; TLS 1.3 allows null only",
        _HELLO,
        codes.CompressionMethod,
    ),
    "legacy_compression_method": Meaning(
        "the compression that the server chose", _ANSWER, codes.CompressionMethod
    ),
    # The form of SSL 2.
    "version": Meaning("the newest version that is offered", _SSLV2, codes.ProtocolVersion),
    "cipher_spec_length": Meaning("how many bytes of cipher_specs follow", _SSLV2),
    "session_id_length": Meaning("how many bytes of session_id follow", _SSLV2),
    "challenge_length": Meaning("how many bytes of challenge follow", _SSLV2),
    "cipher_specs": Meaning("the cipher suites that the client offers, 3 bytes each", _SSLV2),
    "session_id": Meaning("the session to resume", _SSLV2),
    "challenge": Meaning("the client's random", _SSLV2),
    # Extensions.
    "server_name_list": Meaning("names that the client asks for", "RFC 6066 section 3"),
    "name_type": Meaning("what kind of name follows", "RFC 6066 section 3", codes.NameType),
    "host_name": Meaning("the host name that the client asks for", "RFC 6066 section 3"),
    "max_fragment_length.length": Meaning(
        "the longest fragment that the client wants",
        "RFC 6066 section 4",
        codes.MaxFragmentLengthCode,
    ),
    "limit": Meaning("the longest plaintext that the sender accepts, in bytes", "RFC 8449"),
    "status_type": Meaning(
        "the kind of status, OCSP as a rule", "RFC 6066 section 8", codes.CertificateStatusType
    ),
    "request": Meaning("what the client asks of the status", "RFC 6066 section 8"),
    "response": Meaning("a status of the certificate, such as DER of OCSP", "RFC 6066 section 8"),
    "named_group_list": Meaning(
        "a group for the key exchange that the sender supports",
        "RFC 9846 section 4.3.7",
        codes.NamedGroup,
    ),
    "ec_point_format_list": Meaning(
        "a form of points on curves that the sender reads",
        "RFC 8422 section 5.1.2",
        codes.ECPointFormat,
    ),
    "supported_signature_algorithms": Meaning(
        "a signature algorithm that the sender accepts", _SCHEMES, codes.SignatureScheme
    ),
    "protocol_name_list": Meaning(
        "protocols that the client speaks, or the one that the server chose", "RFC 7301"
    ),
    "protocol_name": Meaning("the name of an application protocol", "RFC 7301"),
    "sct_list": Meaning(
        "promises of logs to list the certificate publicly", "RFC 6962 section 3.3"
    ),
    "serialized_sct": Meaning("a signed certificate timestamp", "RFC 6962 section 3.3"),
    "padding": Meaning("bytes that say nothing", "RFC 7685"),
    "algorithms": Meaning(
        "a compression of certificates that the sender reads",
        "RFC 8879 section 3",
        codes.CertificateCompressionAlgorithm,
    ),
    "session_ticket.ticket": Meaning("the ticket of the session to resume", "RFC 5077 section 3.2"),
    "renegotiated_connection": Meaning(
        "what ties a renegotiation to the handshake before, empty in the first",
        "RFC 5746 section 3.2",
    ),
    "identities": Meaning("sessions, or shared keys, that the client could go on with", _PSK),
    "identity": Meaning("a ticket, or the name of a shared key", _PSK),
    "obfuscated_ticket_age": Meaning(
        "the ticket's age in ms, plus ticket_age_add; 0 for a key that is no ticket", _PSK
    ),
    "binders": Meaning("proofs that the client has the keys, one an identity", _PSK),
    "binder": Meaning("an HMAC over the hello up to here, by the key of the identity", _PSK),
    "selected_identity": Meaning("the place of the identity that the server took", _PSK),
    "max_early_data_size": Meaning(
        "how many bytes of early data the server takes", "RFC 9846 section 4.3.10"
    ),
    "versions": Meaning(
        "a version that the client speaks", "RFC 9846 section 4.3.1", codes.ProtocolVersion
    ),
    "selected_version": Meaning(
        "the version that the server chose", "RFC 9846 section 4.3.1", codes.ProtocolVersion
    ),
    "cookie": Meaning("bytes of the server that the client sends back", "RFC 9846 section 4.3.2"),
    "ke_modes": Meaning(
        "how the client would use a session's key",
        "RFC 9846 section 4.3.9",
        codes.PskKeyExchangeMode,
    ),
    "authorities": Meaning("CAs whose certificates the sender accepts", "RFC 9846 section 4.3.4"),
    "distinguished_name": Meaning("the name of a CA, in DER", "RFC 9846 section 4.3.4"),
    "filters": Meaning("what the client's certificate must have", "RFC 9846 section 4.3.5"),
    "certificate_extension_oid": Meaning("a certificate extension", "RFC 9846 section 4.3.5"),
    "certificate_extension_values": Meaning("what it must hold", "RFC 9846 section 4.3.5"),
    "client_shares": Meaning("public keys for the key exchange, one a group", _SHARE),
    "group": Meaning("the group of the public key", _SHARE, codes.NamedGroup),
    "key_exchange": Meaning(
        "what the sender adds to the key exchange, a public key as a rule", _SHARE
    ),
    "selected_group": Meaning("the group that the client is to use", _SHARE, codes.NamedGroup),
    # Both are of RFC 7250 in extensions.
    "client_certificate_type.certificate_types": Meaning(
        "a form in which the client can show its key", "RFC 7250 section 3", codes.CertificateType
    ),
    "server_certificate_type.certificate_types": Meaning(
        "a form in which the client can read the server's key",
        "RFC 7250 section 3",
        codes.CertificateType,
    ),
    "certificate_type": Meaning(
        "the form of the key that was chosen", "RFC 7250 section 3", codes.CertificateType
    ),
    # Certificates.
    "certificate_request_context": Meaning(
        "ties a Certificate to its request; empty within the handshake", f"{_REQUEST}"
    ),
    "certificate_list": Meaning("the sender's certificate first, then its issuers", _CERTIFICATE),
    "certificate": Meaning("a certificate, in DER", _CERTIFICATE),
    "cert_data": Meaning("a certificate, in DER", _CERTIFICATE),
    "ASN1_subjectPublicKeyInfo": Meaning("a raw public key, in DER", "RFC 7250 section 3"),
    "CompressedCertificate.algorithm": Meaning(
        "how the message is compressed",
        "RFC 8879 section 4",
        codes.CertificateCompressionAlgorithm,
    ),
    "uncompressed_length": Meaning("the length before compression", "RFC 8879 section 4"),
    "compressed_certificate_message": Meaning(
        "a Certificate message, compressed", "RFC 8879 section 4"
    ),
    "certificate_types": Meaning(
        "a kind of key that the client's certificate may have",
        "RFC 5246 section 7.4.4",
        codes.ClientCertificateType,
    ),
    "certificate_authorities": Meaning(
        "CAs whose certificates the server accepts", "RFC 5246 section 7.4.4"
    ),
    # Key exchange, signatures and the rest.
    "dh_p": Meaning("the prime of the Diffie-Hellman group", "RFC 5246 section 7.4.3"),
    "dh_g": Meaning("the generator of the Diffie-Hellman group", "RFC 5246 section 7.4.3"),
    "dh_Ys": Meaning("the server's public key for this exchange", "RFC 5246 section 7.4.3"),
    "curve_type": Meaning("how the curve is named", _ECDHE, codes.ECCurveType),
    "namedcurve": Meaning("the curve that the server chose", _ECDHE, codes.NamedGroup),
    "public": Meaning("the server's public key for this exchange", _ECDHE),
    "params": Meaning("key exchange parameters that are not taken apart here", _HANDSHAKE),
    "algorithm": Meaning("the algorithm of the signature", _SCHEMES, codes.SignatureScheme),
    "ServerKeyExchange.signature": Meaning(
        "signs both randoms and the parameters, by the key of the server's certificate",
        "RFC 5246 section 7.4.3",
    ),
    "CertificateVerify.signature": Meaning(
        "signs the handshake so far, by the key of the sender's certificate",
        "RFC 9846 section 4.5.2, RFC 5246 section 7.4.8",
    ),
    "exchange_keys": Meaning(
        "the client's public key, or the secret encrypted for the server", "RFC 5246 section 7.4.7"
    ),
    "verify_data": Meaning(
        "a hash over the handshake so far, which only both ends can make",
        "RFC 9846 section 4.5.3, RFC 5246 section 7.4.9",
    ),
    "ticket_lifetime": Meaning(
        "how long the ticket is of use, in seconds; in TLS 1.2 0 says nothing of it", _TICKET
    ),
    "ticket_age_add": Meaning("is added to the ticket's age to hide it", _TICKET),
    "ticket_nonce": Meaning("tells the keys of several tickets apart", _TICKET),
    "ticket": Meaning("what the client shows to resume this session", _TICKET),
    "request_update": Meaning(
        "whether the other end is to change its keys, too",
        "RFC 9846 section 4.7.3",
        codes.KeyUpdateRequest,
    ),
    # Alerts and the like.
    "level": Meaning(
        "warning or fatal; in TLS 1.3 the description decides",
        "RFC 9846 section 6",
        codes.AlertLevel,
    ),
    "description": Meaning(
        "what is the matter", "RFC 9846 section 6, RFC 5246 section 7.2", codes.AlertDescription
    ),
    "change_cipher_spec": Meaning(
        "in TLS 1.2: from here on encrypted; in TLS 1.3: nothing, for old equipment",
        "RFC 5246 section 7.1, RFC 9846 appendix E.4",
    ),
    "application_data": Meaning("what the application sent", _RECORD),
    "content": Meaning("content that is not taken apart here", _RECORD),
}

STRUCTURES = {
    "ServerName": Meaning("a name, and of which kind it is", "RFC 6066 section 3"),
    "PskIdentity": Meaning("a session or shared key", _PSK),
    "OIDFilter": Meaning("one requirement", "RFC 9846 section 4.3.5"),
    "KeyShareEntry": Meaning("a public key with its group", _SHARE),
    "CertificateEntry": Meaning("a certificate with its extensions", _CERTIFICATE),
    "Extension": Meaning("an extension", "RFC 9846 section 4.3"),
    "message": Meaning("a handshake message", _HANDSHAKE),
    "TLSPlaintext": Meaning("a record in the clear", _RECORD),
    "TLSCiphertext": Meaning("a protected record", f"{_PROTECTED}, RFC 5246 section 6.2.3"),
}
"""What structures are that no parser names as a field."""

ITEMS = {
    "server_name_list": "ServerName",
    "identities": "PskIdentity",
    "filters": "OIDFilter",
    "client_shares": "KeyShareEntry",
    "certificate_list": "CertificateEntry",
}
"""The structures that lists are of."""
