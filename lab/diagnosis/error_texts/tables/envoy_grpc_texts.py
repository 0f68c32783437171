"""Texts of Envoy and of gRPC, and what BoringSSL adds to OpenSSL's.

Source: Envoy's documentation of response flags and details, and its source/common/tls; grpc/grpc,
src/core/tsi/ssl_transport_security.cc; grpc-go's transport; public logs.
"""

from __future__ import annotations

from lab.diagnosis.error_texts.known_text import (
    AFTER,
    CLIENT,
    HANDSHAKE,
    RECEIVED,
    SENT,
    SERVER,
    KnownText,
    each,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

_UPSTREAM = (
    "no-client-certificate",
    "client-certificate-refused",
    "server-ca-not-trusted",
    "server-name-mismatch",
    "no-tls",
)


_ENVOY = (
    KnownText(
        "upstream connect error or disconnect/reset before headers",
        says="the connection to the upstream failed (flag UF), or broke off (UC)",
        role=CLIENT,
        causes=(*_UPSTREAM, *ENDED),
        general=True,
    ),
    *each(
        KnownText(
            "",
            says="Envoy's connection to the upstream failed",
            role=CLIENT,
            causes=(*_UPSTREAM, *ENDED),
            general=True,
        ),
        "reset reason: connection failure",
        "reset reason: remote connection failure",
        "upstream_reset_before_response_started{connection_failure",
        "upstream_reset_before_response_started{remote_connection_failure",
        "transport failure reason",
    ),
    KnownText(
        "reset reason: connection termination",
        says="the upstream closed the connection before it answered",
        role=CLIENT,
        phase=AFTER,
        causes=("no-answer", "no-client-certificate", "client-certificate-refused", "no-tls"),
        general=True,
    ),
    KnownText(
        "secret is not supplied by sds",
        says="Envoy's own certificate or CA has not come from its secret service",
        causes=("file-not-loadable", "ca-file-unusable"),
    ),
    KnownText(
        "fail_verify_cert_hash",
        says="the certificate's hash is not the configured one",
        direction=SENT,
        causes=("pinned-key-differs",),
    ),
    KnownText(
        "verify cert failed: cert hash and spki",
        says="the certificate's hash is not the configured one",
        direction=SENT,
        causes=("pinned-key-differs",),
    ),
    *each(
        KnownText(
            "",
            says="no name in the certificate is one that the configuration allows",
            direction=SENT,
            causes=("peer:name-mismatch", "access-denied"),
        ),
        "fail_verify_san",
        "verify san list",
        "verify san matcher",
    ),
    KnownText(
        "fail_verify_no_cert",
        says="the client sent no certificate",
        role=SERVER,
        direction=SENT,
        causes=("no-client-certificate", "no-fitting-client-certificate"),
    ),
    KnownText(
        "fail_verify_error",
        says="the other end's chain was refused",
        direction=SENT,
        causes=PEER_REFUSED,
        general=True,
    ),
    KnownText(
        "filter_chain_not_found",
        says="no listener is for this host name",
        role=SERVER,
        causes=("unknown-server-name",),
    ),
    KnownText(
        "rbac_access_denied",
        says="the connection is good, and RBAC refuses the client",
        role=SERVER,
        phase=AFTER,
        causes=("access-denied",),
    ),
)

_GRPC = (
    KnownText(
        "handshake failed with fatal error ssl_error_ssl",
        says="the handshake failed; the reason is behind it",
        phase=HANDSHAKE,
        causes=PEER_REFUSED,
        general=True,
    ),
    *each(
        KnownText(
            "", says="the handshake failed", phase=HANDSHAKE, causes=PEER_REFUSED, general=True
        ),
        "failed to connect to all addresses",
    ),
    KnownText(
        "authentication handshake failed",
        "grpc-go",
        says="the handshake failed",
        phase=HANDSHAKE,
        causes=PEER_REFUSED,
        general=True,
    ),
    KnownText(
        "connection closed before server preface received",
        "grpc-go",
        says="the server ended the connection before it spoke HTTP/2",
        role=CLIENT,
        causes=("no-tls", "no-client-certificate", *ENDED),
    ),
    KnownText(
        "cannot check peer: missing selected alpn property",
        says="the other end chose no application protocol (ALPN), and gRPC requires h2",
        role=CLIENT,
        direction=SENT,
        causes=("no-common-application-protocol",),
    ),
    KnownText(
        "tsi_protocol_failure",
        says="the handshake failed in the TLS library",
        phase=HANDSHAKE,
        causes=("protocol-failure", "no-tls", *PEER_REFUSED),
        general=True,
    ),
    KnownText(
        "no match found for server name",
        says="the host name is not in the server's certificate",
        role=CLIENT,
        direction=SENT,
        causes=("server-name-mismatch",),
    ),
    KnownText(
        "peer name * is not in peer certificate",
        says="the host name is not in the server's certificate",
        role=CLIENT,
        direction=SENT,
        causes=("server-name-mismatch",),
    ),
    KnownText(
        "could not get common name of subject from certificate",
        says="a certificate in the CA file has no CN: gRPC logs it and goes on",
        causes=(),
        general=True,
    ),
    *each(
        KnownText(
            "",
            says="what came is no HTTP/2, as where only one end has TLS",
            causes=("no-tls",),
            phase=AFTER,
        ),
        "error reading server preface",
        "did not receive http/2 settings before handshake timeout",
    ),
)

_BORINGSSL = (
    KnownText(
        "handshake_failure_on_client_hello",
        alert=40,
        direction=RECEIVED,
        phase=HANDSHAKE,
        role=CLIENT,
    ),
)

TEXTS = (
    *from_source("BoringSSL, crypto/err/ssl.errordata", "boringssl", _BORINGSSL),
    *from_source("envoyproxy/envoy, source/common/tls; its documentation", "envoy", _ENVOY),
    *from_source("grpc/grpc, src/core/tsi/ssl_transport_security.cc", "grpc", _GRPC),
)
