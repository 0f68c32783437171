"""The causes that an alert fits, by the end that sent it: all of them, never one by its number.

A hint, never a proof: stacks differ. What is listed was seen from real servers and clients, or is
what the RFCs name the alert for (RFC 9846 section 6.2, RFC 5246 section 7.2.2).

This module must not know texts.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.diagnosis.error_texts.results import SpeakerRole
from lab.tls.code_points import AlertDescription as Alert

_TRUST = ("ca-not-trusted", "intermediate-missing", "certificate-self-signed")
_DATES = ("certificate-expired", "certificate-not-yet-valid")
_OTHERS = (
    "wrong-extended-key-usage",
    "certificate-revoked",
    "crl-unusable",
    "key-or-digest-too-weak",
)
_NO_CERTIFICATE = ("no-client-certificate", "no-fitting-client-certificate")
_NEGOTIATION = (
    "no-common-cipher-suite",
    "no-common-group",
    "no-common-signature-algorithm",
)


def _client(*codes: str) -> tuple[str, ...]:
    return tuple(f"client-{code}" for code in codes)


def _server(*codes: str) -> tuple[str, ...]:
    return tuple(f"server-{code}" for code in codes)


# What a server means by it.
_BY_SERVER: Mapping[int, tuple[str, ...]] = {
    Alert.UNEXPECTED_MESSAGE: ("protocol-failure", "no-tls", "no-client-certificate"),
    Alert.BAD_RECORD_MAC: ("records-altered", "protocol-failure"),
    Alert.DECRYPTION_FAILED: ("records-altered",),
    Alert.RECORD_OVERFLOW: ("client-message-too-large", "no-tls", "records-altered"),
    Alert.DECOMPRESSION_FAILURE: ("protocol-failure",),
    Alert.HANDSHAKE_FAILURE: (
        "no-client-certificate",
        *_NEGOTIATION,
        "no-fitting-client-certificate",
        *_client("ca-not-trusted", "certificate-expired", "wrong-extended-key-usage"),
        "unknown-server-name",
        "no-common-version",
        "client-key-not-proved",
    ),
    Alert.NO_CERTIFICATE: _NO_CERTIFICATE,
    Alert.BAD_CERTIFICATE: (
        *_client(*_TRUST),
        *_NO_CERTIFICATE,
        *_client("certificate-not-yet-valid", "certificate-expired", *_OTHERS),
        "client-bad-certificate-signature",
    ),
    Alert.UNSUPPORTED_CERTIFICATE: _client(
        "wrong-extended-key-usage",
        "wrong-key-usage",
        "key-type-not-taken",
        "key-or-digest-too-weak",
    ),
    Alert.CERTIFICATE_REVOKED: _client("certificate-revoked", "crl-unusable"),
    Alert.CERTIFICATE_EXPIRED: (
        *_client("certificate-expired", "ca-expired", "crl-unusable", "certificate-not-yet-valid"),
        "server-clock",
    ),
    Alert.CERTIFICATE_UNKNOWN: (
        *_client(*_TRUST, *_DATES, *_OTHERS),
        *_client("name-constraints-violated", "unknown-critical-extension"),
    ),
    Alert.ILLEGAL_PARAMETER: (
        "protocol-failure",
        *_client("key-type-not-taken", "message-too-large"),
    ),
    Alert.UNKNOWN_CA: _client(
        *_TRUST, "crl-unusable", "issuer-is-no-ca", "path-length-exceeded", "key-or-digest-too-weak"
    ),
    Alert.ACCESS_DENIED: (
        "access-denied",
        *_NO_CERTIFICATE,
        *_client("ca-not-trusted", "certificate-expired"),
    ),
    Alert.DECODE_ERROR: ("protocol-failure", "no-client-certificate", "client-message-too-large"),
    Alert.DECRYPT_ERROR: (
        "client-key-not-proved",
        "client-bad-certificate-signature",
        "protocol-failure",
    ),
    Alert.EXPORT_RESTRICTION: ("no-common-cipher-suite",),
    Alert.PROTOCOL_VERSION: ("no-common-version", "no-tls"),
    Alert.INSUFFICIENT_SECURITY: ("no-common-cipher-suite", "client-key-or-digest-too-weak"),
    Alert.INTERNAL_ERROR: (
        "internal-error",
        "unknown-server-name",
        "certificate-request-failed",
        "client-message-too-large",
    ),
    Alert.INAPPROPRIATE_FALLBACK: ("no-common-version",),
    Alert.USER_CANCELED: ("user-canceled",),
    Alert.NO_RENEGOTIATION: (
        "renegotiation-refused",
        "no-post-handshake-authentication",
    ),
    Alert.MISSING_EXTENSION: ("protocol-failure", "no-common-group", "unknown-server-name"),
    Alert.UNSUPPORTED_EXTENSION: ("protocol-failure",),
    Alert.UNRECOGNIZED_NAME: ("unknown-server-name",),
    Alert.UNKNOWN_PSK_IDENTITY: ("unknown-psk",),
    Alert.CERTIFICATE_REQUIRED: _NO_CERTIFICATE,
    Alert.NO_APPLICATION_PROTOCOL: ("no-common-application-protocol",),
    Alert.GENERAL_ERROR: ("internal-error",),
    Alert.ECH_REQUIRED: ("protocol-failure",),
}
# What a client means by it.
_BY_CLIENT: Mapping[int, tuple[str, ...]] = {
    Alert.UNEXPECTED_MESSAGE: ("protocol-failure", "no-tls"),
    Alert.BAD_RECORD_MAC: ("records-altered", "protocol-failure"),
    Alert.DECRYPTION_FAILED: ("records-altered",),
    Alert.RECORD_OVERFLOW: ("server-message-too-large", "records-altered"),
    Alert.DECOMPRESSION_FAILURE: ("protocol-failure",),
    Alert.HANDSHAKE_FAILURE: (
        *_NEGOTIATION,
        "legacy-renegotiation",
        "dh-parameters-too-weak",
        *_server("ca-not-trusted", "name-mismatch"),
    ),
    Alert.NO_CERTIFICATE: _NO_CERTIFICATE,
    Alert.BAD_CERTIFICATE: _server(
        *_TRUST, "name-mismatch", "certificate-not-yet-valid", "certificate-expired", *_OTHERS
    ),
    Alert.UNSUPPORTED_CERTIFICATE: _server(
        "wrong-extended-key-usage",
        "wrong-key-usage",
        "key-type-not-taken",
        "key-or-digest-too-weak",
    ),
    Alert.CERTIFICATE_REVOKED: _server("certificate-revoked", "crl-unusable"),
    Alert.CERTIFICATE_EXPIRED: (
        *_server("certificate-expired", "ca-expired", "crl-unusable", "certificate-not-yet-valid"),
        "client-clock",
    ),
    Alert.CERTIFICATE_UNKNOWN: (
        *_server(*_TRUST, "name-mismatch", *_DATES, *_OTHERS),
        *_server("name-constraints-violated", "unknown-critical-extension"),
    ),
    Alert.ILLEGAL_PARAMETER: ("protocol-failure", "server-key-type-not-taken"),
    Alert.UNKNOWN_CA: (
        *_server(*_TRUST, "crl-unusable", "issuer-is-no-ca", "path-length-exceeded"),
        "intercepting-proxy",
    ),
    Alert.ACCESS_DENIED: ("access-denied", "server-ca-not-trusted"),
    Alert.DECODE_ERROR: ("closed-by-own-end", "protocol-failure"),
    Alert.DECRYPT_ERROR: (
        "server-key-not-proved",
        "server-bad-certificate-signature",
        "protocol-failure",
    ),
    Alert.EXPORT_RESTRICTION: ("no-common-cipher-suite",),
    Alert.PROTOCOL_VERSION: ("no-common-version",),
    Alert.INSUFFICIENT_SECURITY: ("no-common-cipher-suite", "server-key-or-digest-too-weak"),
    Alert.INTERNAL_ERROR: ("internal-error", "server-ca-not-trusted"),
    Alert.USER_CANCELED: ("user-canceled",),
    Alert.NO_RENEGOTIATION: (
        "renegotiation-refused",
        "no-post-handshake-authentication",
    ),
    Alert.MISSING_EXTENSION: ("protocol-failure",),
    Alert.UNSUPPORTED_EXTENSION: ("protocol-failure",),
    Alert.UNRECOGNIZED_NAME: ("server-name-mismatch",),
    Alert.CERTIFICATE_UNOBTAINABLE: ("internal-error",),
    Alert.BAD_CERTIFICATE_STATUS_RESPONSE: ("server-ocsp-response-refused",),
    Alert.BAD_CERTIFICATE_HASH_VALUE: ("protocol-failure",),
    Alert.NO_APPLICATION_PROTOCOL: ("no-common-application-protocol",),
    Alert.GENERAL_ERROR: ("internal-error",),
    Alert.ECH_REQUIRED: ("protocol-failure",),
}
# Alerts that a server sends, and no client.
SERVERS_ONLY = frozenset(
    {
        Alert.CERTIFICATE_REQUIRED,
        Alert.UNKNOWN_PSK_IDENTITY,
        Alert.INAPPROPRIATE_FALLBACK,
    }
)


def causes_of_alert(number: int, sender: SpeakerRole) -> tuple[str, ...]:
    """Return the codes of the causes that an alert of ``sender`` fits, best first.

    Where the sender is not known, those of a server come first. Empty for an unknown number, and
    for close_notify.
    """
    found: tuple[str, ...] = ()
    if sender is not SpeakerRole.CLIENT or number in SERVERS_ONLY:
        found = _BY_SERVER.get(number, ())
    if sender is not SpeakerRole.SERVER:
        found = (*found, *_BY_CLIENT.get(number, ()))
    if len(set(found)) == 1:  # no number has one meaning for sure
        found = (*found, "internal-error" if found[0] == "protocol-failure" else "protocol-failure")
    return tuple(dict.fromkeys(found))
