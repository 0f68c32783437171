"""What each alert means by its RFC, in a sentence: not why it was sent.

Source: RFC 9846 section 6, RFC 5246 section 7.2, and for older ones RFC 2246 section 7.2.
"""

from __future__ import annotations

from lab.tls.code_points import AlertDescription as A

_ERRORS = "RFC 9846 section 6.2"
_CLOSURE = "RFC 9846 section 6.1"
_TLS12 = "RFC 5246 section 7.2.2"
_UNASSIGNED = "no meaning of this number is known here"

_MEANINGS = {
    A.CLOSE_NOTIFY: ("the sender sends no more on this connection", _CLOSURE),
    A.USER_CANCELED: ("the sender cancels the handshake, for no error of the protocol", _CLOSURE),
    A.UNEXPECTED_MESSAGE: ("a message came that is not allowed at this point", _ERRORS),
    A.BAD_RECORD_MAC: ("a record came that cannot be decrypted or authenticated", _ERRORS),
    A.DECRYPTION_FAILED: ("a record could not be decrypted; no longer to be sent", _TLS12),
    A.RECORD_OVERFLOW: ("a record came that is longer than allowed", _ERRORS),
    A.DECOMPRESSION_FAILURE: ("what came could not be decompressed", _TLS12),
    A.HANDSHAKE_FAILURE: (
        "the sender could not agree on an acceptable set of security parameters",
        _ERRORS,
    ),
    A.NO_CERTIFICATE: ("the sender has no certificate; of SSL 3.0 only", _TLS12),
    A.BAD_CERTIFICATE: ("a certificate was damaged, or a signature on it did not verify", _ERRORS),
    A.UNSUPPORTED_CERTIFICATE: ("a certificate was of a type that is not supported", _ERRORS),
    A.CERTIFICATE_REVOKED: ("a certificate was revoked by its signer", _ERRORS),
    A.CERTIFICATE_EXPIRED: ("a certificate has expired, or is not currently valid", _ERRORS),
    A.CERTIFICATE_UNKNOWN: (
        "some other problem with a certificate made it unacceptable",
        _ERRORS,
    ),
    A.ILLEGAL_PARAMETER: ("a field of the handshake was incorrect or inconsistent", _ERRORS),
    A.UNKNOWN_CA: (
        "a chain was received, and its CA could not be found, or is none that is trusted",
        _ERRORS,
    ),
    A.ACCESS_DENIED: (
        "a valid certificate was received, and access control decided against it",
        _ERRORS,
    ),
    A.DECODE_ERROR: ("a message could not be decoded: a field or a length is wrong", _ERRORS),
    A.DECRYPT_ERROR: (
        "a cryptographic step of the handshake failed, such as a signature, Finished or a binder",
        _ERRORS,
    ),
    A.TOO_MANY_CIDS_REQUESTED: ("more connection IDs were asked for than allowed", "RFC 9147"),
    A.EXPORT_RESTRICTION: ("export restrictions were not met; no longer to be sent", _TLS12),
    A.PROTOCOL_VERSION: ("the version that the other end offers is not supported", _ERRORS),
    A.INSUFFICIENT_SECURITY: ("the sender requires parameters that are more secure", _ERRORS),
    A.INTERNAL_ERROR: ("an error at the sender that has nothing to do with the other end", _ERRORS),
    A.INAPPROPRIATE_FALLBACK: (
        "the client came again with a lower version than it needs",
        "RFC 7507",
    ),
    A.NO_RENEGOTIATION: ("the sender does not want a new handshake", _TLS12),
    A.MISSING_EXTENSION: ("a message lacks an extension that it must have", _ERRORS),
    A.UNSUPPORTED_EXTENSION: ("a message has an extension that it must not have", _ERRORS),
    A.CERTIFICATE_UNOBTAINABLE: (
        "the certificate at the URL that was given could not be had",
        "RFC 6066 section 9",
    ),
    A.UNRECOGNIZED_NAME: ("no server is known by the name that the client asked for", _ERRORS),
    A.BAD_CERTIFICATE_STATUS_RESPONSE: ("the OCSP response was not acceptable", _ERRORS),
    A.BAD_CERTIFICATE_HASH_VALUE: (
        "the hash of a certificate was not the one that was given",
        "RFC 6066 section 9",
    ),
    A.UNKNOWN_PSK_IDENTITY: ("a key was to be agreed on by PSK, and none fits", _ERRORS),
    A.CERTIFICATE_REQUIRED: (
        "a client certificate was wanted, and the client sent none",
        _ERRORS,
    ),
    A.GENERAL_ERROR: ("an error for which there is no other alert", _ERRORS),
    A.NO_APPLICATION_PROTOCOL: (
        "the client's ALPN offers only protocols that the server does not support",
        _ERRORS,
    ),
    A.ECH_REQUIRED: ("the client wanted Encrypted ClientHello, and was refused it", "RFC 9849"),
}


def alert_meaning(description: A) -> tuple[str, str]:
    """Return what an alert means, in a sentence without its full stop, and where that stands."""
    return _MEANINGS.get(description, (_UNASSIGNED, _ERRORS))
