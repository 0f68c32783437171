"""Texts and error numbers of NSS, Firefox and Chrome.

Source: NSS 3.87, PR_ErrorToName and PR_ErrorToString, run; its lib/ssl/SSLerrs.h; Chromium's
net/base/net_error_list.h; error pages of both.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.error_texts.known_text import (
    CLIENT,
    HANDSHAKE,
    RECEIVED,
    SENT,
    KnownText,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

_SSL, _SEC = -12288, -8192
# Offset from SSL_ERROR_BASE, name without SSL_ERROR_, the alert that came, NSS's words for it.
_ALERTS = (
    (17, "BAD_CERT_ALERT", 42, "SSL peer cannot verify your certificate."),
    (18, "REVOKED_CERT_ALERT", 44, "SSL peer rejected your certificate as revoked."),
    (19, "EXPIRED_CERT_ALERT", 45, "SSL peer rejected your certificate as expired."),
    (16, "BAD_MAC_ALERT", 20, "SSL peer reports incorrect Message Authentication Code."),
    (59, "HANDSHAKE_UNEXPECTED_ALERT", 10, "was not expecting a handshake message it received."),
    (61, "HANDSHAKE_FAILURE_ALERT", 40, "unable to negotiate an acceptable set of security"),
    (62, "ILLEGAL_PARAMETER_ALERT", 47, "rejected a handshake message for unacceptable content."),
    (63, "UNSUPPORTED_CERT_ALERT", 43, "does not support certificates of the type it received."),
    (64, "CERTIFICATE_UNKNOWN_ALERT", 46, "had some unspecified issue with the certificate it"),
    (92, "RECORD_OVERFLOW_ALERT", 22, "received an SSL record that was longer than is permitted."),
    (93, "UNKNOWN_CA_ALERT", 48, "does not recognize and trust the CA that issued your"),
    (94, "ACCESS_DENIED_ALERT", 49, "Peer received a valid certificate, but access was denied."),
    (95, "DECODE_ERROR_ALERT", 50, "Peer could not decode an SSL handshake message."),
    (96, "DECRYPT_ERROR_ALERT", 51, "Peer reports failure of signature verification or key"),
    (98, "PROTOCOL_VERSION_ALERT", 70, "reports incompatible or unsupported protocol version."),
    (99, "INSUFFICIENT_SECURITY_ALERT", 71, "Server requires ciphers more secure than those"),
    (100, "INTERNAL_ERROR_ALERT", 80, "Peer reports it experienced an internal error."),
    (101, "USER_CANCELED_ALERT", 90, "Peer user canceled handshake."),
    (102, "NO_RENEGOTIATION_ALERT", 100, "does not permit renegotiation of SSL security"),
    (104, "UNSUPPORTED_EXTENSION_ALERT", 110, "SSL peer does not support requested TLS hello"),
    (106, "UNRECOGNIZED_NAME_ALERT", 112, "has no certificate for the requested DNS name."),
    (
        131,
        "INAPPROPRIATE_FALLBACK_ALERT",
        86,
        "because the client downgraded to a lower TLS version",
    ),
    (143, "MISSING_EXTENSION_ALERT", 109, "SSL received a missing_extension alert."),
    (181, "RX_CERTIFICATE_REQUIRED_ALERT", 116, "SSL received a certificate_required alert."),
)
# Offset, name, causes, what it says.
_OTHERS: tuple[tuple[int, str, tuple[str, ...], str], ...] = (
    (2, "SSL_ERROR_NO_CYPHER_OVERLAP", ("no-common-cipher-suite",), "no common cipher suite"),
    (3, "SSL_ERROR_NO_CERTIFICATE", ("no-client-certificate", "file-not-loadable"),
     "the certificate or key that is needed is not there"),
    (4, "SSL_ERROR_BAD_CERTIFICATE", PEER_REFUSED, "the other end's certificate was refused"),
    (9, "SSL_ERROR_UNSUPPORTED_VERSION", ("no-common-version",), "no common TLS version"),
    (12, "SSL_ERROR_BAD_CERT_DOMAIN", ("server-name-mismatch",),
     "the host name is not in the server's certificate"),
    (25, "SSL_ERROR_RX_RECORD_TOO_LONG", ("no-tls", "records-altered"),
     "what came is no TLS record, as where plain HTTP answers"),
    (115, "SSL_ERROR_WEAK_SERVER_EPHEMERAL_DH_KEY", ("dh-parameters-too-weak",),
     "the server's Diffie-Hellman key is too small"),
)  # fmt: skip
# Offset from SEC_ERROR_BASE, name, OpenSSL's verify code for the like.
_REFUSED = (
    (10, "SEC_ERROR_BAD_SIGNATURE", 7),
    (11, "SEC_ERROR_EXPIRED_CERTIFICATE", 10),
    (12, "SEC_ERROR_REVOKED_CERTIFICATE", 23),
    (13, "SEC_ERROR_UNKNOWN_ISSUER", 20),
    (20, "SEC_ERROR_UNTRUSTED_ISSUER", 19),
    (21, "SEC_ERROR_UNTRUSTED_CERT", 28),
    (30, "SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE", 10),
    (31, "SEC_ERROR_CRL_EXPIRED", 12),
    (36, "SEC_ERROR_CA_CERT_INVALID", 79),
    (37, "SEC_ERROR_PATH_LEN_CONSTRAINT_INVALID", 25),
    (38, "SEC_ERROR_CERT_USAGES_INVALID", 26),
    (90, "SEC_ERROR_INADEQUATE_KEY_USAGE", 39),
    (91, "SEC_ERROR_INADEQUATE_CERT_TYPE", 26),
    (112, "SEC_ERROR_CERT_NOT_IN_NAME_SPACE", 47),
    (137, "SEC_ERROR_CRL_NOT_FOUND", 3),
    (176, "SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED", 68),
)
_REFUSED_WORDS = (
    ("peer's certificate has an invalid signature", 7),
    ("peer's certificate has expired", 10),
    ("peer's certificate has been revoked", 23),
    ("peer's certificate issuer is not recognized", 20),
    ("peer's certificate issuer has been marked as not trusted by the user", 19),
    ("the certificate issuer's certificate has expired", 10),
    ("requested domain name does not match the server's certificate", 62),
)
_MOZILLA = (
    ("MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT", 18),
    ("MOZILLA_PKIX_ERROR_MITM_DETECTED", 20),
    ("MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE", 9),
    ("MOZILLA_PKIX_ERROR_NOT_YET_VALID_ISSUER_CERTIFICATE", 9),
    ("MOZILLA_PKIX_ERROR_V1_CERT_USED_AS_CA", 79),
    ("MOZILLA_PKIX_ERROR_INADEQUATE_KEY_SIZE", 66),
)
_NO_CLIENT = ("no-client-certificate", "no-fitting-client-certificate")
# Chrome's number, name without ERR_, causes, verify code, what it says, whether it refuses.
_CHROME: tuple[tuple[int, str, tuple[str, ...], int | None, str], ...] = (
    (-107, "SSL_PROTOCOL_ERROR", ("no-tls", "no-client-certificate", "protocol-failure"), None,
     "a TLS error that Chrome does not name, an alert among them"),
    (-110, "SSL_CLIENT_AUTH_CERT_NEEDED", _NO_CLIENT, None,
     "the server asks for a client certificate, and Chrome has none to offer"),
    (-113, "SSL_VERSION_OR_CIPHER_MISMATCH",
     ("no-common-version", "no-common-cipher-suite", "unknown-server-name"), None,
     "no common TLS version or cipher suite; also after handshake_failure"),
    (-117, "BAD_SSL_CLIENT_AUTH_CERT",
     (*_NO_CLIENT, "client-ca-not-trusted", "client-intermediate-missing",
      "client-certificate-expired", "client-wrong-extended-key-usage",
      "client-certificate-revoked"), None,
     "the server refused the client's certificate, or that there was none, by an alert that is "
     "not named"),
    (-134, "SSL_CLIENT_AUTH_PRIVATE_KEY_ACCESS_DENIED", ("key-not-opened",), None,
     "Chrome may not use the client's key"),
    (-135, "SSL_CLIENT_AUTH_CERT_NO_PRIVATE_KEY", ("key-does-not-fit", "file-not-loadable"), None,
     "the client's certificate has no key on this machine"),
    (-141, "SSL_CLIENT_AUTH_SIGNATURE_FAILED", ("client-key-not-proved", "key-not-opened"), None,
     "Chrome could not sign with the client's key"),
    (-126, "SSL_BAD_RECORD_MAC_ALERT", (), None, ""),
    (-153, "SSL_DECRYPT_ERROR_ALERT", (), None, ""),
    (-159, "SSL_UNRECOGNIZED_NAME_ALERT", (), None, ""),
    (-177, "SSL_CLIENT_AUTH_NO_COMMON_ALGORITHMS", ("no-common-signature-algorithm",), None,
     "the client's key cannot sign in any way that the server takes"),
    (-150, "SSL_PINNED_KEY_NOT_IN_CERT_CHAIN", ("pinned-key-differs",), None,
     "none of the pinned keys is in the server's chain"),
    (-200, "CERT_COMMON_NAME_INVALID", (), 62, ""),
    (-201, "CERT_DATE_INVALID", ("server-certificate-expired", "server-certificate-not-yet-valid",
     "client-clock"), None, "the server's certificate, by the client's clock, is out of its dates"),
    (-202, "CERT_AUTHORITY_INVALID", (), 20, ""),
    (-204, "CERT_NO_REVOCATION_MECHANISM", ("server-crl-unusable",), None,
     "the server's certificate names no way to check its revocation"),
    (-205, "CERT_UNABLE_TO_CHECK_REVOCATION", ("server-crl-unusable",), None,
     "whether the server's certificate is revoked could not be checked"),
    (-206, "CERT_REVOKED", (), 23, ""),
    (-207, "CERT_INVALID", (), 1, ""),
    (-208, "CERT_WEAK_SIGNATURE_ALGORITHM", (), 68, ""),
    (-211, "CERT_WEAK_KEY", (), 66, ""),
    (-212, "CERT_NAME_CONSTRAINT_VIOLATION", (), 47, ""),
    (-167, "SSL_SERVER_CERT_BAD_FORMAT", ("server-unreadable",), None,
     "the server's certificate cannot be parsed"),
    (-214, "CERTIFICATE_TRANSPARENCY_REQUIRED", ("server-openssl-refuses",), None,
     "the server's certificate is in no log of Certificate Transparency"),
    (-181, "SSL_KEY_USAGE_INCOMPATIBLE", ("server-wrong-key-usage",), None,
     "the keyUsage of the server's certificate does not allow the way that its key was used"),
    (-213, "CERT_VALIDITY_TOO_LONG", ("server-openssl-refuses",), None,
     "the server's certificate is valid for longer than Chrome takes"),
)  # fmt: skip
_CHROME_ALERTS = {
    "SSL_BAD_RECORD_MAC_ALERT": 20,
    "SSL_DECRYPT_ERROR_ALERT": 51,
    "SSL_UNRECOGNIZED_NAME_ALERT": 112,
}


def _nss() -> Iterator[KnownText]:
    for offset, name, alert, words in _ALERTS:
        row = KnownText(words, alert=alert, direction=RECEIVED)
        yield row._replace(in_context=True)
        yield row._replace(phrase=f"SSL_ERROR_{name}", numbers=(("nss", _SSL + offset),))
    for offset, name, causes, says in _OTHERS:
        yield KnownText(
            name,
            says=says,
            causes=causes,
            direction=SENT,
            phase=HANDSHAKE,
            numbers=(("nss", _SSL + offset),),
        )
    for offset, name, code in _REFUSED:
        yield KnownText(name, verify=code, direction=SENT, numbers=(("nss", _SEC + offset),))
    for words, code in _REFUSED_WORDS:
        yield KnownText(words, verify=code, direction=SENT)
    for name, code in _MOZILLA:
        yield KnownText(name, "firefox", verify=code, direction=SENT, role=CLIENT)
    yield from _nss_in_words()


def _nss_in_words() -> Iterator[KnownText]:
    yield KnownText(
        "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY",
        "firefox",
        says="a CA certificate, mostly a self-signed one, is used as the server's own",
        direction=SENT,
        role=CLIENT,
        causes=("server-certificate-self-signed", "server-wrong-extended-key-usage"),
    )
    for name in ("PR_END_OF_FILE_ERROR", "PR_CONNECT_RESET_ERROR"):
        yield KnownText(
            name,
            says="the other end closed or reset TCP; that names no cause",
            causes=("no-client-certificate", "no-common-version", *ENDED),
        )
    yield KnownText(
        "SSL received a record that exceeded the maximum permissible length",
        says="what came is no TLS record, as where plain HTTP answers",
        causes=("no-tls", "records-altered"),
        direction=SENT,
        phase=HANDSHAKE,
    )
    yield KnownText(
        "SEC_ERROR_REUSED_ISSUER_AND_SERIAL",
        says="another certificate of the same issuer and serial number is known already",
        causes=("peer:openssl-refuses",),
        direction=SENT,
        phase=HANDSHAKE,
        numbers=(("nss", _SEC + 138),),
    )
    yield KnownText(
        "client certificate not found",
        says="the client's certificate is not in the NSS database",
        role=CLIENT,
        in_context=True,
        causes=("no-client-certificate", "file-not-loadable"),
    )
    yield KnownText(
        "SSL_ERROR_HANDSHAKE_FAILED", says="the handshake failed", causes=ENDED, general=True
    )


# What error pages say, and the name of the error.
_PAGES = (
    (
        "didn't accept your login certificate, or one may not have been provided",
        "BAD_SSL_CLIENT_AUTH_CERT",
    ),
    ("sent an invalid response", "SSL_PROTOCOL_ERROR"),
    ("uses an unsupported protocol", "SSL_VERSION_OR_CIPHER_MISMATCH"),
)


def _chrome_row(entry: tuple[int, str, tuple[str, ...], int | None, str]) -> KnownText:
    number, name, causes, code, says = entry
    alert = _CHROME_ALERTS.get(name)
    row = KnownText(
        f"ERR_{name}",
        alert=alert,
        verify=code,
        says=says,
        causes=causes,
        role=CLIENT,
        direction=RECEIVED if alert or number == -117 else KnownText("").direction,
    )
    return row._replace(direction=SENT, phase=HANDSHAKE) if name.startswith("CERT_") else row


def _chrome() -> Iterator[KnownText]:
    for entry in _CHROME:
        number, name, row = entry[0], entry[1], _chrome_row(entry)
        # Node and OpenSSL have names like these.
        yield row._replace(phrase=f"net::ERR_{name}")
        if number in (-117, -110, -113, -107) or name.startswith(("CERT_", "SSL_CLIENT_AUTH")):
            yield row
        yield row._replace(phrase="", numbers=(("chrome", number),))
    yield KnownText("net_error #", captured="chrome", role=CLIENT)
    for words, name in _PAGES:
        (row,) = (_chrome_row(entry) for entry in _CHROME if entry[1] == name)
        yield row._replace(phrase=words, in_context=True, numbers=())


TEXTS = (
    *from_source("NSS 3.87, PR_ErrorToName, run; its lib/ssl/SSLerrs.h", "nss", _nss()),
    *from_source("Chromium, net/base/net_error_list.h; its error pages", "chrome", _chrome()),
)
