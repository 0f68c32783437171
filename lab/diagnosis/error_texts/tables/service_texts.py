"""Texts of databases, brokers and other services: what they add to those of their TLS library.

Source: mosquitto 2.0, run on loopback; the strings of PostgreSQL 15 (be-secure-openssl.c, auth.c,
libpq); MySQL, Kafka, Kubernetes, Docker, Redis and MongoDB from sources and public logs.
"""

from __future__ import annotations

from lab.diagnosis.error_texts.known_text import (
    CLIENT,
    HANDSHAKE,
    SENT,
    SERVER,
    KnownText,
    each,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

_NO_CLIENT = ("no-client-certificate", "no-fitting-client-certificate")

_POSTGRESQL = (
    KnownText(
        "connection requires a valid client certificate",
        says="the server requires a client certificate (clientcert in pg_hba.conf, or cert), and "
        "the client sent none that it takes; the handshake itself succeeded",
        causes=_NO_CLIENT,
        speaker="postgres-words",
    ),
    KnownText(
        "certificate authentication failed for user",
        says="the certificate is good, and its CN or DN is not that of the user",
        causes=("access-denied",),
        speaker="postgres-words",
    ),
    KnownText(
        "certificate validation (clientcert=verify-full) failed for user",
        says="the certificate is good, and its CN or DN is not that of the user",
        causes=("access-denied",),
    ),
    KnownText(
        "could not accept ssl connection: eof detected",
        says="the client closed TCP in mid-handshake; that names no cause",
        role=SERVER,
        phase=HANDSHAKE,
        causes=("client-left", "server-certificate-refused", "no-client-certificate"),
    ),
    KnownText(
        "could not accept ssl connection",
        says="a client's handshake failed; the text names no cause",
        role=SERVER,
        phase=HANDSHAKE,
        causes=("client-left", "server-certificate-refused", "no-client-certificate"),
        general=True,
    ),
    *(
        KnownText(
            "no pg_hba.conf entry for host",
            needs=words,
            speaker="postgres-words",
            says="pg_hba.conf has no line for this user and address without TLS",
            causes=("no-tls", "access-denied"),
        )
        for words in ("no encryption", "ssl off")
    ),
    *(
        KnownText(
            phrase, speaker, role=CLIENT, causes=("no-tls",), says="the server does not offer TLS"
        )
        for phrase, speaker in (
            ("server does not support ssl", "postgres-words"),
            ("pq: ssl is not enabled on the server", "lib-pq"),
            ("server does not support ssl, but ssl was required", "libpq"),
        )
    ),
    KnownText(
        "server certificate for * does not match host name",
        "libpq",
        role=CLIENT,
        phase=HANDSHAKE,
        verify=62,
    ),
    KnownText("does not match host name", "libpq", role=CLIENT, phase=HANDSHAKE, verify=62),
    KnownText(
        "ssl syscall error: eof detected",
        "libpq",
        says="the other end closed TCP; that names no cause",
        causes=ENDED,
    ),
    KnownText(
        "ssl connection has been closed unexpectedly",
        "libpq",
        says="the server closed the connection; that names no cause",
        role=CLIENT,
        causes=ENDED,
    ),
    KnownText(
        "certificate present, but not private key file",
        "libpq",
        says="the client's key file is not there",
        role=CLIENT,
        causes=("file-not-loadable",),
    ),
    KnownText(
        "certificate does not match private key file",
        "libpq",
        says="the client's key does not belong to its certificate",
        role=CLIENT,
        causes=("key-does-not-fit",),
    ),
    KnownText(
        "private key file * has group or world access",
        "postgres-words",
        says="the key file may be read by others, and is not used",
        causes=("file-not-loadable",),
    ),
    KnownText(
        "root certificate file * does not exist",
        "libpq",
        says="the CA file (sslrootcert) is not there",
        role=CLIENT,
        causes=("ca-file-unusable",),
    ),
)

_MYSQL = (
    KnownText(
        "error 2026 (hy000): ssl connection error",
        says="the TLS connection failed; the reason, if there is one, stands behind it",
        role=CLIENT,
        causes=(
            "server-certificate-refused",
            "no-client-certificate",
            "no-common-version",
            "no-tls",
        ),
        general=True,
        numbers=(("mysql", 2026),),
    ),
    KnownText(
        "ssl_ctx_set_default_verify_paths failed",
        role=CLIENT,
        says="the CA file cannot be loaded",
        causes=("ca-file-unusable",),
    ),
    KnownText(
        "ssl connection error: protocol version mismatch",
        role=CLIENT,
        says="client and server have no TLS version in common",
        causes=("no-common-version",),
    ),
    *each(
        KnownText("", role=CLIENT, says="the server does not offer TLS", causes=("no-tls",)),
        "ssl connection error: ssl is required but the server doesn't support it",
        "tls/ssl error: ssl is required, but the server does not support it",
    ),
    KnownText(
        "ssl connection error: unable to get certificate",
        role=CLIENT,
        says="the client's certificate file cannot be loaded",
        causes=("file-not-loadable",),
    ),
    KnownText(
        "ssl connection error: unable to get private key",
        role=CLIENT,
        says="the client's key file cannot be loaded",
        causes=("file-not-loadable", "key-not-opened"),
    ),
    *each(
        KnownText(
            "",
            role=CLIENT,
            direction=SENT,
            causes=PEER_REFUSED,
            says="the client refused the server's certificate",
        ),
        "validation of ssl server certificate failed",
        "failed to verify the server certificate",
    ),
    KnownText(
        "tls/ssl error: hostname verification failed", role=CLIENT, direction=SENT, verify=62
    ),
    KnownText(
        "failed to set up ssl because of the following ssl library error",
        "mysql-server",
        says="the server has no TLS: its certificate or key cannot be loaded",
        causes=("file-not-loadable", "key-does-not-fit"),
    ),
    KnownText(
        "connections using insecure transport are prohibited",
        says="the server requires TLS, and the client did not use it",
        causes=("no-tls",),
    ),
)

_KAFKA = (
    *each(
        KnownText("", says="the handshake failed; the reason is in the lines beside it",
            phase=HANDSHAKE, general=True, announces=True,
            causes=("server-certificate-refused", "client-certificate-refused",
                    "no-client-certificate", "no-tls")),
        "failed authentication due to: ssl handshake failed",
        "(ssl handshake failed)",
        "sslauthenticationexception: ssl handshake failed",
    ),
    *each(
        KnownText("", says="the broker ended the connection; on a port with TLS, mostly as the "
            "client speaks none", role=CLIENT, causes=("no-tls", "no-client-certificate", *ENDED)),
        "terminated during authentication",
    ),
    *each(
        KnownText("", role=CLIENT, phase=HANDSHAKE, general=True, speaker="librdkafka",
            says="librdkafka's handshake with the broker failed", causes=PEER_REFUSED),
        "ssl handshake failed: error",
        "ssl handshake failed: ssl_error",
    ),
    KnownText("client ssl authentication might be required", "librdkafka", role=CLIENT,
        phase=HANDSHAKE,
        says="the broker ended the handshake, perhaps as the client sent no certificate",
        causes=("no-client-certificate", "no-tls", *ENDED)),
    KnownText("verify that security.protocol is correctly configured", "librdkafka", role=CLIENT,
        says="what came is no TLS", causes=("no-tls",)),
    KnownText("connecting to a plaintext broker listener", "librdkafka", role=CLIENT,
        phase=HANDSHAKE,
        says="the broker ended the handshake: its port may have no TLS", causes=("no-tls",)),
    KnownText("could not load root certificate file", "postgresql", role=SERVER,
        says="the CA file (ssl_ca_file) cannot be loaded", causes=("ca-file-unusable",)),
    KnownText("broker might require ssl", "librdkafka", role=CLIENT,
        says="the broker ended a connection without TLS", causes=("no-tls",)),
)  # fmt: skip

_MOSQUITTO = (
    *each(
        KnownText("", says="the client refused the server's certificate, or TLS failed otherwise",
            role=CLIENT, general=True, causes=("server-certificate-refused", *_NO_CLIENT)),
        "error: a tls error occurred",
        "a tls error occurred",
    ),
    *each(
        KnownText("", says="the broker ended the connection", role=SERVER,
            causes=("client-left", "no-tls"), general=True, announces=True),
        "disconnected: protocol error",
        "disconnected due to protocol error",
    ),
    KnownText("error: problem setting tls options", role=CLIENT, says="a file of the TLS options "
        "cannot be used", causes=("file-not-loadable", "ca-file-unusable")),
    KnownText("error: client certificate/key are inconsistent",
        says="the key does not belong to the certificate", causes=("key-does-not-fit",)),
    KnownText("error: server certificate/key are inconsistent",
        says="the key does not belong to the certificate", causes=("key-does-not-fit",)),
    KnownText("error: unable to load ca certificates", says="the CA file cannot be loaded",
        causes=("ca-file-unusable",)),
    KnownText("error: unable to load certificate revocation file",
        says="the CRL file cannot be loaded", causes=("crl-file-unusable",)),
    *each(
        KnownText("", says="a certificate file cannot be loaded", causes=("file-not-loadable",)),
        "error: unable to load server certificate",
        "error: unable to load client certificate",
        "error: unable to load server key file",
        "error: unable to load client key file",
    ),
)  # fmt: skip

_KUBERNETES = (
    KnownText(
        "x509: certificate is valid for kubernetes",
        "kubectl",
        says="the host name is not in the API server's certificate",
        role=CLIENT,
        direction=SENT,
        causes=("server-name-mismatch",),
    ),
    KnownText(
        "you must be logged in to the server (unauthorized)",
        "kubectl",
        says="the API server took no certificate of the client's, or does not know its user",
        role=CLIENT,
        causes=("http-wants-certificate", "client-certificate-expired", "client-ca-not-trusted"),
    ),
    KnownText(
        "verifying certificate sn=",
        says="the API server refused a client's certificate; the reason is behind it",
        role=SERVER,
        causes=PEER_REFUSED,
        general=True,
    ),
    KnownText(
        "no kind of certificate is acceptable",
        says="the other end's certificate was refused",
        causes=PEER_REFUSED,
        general=True,
    ),
    KnownText(
        "x509: certificate signed by unknown authority (possibly because of",
        "go",
        says="a CA of the issuer's name is trusted, and the signature could not be verified by its "
        "key; why stands behind it",
        direction=SENT,
        phase=HANDSHAKE,
        causes=(
            "peer:ca-not-trusted",
            "peer:bad-certificate-signature",
            "peer:key-or-digest-too-weak",
        ),
    ),
)

_OTHERS = (
    *each(
        KnownText("", "redis", says="a client's handshake with Redis failed; the reason is behind "
            "it", role=SERVER, phase=HANDSHAKE, general=True,
            causes=(*_NO_CLIENT, "server-certificate-refused", "no-tls")),
        "error accepting a client connection",
    ),
    *each(
        KnownText("", "mongodb", says="the client sent no certificate, and one is required",
            role=SERVER, direction=SENT, causes=_NO_CLIENT),
        "no ssl certificate provided by peer",
        "no ssl certificate provided by peer; connection rejected",
    ),
    KnownText("ssl peer certificate validation failed", "mongodb", direction=SENT, general=True,
        says="the other end's certificate was refused", causes=PEER_REFUSED),
    KnownText("the server is configured to only allow ssl connections", "mongodb", role=SERVER,
        says="the client did not use TLS, and the server requires it", causes=("no-tls",)),
    KnownText("the server certificate does not match the host name", "mongodb", role=CLIENT,
        direction=SENT, verify=62),
    KnownText("tls: peer cert untrusted or revoked", "ldap", role=CLIENT, direction=SENT,
        says="the server's certificate was refused", causes=PEER_REFUSED),
    KnownText("tls key negotiation failed to occur within", "openvpn",
        says="the other end did not answer in time", causes=("silence",)),
    KnownText("hostname (*) does not match common name in certificate", "ldap", role=CLIENT,
        direction=SENT, verify=62),
    KnownText("tls: can't connect:", "ldap", role=CLIENT, phase=HANDSHAKE, general=True,
        says="the handshake with the LDAP server failed", causes=PEER_REFUSED),
    KnownText("tls negotiation failure", "ldap", role=SERVER, phase=HANDSHAKE, general=True,
        says="a client's handshake failed", causes=(*_NO_CLIENT, "server-certificate-refused")),
    KnownText("failed to enable crypto", "php", role=CLIENT, general=True,
        says="the handshake failed; the reason is in the warning before it", causes=PEER_REFUSED),
    KnownText("hostname * does not match the server certificate", "ruby", role=CLIENT,
        direction=SENT, verify=62),
    *each(
        KnownText("", "perl", role=CLIENT, general=True, phase=HANDSHAKE,
            says="the handshake with the server failed", causes=PEER_REFUSED),
        "ssl connect attempt failed",
        "ssl connect attempt failed because of handshake problems",
    ),
    KnownText("(hostname verification failed)", "perl", role=CLIENT, direction=SENT, verify=62),
    KnownText("did not match expected cn=", "php", role=CLIENT, phase=HANDSHAKE, verify=62),
    KnownText("ssl_connect syscall returned=#", "ruby", role=CLIENT, phase=HANDSHAKE,
        says="the server closed or reset TCP in mid-handshake; that names no cause",
        causes=ENDED),
    KnownText("tls: can't accept", "ldap", role=SERVER, phase=HANDSHAKE, general=True,
        says="a client's handshake failed", causes=(*_NO_CLIENT, "server-certificate-refused")),
    KnownText("cannot verify peer certificate", says="the other end's certificate was refused",
        direction=SENT, causes=PEER_REFUSED, general=True),
    KnownText("the server requested that the client send a certificate but none",
        says="the client sent no certificate", role=CLIENT, causes=_NO_CLIENT),
)  # fmt: skip

TEXTS = (
    *from_source(
        "PostgreSQL 15, the strings of its server and of libpq", "postgresql", _POSTGRESQL
    ),
    *from_source("mysql/mysql-server, errmsg.h and vio; public logs", "mysql", _MYSQL),
    *from_source("apache/kafka SslTransportLayer, librdkafka; public logs", "kafka", _KAFKA),
    *from_source("mosquitto 2.0.11, run on loopback; its strings", "mosquitto", _MOSQUITTO),
    *from_source("kubernetes, docker, golang/go x509/verify.go; public logs", "go", _KUBERNETES),
    *from_source("redis, mongodb, openldap: sources and public logs", "", _OTHERS),
)
