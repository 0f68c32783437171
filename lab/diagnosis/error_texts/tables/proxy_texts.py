"""Texts of servers and tunnels: nginx, Apache, HAProxy, mail servers, OpenVPN, stunnel.

Source: nginx 1.22, Apache 2.4 and HAProxy 2.6, run on loopback, and their strings; the others from
their sources.
"""

from __future__ import annotations

from lab.diagnosis.error_texts.known_text import (
    AFTER,
    CLIENT,
    HANDSHAKE,
    SENT,
    SERVER,
    KnownText,
    each,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

_WANTS = (
    "http-wants-certificate",
    "no-client-certificate",
    "no-fitting-client-certificate",
)
_REFUSED = (
    "http-certificate-refused",
    "client-ca-not-trusted",
    "client-intermediate-missing",
    "client-certificate-expired",
    "client-certificate-self-signed",
    "client-crl-unusable",
    "client-wrong-extended-key-usage",
)
_NO_CERTIFICATE = KnownText(
    "",
    says="nginx wants a client certificate, and the client sent none: refused by HTTP, after a "
    "handshake that succeeded",
    role=SERVER,
    phase=AFTER,
    causes=_WANTS,
)
_BAD_CERTIFICATE = KnownText(
    "",
    says="nginx refused the client's certificate by HTTP, after a handshake that succeeded",
    role=SERVER,
    phase=AFTER,
    causes=_REFUSED,
)
_PLAIN = KnownText(
    "",
    says="the client sent a plain HTTP request to a TLS port",
    role=SERVER,
    causes=("no-tls",),
)

_NGINX = (
    *each(
        _NO_CERTIFICATE,
        "no required ssl certificate was sent",
        "client sent no required ssl certificate",
    ),
    KnownText(
        "",
        says=_NO_CERTIFICATE.says,
        role=SERVER,
        phase=AFTER,
        causes=_WANTS,
        numbers=(("nginx", 496),),
    ),
    *each(
        _BAD_CERTIFICATE._replace(general=True),
        "the ssl certificate error",
        "client ssl certificate verify error",
    ),
    _BAD_CERTIFICATE._replace(numbers=(("nginx", 495),)),
    *each(
        _PLAIN,
        "the plain http request was sent to https port",
        "client sent plain http request to https port",
    ),
    _PLAIN._replace(numbers=(("nginx", 497),)),
    KnownText(
        "peer closed connection in ssl handshake",
        says="the other end closed TCP in mid-handshake; that names no cause",
        phase=HANDSHAKE,
        causes=ENDED,
    ),
    KnownText(
        "upstream ssl certificate does not match",
        "nginx-upstream",
        says="the host name is not in the upstream's certificate (proxy_ssl_name)",
        role=CLIENT,
        phase=HANDSHAKE,
        causes=("server-name-mismatch",),
    ),
    KnownText(
        "upstream ssl certificate verify error",
        "nginx-upstream",
        says="nginx refused its upstream's certificate",
        role=CLIENT,
        phase=HANDSHAKE,
        causes=PEER_REFUSED,
        general=True,
    ),
    KnownText(
        "no ssl_certificate is defined for the listen",
        says="the server has no certificate for this port",
        role=SERVER,
        causes=("file-not-loadable",),
    ),
    KnownText(
        "no ssl_certificate is defined in server listening on ssl port",
        says="the server has no certificate for this port",
        role=SERVER,
        causes=("file-not-loadable",),
    ),
)

_APACHE = (
    KnownText(
        "AH02008",
        says="the handshake failed; the reason is in the lines beside it",
        role=SERVER,
        phase=HANDSHAKE,
        causes=("server-certificate-refused", "no-client-certificate", "client-left"),
        general=True,
        announces=True,
    ),
    KnownText(
        "AH02039",
        says="Apache refused the client's certificate",
        role=SERVER,
        phase=HANDSHAKE,
        direction=SENT,
        causes=PEER_REFUSED,
        general=True,
    ),
    KnownText(
        "AH02276",
        says="Apache refused the client's certificate",
        role=SERVER,
        direction=SENT,
        causes=PEER_REFUSED,
        general=True,
    ),
    *each(
        KnownText(
            "",
            says="the certificate was asked for late, and that failed: TLS 1.3 clients must offer "
            "post-handshake authentication, TLS 1.2 clients must renegotiate",
            role=SERVER,
            phase=AFTER,
            causes=(
                "no-post-handshake-authentication",
                "later-request-failed",
                "renegotiation-refused",
                "no-client-certificate",
            ),
        ),
        "AH02261",
        "AH02225",
        "AH10129",
        "AH10158",
        "re-negotiation handshake failed",
        "re-negotiation request failed",
        "verify client post handshake",
        "cannot perform post-handshake authentication",
    ),
    *each(
        KnownText(
            "",
            says="the client sent no certificate when it was asked late",
            role=SERVER,
            phase=AFTER,
            causes=("no-client-certificate", "no-fitting-client-certificate"),
        ),
        "AH02263",
        "re-negotiation handshake failed: client certificate missing",
        "AH02011",
        "no acceptable peer certificate available",
    ),
    *each(
        KnownText(
            "",
            says="the client's certificate was refused when it was asked for late",
            role=SERVER,
            phase=AFTER,
            causes=PEER_REFUSED,
            general=True,
        ),
        "AH02262",
        "re-negotiation handshake failed: client verification failed",
        "AH02010",
        "ssl client authentication failed",
    ),
    KnownText(
        "AH02040",
        says="the client's chain is longer than SSLVerifyDepth allows",
        role=SERVER,
        causes=("client-path-length-exceeded",),
    ),
    *each(_PLAIN, "AH01996", "speaking plain http to an ssl-enabled server port"),
    KnownText(
        "AH02006",
        says="the client closed TCP in mid-handshake; that names no cause",
        role=SERVER,
        phase=HANDSHAKE,
        causes=("client-left", "server-certificate-refused"),
    ),
    *each(
        KnownText(
            "",
            says="the host name of the request is not that of the connection (SNI)",
            role=SERVER,
            phase=AFTER,
            causes=("http-wrong-host", "unknown-server-name"),
        ),
        "AH02032",
        "AH02031",
        "AH02033",
    ),
    *each(
        KnownText(
            "",
            says="a requirement of the configuration is not met by this client",
            role=SERVER,
            phase=AFTER,
            causes=("access-denied",),
        ),
        "AH02266",
        "AH02228",
        "AH02229",
        "requirement expression not fulfilled",
    ),
    *each(
        KnownText(
            "",
            says="the upstream asks for a client certificate, and mod_proxy has none",
            role=CLIENT,
            phase=HANDSHAKE,
            causes=("no-client-certificate", "no-fitting-client-certificate"),
            speaker="apache-proxy",
        ),
        "AH02268",
        "AH02269",
        "downstream server wanted client certificate but none are configured",
    ),
    *each(
        KnownText("", "apache-proxy", role=CLIENT, phase=HANDSHAKE, verify=62), "AH02411", "AH02005"
    ),
    KnownText("AH02004", "apache-proxy", role=CLIENT, phase=HANDSHAKE, verify=10),
    *each(
        KnownText(
            "",
            says="the key does not belong to the certificate",
            role=SERVER,
            causes=("key-does-not-fit",),
        ),
        "AH02565",
        "AH02326",
    ),
    *each(
        KnownText(
            "",
            says="a certificate or key cannot be loaded",
            role=SERVER,
            causes=("file-not-loadable",),
            general=True,
        ),
        "AH02561",
        "AH02572",
        "AH02564",
    ),
    KnownText(
        "AH02210", says="the CA file cannot be loaded", role=SERVER, causes=("ca-file-unusable",)
    ),
)

# HAProxy's words, which other programs print too.
_COMMON = (
    *each(
        KnownText("", phase=HANDSHAKE, general=True,
            says="the handshake failed; the text names no cause",
            causes=("own:certificate-refused", "peer:certificate-refused",
                    "no-client-certificate", "peer:left", "no-common-version")),
        "ssl handshake failure",
        "connection error during ssl handshake",
    ),
)  # fmt: skip

_HAPROXY = (
    KnownText("ssl handshake failure (heartbeat)", role=SERVER, causes=("protocol-failure",),
        says="a heartbeat came in the handshake"),
    KnownText("ssl client ca chain cannot be verified", role=SERVER, phase=HANDSHAKE,
        direction=SENT, says="HAProxy refused the CA chain of the client's certificate",
        causes=("client-ca-not-trusted", "client-intermediate-missing", "client-crl-unusable",
                "client-ca-expired", "client-certificate-self-signed")),
    KnownText("ssl client certificate not trusted", role=SERVER, phase=HANDSHAKE, direction=SENT,
        says="HAProxy refused the client's own certificate",
        causes=("client-ca-not-trusted", "client-intermediate-missing",
                "client-certificate-expired", "client-wrong-extended-key-usage",
                "client-certificate-revoked", "client-crl-unusable")),
    KnownText("connection closed during ssl handshake", phase=HANDSHAKE, role=SERVER,
        says="the client closed TCP in mid-handshake; that names no cause",
        causes=("client-left", "server-certificate-refused")),
    KnownText("timeout during ssl handshake", phase=HANDSHAKE, role=SERVER,
        says="the client did not finish the handshake in time", causes=("silence", "client-left")),
    KnownText("unable to load certificate from file", role=SERVER, causes=("file-not-loadable",),
        says="the certificate file cannot be loaded"),
    KnownText("inconsistencies between private key and certificate", role=SERVER,
        says="the key does not belong to the certificate", causes=("key-does-not-fit",)),
)  # fmt: skip

_MAIL_AND_VPN = (
    KnownText("ssl_accept error from", "postfix", role=SERVER, phase=HANDSHAKE, general=True,
        announces=True,
        says="a client's handshake failed; the reason is in the lines beside it",
        causes=("client-left", "server-certificate-refused", "no-common-version", "no-tls")),
    KnownText("ssl_connect error to", "postfix", role=CLIENT, phase=HANDSHAKE, general=True,
        announces=True,
        says="the handshake with the server failed; the reason is in the lines beside it",
        causes=("server-left", "no-common-version", "no-client-certificate", "silence")),
    KnownText("cannot start tls: handshake failure", "postfix", role=CLIENT, phase=HANDSHAKE,
        says="the handshake with the server failed; the reason is "
        "in the lines before it", causes=(*PEER_REFUSED, "no-common-version", *ENDED)),
    KnownText("server certificate not verified", "postfix", role=CLIENT, general=True,
        says="the server's certificate does not meet the policy, and the mail waits",
        causes=PEER_REFUSED),
    KnownText("certificate verification failed for *: untrusted issuer", "postfix", role=CLIENT,
        says="no CA that leads to the server's certificate is trusted",
        causes=("server-ca-not-trusted", "server-intermediate-missing",
                "server-certificate-self-signed")),
    KnownText("lost connection after starttls", "postfix", role=SERVER, phase=HANDSHAKE,
        says="the client ended the connection in or after the handshake; that names no cause",
        causes=("client-left", "server-certificate-refused"), general=True, announces=True),
    *each(
        KnownText("", "postfix", role=SERVER, causes=("file-not-loadable",),
            says="the server has no TLS: its certificate or key cannot be loaded"),
        "cannot get rsa certificate from file",
        "cannot get rsa private key from file",
        "tls not available due to local problem",
    ),
    KnownText("certificate verification: not trusted", role=CLIENT, direction=SENT, general=True,
        says="the client refused the server's certificate", causes=PEER_REFUSED),
    KnownText("certificate verification: not trusted: no issuer was found", role=CLIENT,
        direction=SENT, verify=20),
    KnownText("cert required, client didn't start tls", "dovecot", role=SERVER,
        says="the server requires a client certificate, and the client did not start TLS",
        causes=("no-tls",)),
    *each(
        KnownText("", "dovecot", role=SERVER, causes=(*_WANTS[1:], "client-ca-not-trusted"),
            says="the server requires a client certificate that it can verify, and got none"),
        "client didn't present valid ssl certificate",
        "client didn't send a cert",
        "client sent an invalid cert",
    ),
    KnownText("warning: your certificate is not yet valid", "openvpn",
        says="the speaker's own certificate is not valid yet, by its own clock",
        causes=("own:certificate-not-yet-valid", "own:clock")),
    KnownText("warning: your certificate has expired", "openvpn",
        says="the speaker's own certificate is out of its dates, by its own clock",
        causes=("own:certificate-expired", "own:clock")),
    KnownText("verify eku error", "openvpn", direction=SENT, verify=26),
    KnownText("verify ku error", "openvpn", direction=SENT,
        says="the keyUsage of the other end's certificate is not the one that is required "
        "(remote-cert-ku, remote-cert-tls)", causes=("peer:wrong-key-usage",)),
    KnownText("certificate does not have key usage extension", "openvpn", direction=SENT,
        says="the other end's certificate has no keyUsage, which is required (remote-cert-tls)",
        causes=("peer:wrong-key-usage",)),
    KnownText("verify x509name error", "openvpn", direction=SENT,
        says="the name in the other end's certificate is not the one that is required "
        "(verify-x509-name)", causes=("peer:name-mismatch",)),
    KnownText("tls error: tls handshake failed", "openvpn", phase=HANDSHAKE, general=True,
        announces=True, says="the handshake failed; the reason is in the lines before it",
        causes=(*PEER_REFUSED, "silence")),
    KnownText("cannot load certificate file", "openvpn", says="the certificate cannot be loaded",
        causes=("file-not-loadable",)),
    KnownText("cannot load private key file", "openvpn", says="the key cannot be loaded",
        causes=("file-not-loadable", "key-not-opened", "key-does-not-fit")),
    KnownText("peer suddenly disconnected", "stunnel", phase=HANDSHAKE, causes=ENDED,
        says="the other end closed TCP in mid-handshake; that names no cause"),
    KnownText("rejected by cert at depth=#", "stunnel", direction=SENT, causes=PEER_REFUSED,
        general=True, says="the other end's certificate was refused"),
)  # fmt: skip

TEXTS = (
    *from_source("nginx 1.22, run on loopback; its strings", "nginx", _NGINX),
    *from_source("Apache 2.4 mod_ssl, its strings", "apache", _APACHE),
    *from_source("HAProxy 2.6, run on loopback; src/connection.c", "haproxy", _HAPROXY),
    *from_source("HAProxy 2.6, run on loopback; src/connection.c", "", _COMMON),
    *from_source(
        "Postfix src/tls, Dovecot, OpenVPN ssl_verify.c, stunnel verify.c", "", _MAIL_AND_VPN
    ),
)
