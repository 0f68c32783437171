"""Texts of Node and of rustls.

Source: Node 18, run on loopback, and its lib/internal/errors.js and lib/_tls_wrap.js; rustls 0.20
to 0.23, src/error.rs; tokio-rustls and webpki.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.error_texts.known_text import (
    CLIENT,
    HANDSHAKE,
    RECEIVED,
    SENT,
    KnownText,
    each,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

# Since 0.23.24 or so rustls says what "the peer" did, by the alert that came.
_PEER = {
    10: "received an unexpected message",
    20: "failed to verify a message",
    21: "failed to decrypt a message",
    22: "rejected an over-length message",
    30: "failed to decompress a message",
    40: "failed to negotiate an acceptable set of security parameters",
    41: "found no certificate",
    42: "rejected the certificate as corrupt or incorrectly signed",
    43: "did not support the certificate",
    44: "found the certificate to be revoked",
    45: "found the certificate to be expired",
    46: "rejected the certificate for an unspecified reason",
    47: "rejected a message because a field was incorrect or inconsistent",
    48: "found the certificate was not issued by a trusted CA",
    49: "denied access",
    50: "failed to decode a message",
    51: "failed to perform a handshake cryptographic operation",
    60: "refused due to export restrictions",
    70: "did not support a suitable TLS version",
    71: "required a higher security level than was offered",
    80: "encountered an internal error",
    86: "detected an attempted version downgrade",
    90: "canceled the handshake",
    100: "rejected an attempt at renegotiation",
    109: "required a specific extension that was not provided",
    110: "rejected an unsolicited extension",
    112: "did not recognize a name in the `server_name` extension",
    113: "rejected the certificate status response",
    115: "did not recognize any offered PSK identity",
    116: "required a client certificate",
    120: "did not support any of the offered application protocols",
    121: "required use of encrypted client hello",
}
# What rustls found wrong with the other end's certificate, and OpenSSL's verify code for the like.
_INVALID: tuple[tuple[str, int | None, tuple[str, ...], str], ...] = (
    ("UnknownIssuer", 20, (), ""),
    ("Expired", 10, (), ""),
    ("certificate expired", 10, (), ""),
    ("NotValidYet", 9, (), ""),
    ("certificate not valid yet", 9, (), ""),
    ("Revoked", 23, (), ""),
    ("BadSignature", 7, (), ""),
    ("UnhandledCriticalExtension", 34, (), ""),
    ("NotValidForName", 62, (), ""),
    ("certificate not valid for name", 62, (), ""),
    ("InvalidPurpose", 26, (), ""),
    ("certificate does not allow extended key usage for", 26, (), ""),
    ("UnknownRevocationStatus", 3, (), ""),
    ("ExpiredRevocationList", 12, (), ""),
    ("CaUsedAsEndEntity", None, ("peer:certificate-self-signed", "peer:wrong-extended-key-usage"),
     "a CA certificate, mostly a self-signed one, is used as the other end's own"),
    ("UnsupportedCertVersion", None, ("peer:openssl-refuses",),
     "the other end's certificate is of X.509 version 1"),
    ("UnsupportedSignatureAlgorithm", None, ("peer:key-or-digest-too-weak",),
     "a certificate is signed in a way that rustls does not take"),
    ("BadEncoding", None, ("peer:unreadable",), "the other end's certificate cannot be parsed"),
    ("BadDer", None, ("peer:unreadable",), "the other end's certificate cannot be parsed"),
    ("ApplicationVerificationFailure", None, PEER_REFUSED,
     "the program's own verifier refused the certificate"),
)  # fmt: skip
_INCOMPATIBLE = (
    ("NoCipherSuitesInCommon", "no-common-cipher-suite"),
    ("NoKxGroupsInCommon", "no-common-group"),
    ("NoSignatureSchemesInCommon", "no-common-signature-algorithm"),
    ("NoCertificateRequestSignatureSchemesInCommon", "no-common-signature-algorithm"),
    ("ServerDoesNotSupportTls12Or13", "no-common-version"),
    ("ServerTlsVersionIsDisabledByOurConfig", "no-common-version"),
    ("SupportedVersionsExtensionRequired", "no-common-version"),
    ("Tls12NotOffered", "no-common-version"),
    ("Tls12NotOfferedOrEnabled", "no-common-version"),
    ("NoServerNameProvided", "unknown-server-name"),
)


def _rustls() -> Iterator[KnownText]:
    for number, words in _PEER.items():
        yield KnownText(f"received fatal alert: the peer {words}", alert=number, direction=RECEIVED)
    local = KnownText("", direction=SENT, phase=HANDSHAKE)
    yield local._replace(
        phrase="invalid peer certificate",
        says="the speaker refused the other end's certificate",
        causes=PEER_REFUSED,
        general=True,
    )
    for words, code, causes, says in _INVALID:
        row = local._replace(verify=code, causes=causes, says=says)
        yield from each(
            row,
            f"invalid peer certificate: {words}",
            f"invalid certificate: {words}",
            f"InvalidCertificate({words})",
            f"WebPKIError({words}",
        )
    for words, cause in _INCOMPATIBLE:
        yield from each(
            local._replace(causes=(cause,), says="the two ends have nothing in common there"),
            f"peer is incompatible: {words}",
            f"PeerIncompatible({words})",
        )


def _rustls_others() -> Iterator[KnownText]:
    local = KnownText("", direction=SENT, phase=HANDSHAKE)
    yield from each(
        local._replace(
            causes=("no-client-certificate", "no-certificate-sent"),
            says="the other end sent no certificate, and one is required",
        ),
        "peer sent no certificates",
        "NoCertificatesPresented",
    )
    yield from each(
        KnownText("", causes=("no-tls",), says="what came is no TLS, as where HTTP is spoken"),
        "received corrupt message of type InvalidContentType",
        "InvalidMessage(InvalidContentType)",
        "received corrupt message",
    )
    yield from each(
        KnownText(
            "",
            causes=ENDED,
            says="the other end closed TCP without close_notify; that names no cause",
        ),
        "peer closed connection without sending TLS close_notify",
        "tls handshake eof",
    )
    yield KnownText(
        "cannot decrypt peer's message",
        causes=("records-altered",),
        direction=SENT,
        says="a record of the other end could not be decrypted",
    )
    yield from each(
        KnownText(
            "",
            causes=("no-common-application-protocol",),
            direction=SENT,
            says="no common application protocol (ALPN)",
        ),
        "peer doesn't support any known protocol",
    )


_NODE = (
    *each(
        KnownText("", verify=62, role=CLIENT, phase=HANDSHAKE),
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "Hostname/IP does not match certificate's altnames",
    ),
    KnownText(
        "Client network socket disconnected before secure TLS connection was established",
        says="the server closed TCP in mid-handshake; that names no cause",
        role=CLIENT,
        phase=HANDSHAKE,
        causes=("server-left", "no-tls", "no-client-certificate", "no-common-version"),
    ),
    KnownText(
        "socket hang up",
        says="the server closed TCP before it answered; that names no cause",
        role=CLIENT,
        causes=("no-answer", "no-client-certificate", "no-tls"),
        in_context=True,
    ),
    *each(
        KnownText(
            "",
            causes=("silence", "no-tls"),
            says="the handshake did not finish in time",
            phase=HANDSHAKE,
        ),
        "ERR_TLS_HANDSHAKE_TIMEOUT",
        "TLS handshake timeout",
    ),
    KnownText(
        "ERR_TLS_PROTOCOL_VERSION_CONFLICT",
        says="the settings name two TLS versions that exclude each other",
        causes=("setting-not-taken",),
    ),
    KnownText(
        "ERR_TLS_INVALID_PROTOCOL_VERSION",
        says="the settings name a TLS version that there is not",
        causes=("setting-not-taken",),
    ),
    KnownText("unable to verify leaf signature", verify=21, in_context=True, phase=HANDSHAKE),
    KnownText(
        "ERR_OSSL_EVP_UNSUPPORTED",
        says="the file needs an algorithm that OpenSSL 3 has in its legacy provider only",
        causes=("legacy-encryption",),
    ),
    *each(
        KnownText("", causes=("key-does-not-fit",), says="the key is not the certificate's"),
        "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
    ),
    *each(
        KnownText("", causes=("key-not-opened",), says="the password is wrong, or there is none"),
        "ERR_OSSL_BAD_DECRYPT",
        "ERR_OSSL_EVP_BAD_DECRYPT",
        "ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED",
        "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE",
    ),
    *each(
        KnownText("", causes=("file-not-loadable",), says="a file is no PEM of that kind"),
        "ERR_OSSL_PEM_NO_START_LINE",
        "ERR_OSSL_UNSUPPORTED",
    ),
)

TEXTS = (
    *from_source("Node 18, run on loopback; lib/internal/errors.js", "node", _NODE),
    *from_source(
        "rustls 0.20 to 0.23, src/error.rs; tokio-rustls", "rustls", (*_rustls(), *_rustls_others())
    ),
)
