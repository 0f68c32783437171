"""Texts of Go's crypto/tls and crypto/x509, and of the programs that print them as they are.

Source: golang/go, src/crypto/tls/alert.go, handshake_server.go and src/crypto/x509/verify.go; the
strings of a Caddy build; logs of its clients on loopback.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.error_texts.known_text import (
    CLIENT,
    HANDSHAKE,
    RECEIVED,
    SENT,
    SERVER,
    KnownText,
    each,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import PEER_REFUSED

ALERTS = {
    10: "unexpected message",
    20: "bad record MAC",
    21: "decryption failed",
    22: "record overflow",
    30: "decompression failure",
    40: "handshake failure",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "revoked certificate",
    45: "expired certificate",
    46: "unknown certificate",
    47: "illegal parameter",
    48: "unknown certificate authority",
    49: "access denied",
    50: "error decoding message",
    51: "error decrypting message",
    60: "export restriction",
    70: "protocol version not supported",
    71: "insufficient security level",
    80: "internal error",
    86: "inappropriate fallback",
    90: "user canceled",
    100: "no renegotiation",
    109: "missing extension",
    110: "unsupported extension",
    111: "certificate unobtainable",
    112: "unrecognized name",
    113: "bad certificate status response",
    114: "bad certificate hash value",
    115: "unknown PSK identity",
    116: "certificate required",
    120: "no application protocol",
    121: "encrypted client hello required",
}
_LOCAL = KnownText("", direction=SENT, phase=HANDSHAKE)
_DATES = "x509: certificate has expired or is not yet valid"
_CAUSES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    # phrase, role, causes, what it says
    ("tls: client didn't provide a certificate", "server",
     ("no-client-certificate", "no-fitting-client-certificate"),
     "the server requires a client certificate, and the client sent none"),
    ("tls: failed to verify client certificate", "server", PEER_REFUSED,
     "the server refused the client's certificate"),
    ("tls: failed to verify certificate", "", PEER_REFUSED,
     "the speaker refused the other end's certificate"),
    ("tls: failed to parse client certificate", "server", ("client-unreadable",),
     "the client's certificate cannot be parsed"),
    ("tls: failed to parse certificate from server", "client", ("server-unreadable",),
     "the server's certificate cannot be parsed"),
    ("tls: client offered only unsupported versions", "server", ("no-common-version",),
     "the client offers no TLS version that the server takes"),
    ("tls: unsupported SSLv2 handshake received", "server", ("no-common-version", "no-tls"),
     "the client, often a port scanner, sent a ClientHello of SSL 2"),
    ("tls: no supported versions satisfy MinVersion and MaxVersion", "", ("no-common-version",),
     "the speaker's own settings leave no TLS version"),
    ("tls: server selected unsupported protocol version", "client", ("no-common-version",),
     "the server chose a TLS version that the client does not take"),
    ("tls: no cipher suite supported by both client and server", "server",
     ("no-common-cipher-suite", "no-common-signature-algorithm"), "no common cipher suite"),
    ("tls: no ECDHE curve supported by both client and server", "server", ("no-common-group",),
     "no common key exchange group"),
    ("tls: client requested unsupported application protocols", "server",
     ("no-common-application-protocol",), "no common application protocol (ALPN)"),
    ("tls: server selected unadvertised ALPN protocol", "client",
     ("no-common-application-protocol",), "the server chose a protocol that was not offered"),
    ("tls: peer doesn't support any of the certificate's signature algorithms", "",
     ("no-common-signature-algorithm",),
     "the other end takes no signature that the speaker's key can make"),
    ("tls: client certificate used with invalid signature algorithm", "server",
     ("no-common-signature-algorithm", "client-key-not-proved"),
     "the client signed in a way that was not asked for"),
    ("tls: invalid signature by the client certificate", "server", ("client-key-not-proved",),
     "the client's signature does not verify"),
    ("tls: invalid signature by the server certificate", "client", ("server-key-not-proved",),
     "the server's signature does not verify"),
    ("tls: client certificate contains an unsupported public key of type", "server",
     ("client-key-type-not-taken",), "the client's key is of a kind that Go does not take"),
    ("tls: received unexpected handshake message of type", "", ("protocol-failure",),
     "a message came that has no place there"),
    ("tls: handshake message of length", "", ("peer:message-too-large",),
     "a handshake message is larger than Go takes"),
    ("tls: server's identity changed during renegotiation", "client", ("renegotiation-refused",),
     "the server renegotiated with another certificate"),
    ("x509: certificate specifies an incompatible key usage", "",
     ("peer:wrong-extended-key-usage",), "the certificate's extendedKeyUsage lacks the purpose"),
    ("x509: certificate is not authorized to sign other certificates", "",
     ("peer:issuer-is-no-ca",), "an issuer in the chain is no CA"),
    ("x509: too many intermediates for path length constraint", "",
     ("peer:path-length-exceeded",), "the chain is longer than one of its CAs allows"),
    ("x509: a root or intermediate certificate is not authorized to sign for this name", "",
     ("peer:name-constraints-violated",), "a name in the certificate is not permitted by a CA"),
    ("x509: unhandled critical extension", "", ("peer:unknown-critical-extension",),
     "the certificate has a critical extension that is not known"),
    ("x509: certificate relies on legacy Common Name field", "client", ("server-san-missing",),
     "the server's certificate has its name in the CN only"),
    ("x509: certificate is not valid for any names", "client",
     ("server-san-missing", "server-name-mismatch"), "the server's certificate has no SAN"),
    ("x509: certificate is valid for", "client", ("server-name-mismatch",),
     "the host name is not in the server's certificate"),
    ("because it doesn't contain any IP SANs", "client",
     ("server-name-mismatch", "server-san-missing"),
     "the client asked for an IP address, and the server's certificate has none"),
    ("x509: cannot verify signature: insecure algorithm", "", ("peer:key-or-digest-too-weak",),
     "a certificate is signed with a digest that Go does not take"),
    ("x509: invalid signature: parent certificate cannot sign this kind of certificate", "",
     ("peer:issuer-is-no-ca",), "the issuer's certificate may not sign certificates"),
    ("x509: negative serial number", "", ("peer:unreadable",),
     "a certificate has a negative serial number, which Go since 1.23 does not take"),
    ("x509: malformed certificate", "", ("peer:unreadable",), "a certificate cannot be parsed"),
    ("certificate is not standards compliant", "client", ("server-openssl-refuses",),
     "macOS refuses the server's certificate, as one that is valid for more than 825 days, or has "
     "no extendedKeyUsage or SAN"),
    ("x509: ECDSA verification failure", "",
     ("peer:bad-certificate-signature", "peer:ca-not-trusted"),
     "the signature on a certificate does not verify"),
    ("crypto/rsa: verification error", "",
     ("peer:bad-certificate-signature", "peer:ca-not-trusted", "peer:key-not-proved"),
     "a signature does not verify, mostly as another CA of the same name is trusted"),
    ("x509: failed to load system roots and no roots provided", "client", ("ca-file-unusable",),
     "there are no trusted CAs on this machine"),
)  # fmt: skip
_FILES: tuple[tuple[str, str, str], ...] = (
    ("tls: private key does not match public key", "key-does-not-fit",
     "the key does not belong to the certificate"),
    ("tls: private key type does not match public key type", "key-does-not-fit",
     "the key is of another kind than the certificate's"),
    ("tls: failed to find any PEM data in certificate input", "file-not-loadable",
     "the certificate file is no PEM"),
    ("tls: failed to find any PEM data in key input", "file-not-loadable",
     "the key file is no PEM"),
    ("tls: failed to find certificate PEM data in certificate input", "file-not-loadable",
     "the certificate file has no certificate in it: files swapped?"),
    ("tls: found a certificate rather than a key in the PEM for the private key",
     "file-not-loadable", "the key file has a certificate in it: files swapped?"),
    ("tls: failed to parse private key", "key-unreadable", "the key cannot be read"),
)  # fmt: skip
_ROLES = {"client": CLIENT, "server": SERVER, "": KnownText("").role}


def _alerts() -> Iterator[KnownText]:
    for number, words in ALERTS.items():
        yield KnownText(f"remote error: tls: {words}", alert=number, direction=RECEIVED)
        yield KnownText(f"local error: tls: {words}", alert=number, direction=SENT)
        yield KnownText(f"tls: {words}", alert=number, general=True)
        # before Go 1.7
        yield KnownText(f"remote error: {words}", alert=number, direction=RECEIVED, in_context=True)
    yield KnownText("remote error: tls: alert(#)", direction=RECEIVED, captured="alert")


def _refusals() -> Iterator[KnownText]:
    for phrase, role, causes, says in _CAUSES:
        general = phrase.startswith(("tls: failed to verify", "crypto/rsa", "x509: ECDSA"))
        yield _LOCAL._replace(
            phrase=phrase, role=_ROLES[role], causes=causes, says=says, general=general
        )
    for phrase, code, says in _FILES:
        yield KnownText(phrase, causes=(code,), says=says)
    yield from each(_LOCAL._replace(verify=20), "x509: certificate signed by unknown authority")
    yield _LOCAL._replace(phrase="x509: “*” certificate is not trusted", role=CLIENT, verify=20)
    yield _LOCAL._replace(phrase="x509: “*” certificate is expired", role=CLIENT, verify=10)
    yield _LOCAL._replace(
        phrase=_DATES,
        causes=("peer:certificate-expired", "peer:certificate-not-yet-valid", "own:clock"),
        says="a certificate of the other end is out of its dates",
    )
    yield _LOCAL._replace(phrase=_DATES, needs="is after", verify=10)
    yield _LOCAL._replace(phrase=_DATES, needs="is before", verify=9)


def _others() -> Iterator[KnownText]:
    yield _LOCAL._replace(
        phrase="tls: first record does not look like a TLS handshake",
        says="what came is no TLS, as where one end speaks plain HTTP",
        causes=("no-tls",),
    )
    yield from each(
        KnownText(
            "",
            role=CLIENT,
            phase=HANDSHAKE,
            causes=("no-tls",),
            says="the server answered an https request in plain HTTP",
        ),
        "http: server gave HTTP response to HTTPS client",
        "malformed HTTP response \\x15\\x03\\x01",
    )
    yield KnownText(
        "client sent an HTTP request to an HTTPS server",
        role=SERVER,
        says="the client sent a plain HTTP request to a TLS port",
        causes=("no-tls",),
    )

    yield KnownText(
        "net/http: TLS handshake timeout",
        role=CLIENT,
        phase=HANDSHAKE,
        says="the server did not finish the handshake in time",
        causes=("silence", "no-tls"),
    )
    yield KnownText(
        "tls: use of closed connection",
        causes=("used-after-close",),
        says="the connection was used after its end",
    )


def _newer() -> Iterator[KnownText]:
    yield KnownText(
        "tls: oversized record received with length",
        direction=SENT,
        causes=("no-tls", "records-altered"),
        says="what came is no TLS record, as where one end speaks plain HTTP",
    )
    yield KnownText(
        "tls: server's certificate contains an RSA key of size",
        role=CLIENT,
        direction=SENT,
        phase=HANDSHAKE,
        causes=("server-key-type-not-taken",),
        says="an RSA key in the server's chain is larger than Go takes",
    )
    yield KnownText(
        "acme/autocert: missing server name",
        role=SERVER,
        phase=HANDSHAKE,
        causes=("unknown-server-name",),
        says="the client sent no host name (SNI), and autocert needs one",
    )
    yield KnownText(
        "no certificate available for",
        "caddy",
        role=SERVER,
        phase=HANDSHAKE,
        in_context=True,
        causes=("unknown-server-name",),
        says="the server has no certificate for the name or address of the client's request",
    )
    yield KnownText("x509: certificate has been revoked", verify=23, direction=SENT)
    for end in (": eof", "connection reset by peer", "i/o timeout"):
        yield KnownText(
            "http: TLS handshake error from",
            "go-http-server",
            says="the client ended the connection in mid-handshake; that names no cause",
            role=SERVER,
            phase=HANDSHAKE,
            causes=("client-left", "server-certificate-refused"),
            needs=end,
        )


TEXTS = from_source(
    "golang/go, src/crypto/tls and src/crypto/x509; the strings of a Caddy build",
    "go",
    (*_alerts(), *_refusals(), *_others(), *_newer()),
)
