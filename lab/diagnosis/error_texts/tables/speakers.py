"""Who speaks: programs and libraries, and the words by which they show themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from lab.diagnosis.error_texts.known_text import (
    AFTER,
    CLIENT,
    HANDSHAKE,
    SERVER,
    KnownText,
)
from lab.diagnosis.error_texts.results import SpeakerRole


class Speaker(NamedTuple):
    """A program or a library.

    ``layer`` orders a chain of them, 0 for a TLS library itself. ``family`` is common to versions
    of one thing: only the most exact name is shown. ``on`` are what it stands on, whether or not
    that shows.
    """

    name: str
    layer: int
    role: SpeakerRole = SpeakerRole.UNKNOWN
    family: str = ""
    on: tuple[str, ...] = ()


SPEAKERS = {
    "openssl": Speaker("OpenSSL", 0, family="openssl"),
    "openssl-1": Speaker("OpenSSL 1.0 or 1.1", 0, family="openssl"),
    "openssl-3": Speaker("OpenSSL 3 or later", 0, family="openssl"),
    "openssl-3.2": Speaker("OpenSSL 3.2 or later", 0, family="openssl"),
    "libressl": Speaker("LibreSSL", 0),
    "boringssl": Speaker("BoringSSL", 0, family="boringssl"),
    "gnutls": Speaker("GnuTLS", 0),
    "wolfssl": Speaker("wolfSSL", 0),
    "nss": Speaker("NSS", 0),
    "schannel": Speaker("Schannel", 0),
    "secure-transport": Speaker("Secure Transport", 0),
    "go": Speaker("Go crypto/tls", 0),
    "java": Speaker("Java JSSE", 0),
    "rustls": Speaker("rustls", 0),
    "s_client": Speaker("openssl s_client", 2, CLIENT, on=("openssl",)),
    "openssl-verify": Speaker("openssl verify", 2, on=("openssl",)),
    "python": Speaker("Python ssl", 1, on=("openssl",)),
    "asyncio": Speaker("asyncio", 2, on=("python",)),
    "urllib": Speaker("urllib", 2, CLIENT, on=("python",)),
    "urllib3": Speaker("urllib3", 2, CLIENT, on=("python",)),
    "requests": Speaker("requests", 3, CLIENT, on=("urllib3",)),
    "httpcore": Speaker("httpcore", 2, CLIENT, on=("python",)),
    "httpx": Speaker("httpx", 3, CLIENT, on=("httpcore",)),
    "aiohttp": Speaker("aiohttp", 3, on=("asyncio",)),
    "curl": Speaker("curl", 2, CLIENT),
    "wget": Speaker("wget", 2, CLIENT),
    "node": Speaker("Node", 1, on=("openssl",)),
    "ruby": Speaker("Ruby", 1, on=("openssl",)),
    "pyopenssl": Speaker("pyOpenSSL", 1, on=("openssl",)),
    "php": Speaker("PHP", 1, CLIENT, on=("openssl",)),
    "apple": Speaker("Apple URL loading", 2, CLIENT),
    "chrome": Speaker("Chrome", 2, CLIENT, on=("boringssl",)),
    "firefox": Speaker("Firefox", 2, CLIENT, on=("nss",)),
    "dotnet": Speaker(".NET", 2),
    "go-http-server": Speaker("Go net/http server", 2, SERVER, on=("go",)),
    "go-http-client": Speaker("Go net/http client", 2, CLIENT, on=("go",)),
    "kubectl": Speaker("kubectl", 3, CLIENT, on=("go",)),
    "docker": Speaker("Docker", 3, CLIENT, on=("go",)),
    "containerd": Speaker("containerd", 3, CLIENT, on=("go",)),
    "caddy": Speaker("Caddy", 3, SERVER, on=("go",)),
    "etcd": Speaker("etcd", 3, on=("go",)),
    "grpc-go": Speaker("gRPC (Go)", 2, CLIENT, on=("go",)),
    "grpc": Speaker("gRPC", 2, on=("boringssl",)),
    "envoy": Speaker("Envoy", 2, on=("boringssl",)),
    "nginx": Speaker("nginx", 2, SERVER, on=("openssl",)),
    "nginx-upstream": Speaker("nginx (to its upstream)", 2, CLIENT, on=("openssl",)),
    "apache": Speaker("Apache mod_ssl", 2, SERVER, on=("openssl",)),
    "apache-proxy": Speaker("Apache mod_proxy", 2, CLIENT, on=("openssl",)),
    "haproxy": Speaker("HAProxy", 2, on=("openssl",)),
    "postgresql": Speaker("PostgreSQL server", 2, SERVER, on=("openssl",)),
    "postgres-words": Speaker("PostgreSQL", 2),
    "pgjdbc": Speaker("PostgreSQL JDBC driver", 2, CLIENT, on=("java",)),
    "lib-pq": Speaker("PostgreSQL client lib/pq (Go)", 2, CLIENT, on=("go",)),
    "libpq": Speaker("PostgreSQL client (libpq)", 2, CLIENT, on=("openssl",)),
    "mysql": Speaker("MySQL client", 2, CLIENT),
    "mysql-server": Speaker("MySQL server", 2, SERVER),
    "kafka": Speaker("Kafka", 2, on=("java",)),
    "librdkafka": Speaker("Kafka client librdkafka", 2, CLIENT, on=("openssl",)),
    "mosquitto": Speaker("mosquitto", 2, on=("openssl",)),
    "redis": Speaker("Redis", 2, on=("openssl",)),
    "stunnel": Speaker("stunnel", 2, on=("openssl",)),
    "openvpn": Speaker("OpenVPN", 2),
    "git": Speaker("git", 3, CLIENT, on=("curl",)),
    "postfix": Speaker("Postfix", 2, on=("openssl",)),
    "erlang": Speaker("Erlang/OTP ssl", 0),
    "mbedtls": Speaker("Mbed TLS", 0),
    "wireshark": Speaker("Wireshark", 2),
    "mongodb": Speaker("MongoDB", 2, on=("openssl",)),
    "ldap": Speaker("OpenLDAP", 2),
    "dovecot": Speaker("Dovecot", 2, on=("openssl",)),
    "perl": Speaker("Perl IO::Socket::SSL", 2, on=("openssl",)),
    "elasticsearch": Speaker("Elasticsearch", 2, SERVER, on=("java",)),
    "iis": Speaker("IIS", 2, SERVER, on=("schannel",)),
    "conscrypt": Speaker("Conscrypt (Android)", 1, on=("java", "boringssl")),
    "uvicorn": Speaker("uvicorn", 3, SERVER, on=("asyncio",)),
}


def with_libraries(speakers: Iterable[str]) -> set[str]:
    """Return the speakers, and what they stand on."""
    found: set[str] = set()
    waiting = list(speakers)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += SPEAKERS[name].on
    return found


_OF_OPENSSL = frozenset(
    {"openssl", "openssl-1", "openssl-3", "openssl-3.2", "libressl", "boringssl"}
)
_RUNTIMES = frozenset({"go", "java", "erlang"})  # a program on these has no other library


def can_stand_on(program: str, speakers: Collection[str]) -> bool:
    """Return whether ``program`` may be what prints the words of these other speakers."""
    parts = with_libraries((program,))
    languages = {name for name in speakers if SPEAKERS[name].layer == 1}
    if languages and SPEAKERS[program].layer > 1 and languages.isdisjoint(parts):
        return False
    libraries = {_library(name) for name in with_libraries(speakers)} - {""}
    if "boringssl" in speakers:  # Conscrypt and Netty lay it under Java
        libraries.add("java")
    own = {_library(name) for name in parts} - {""}
    if not own:
        return libraries.isdisjoint(_RUNTIMES)
    return not libraries or not libraries.isdisjoint(own)


def _library(name: str) -> str:
    """Return the library that a speaker is, OpenSSL for its forks too; empty for a program."""
    if name in _OF_OPENSSL:
        return "openssl"
    return "" if SPEAKERS[name].layer else name


_MARKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # OpenSSL 3 prints functions too, where it is built so: the error code tells the version.
    ("openssl", ("ssl routines:*:", "x509 certificate routines:*:")),
    ("openssl-3", ("ssl routines::",)),
    ("libressl", ("libressl",)),
    ("boringssl", ("openssl_internal:", "boringssl")),
    ("gnutls", ("gnutls", "gnutls_handshake")),
    ("secure-transport", ("securetransport", "sslhandshake")),
    ("schannel", ("schannel", "initializesecuritycontext failed")),
    ("rustls", ("rustls", "tokio_rustls", "hyper_rustls")),
    ("java", ("javax.net.ssl", "sun.security.ssl", "sun.security.validator")),
    ("python", ("ssl.sslerror", "ssl.sslcertverificationerror", "_ssl.c:#", "[ssl]")),
    ("python", ("ssl.ssleoferror", "ssl.sslzeroreturnerror", "sslcertverificationerror")),
    ("python", ("sslerror(#,", "ssleoferror(#,", "sslzeroreturnerror(#,", "caused by sslerror(")),
    ("asyncio", ("asyncio", "sslproto.py", "ssl handshake failed on verifying the certificate")),
    ("urllib", ("urllib.error.urlerror", "<urlopen error")),
    ("urllib3", ("urllib3.exceptions", "httpsconnectionpool(", "max retries exceeded with url:")),
    ("requests", ("requests.exceptions", "requests/adapters.py")),
    ("httpcore", ("httpcore.", "httpcore.connecterror")),
    ("httpx", ("httpx.", "httpx.connecterror", "httpx.readerror")),
    ("aiohttp", ("aiohttp.", "clientconnectorcertificateerror", "clientconnectorsslerror")),
    ("curl", ("curl: (#)", "libcurl", "curl error #", "openssl ssl_read:", "openssl ssl_connect:")),
    ("curl", ("more details here: https://curl.se/docs/sslcerts.html", "curl/#.#.#")),
    ("wget", ("wget",)),
    ("node", ("node:internal", "tlssocket", "_tls_wrap.js:#", "tlswrap")),
    ("node", ("deps/openssl",)),
    ("ruby", ("openssl::ssl::sslerror", "ssl_connect returned=#", "ssl_accept returned=#")),
    ("pyopenssl", ("openssl.ssl.error", "bad handshake: error([(")),
    ("php", ("openssl error messages:", "stream_socket_enable_crypto", "php warning")),
    ("apple", ("nsurlerrordomain", "cfnetwork", "nsurlsession", "kcfstreamerrordomainssl")),
    ("chrome", ("net::err_", "ssl_client_socket_impl.cc", "net_error #")),
    ("firefox", ("secure connection failed", "peer reports")),
    ("dotnet", ("interop+crypto", "interop+openssl", "sqlclient.sqlexception")),
    ("dotnet", ("system.net.security", "system.security.authentication", "system.net.http")),
    ("go-http-server", ("http: tls handshake error from",)),
    ("go", ("crypto/tls", "remote error: tls:", "crypto/x509")),
    ("kubectl", ("unable to connect to the server", "kubectl", "kubelet")),
    ("docker", ("error response from daemon", "containerd", "dockerd")),
    ("etcd", ("etcd", "embed/config_logging.go", "etcdserver")),
    ("grpc-go", ("transport: authentication handshake failed", "rpc error: code = unavailable")),
    ("mbedtls", ("mbedtls_ssl_handshake", "mbed tls")),
    ("grpc", ("ssl_transport_security.cc", "ssl_transport_security", "handshaker.cc")),
    ("grpc", ("ssl handshake failed: ssl_error_ssl", "handshake failed with error ssl_error_ssl")),
    ("envoy", ("tls_error:#:", "tls error: #:", "upstream connect error or disconnect", "envoy")),
    ("haproxy", ("haproxy", "ssl_fc_err")),
    ("postgresql", ("could not accept ssl connection",)),
    ("libpq", ("psycopg2.operationalerror", "psycopg.operationalerror", "psql: error")),
    ("libpq", ("connection to server at",)),
    ("pgjdbc", ("org.postgresql.util.psqlexception",)),
    ("conscrypt", ("org.conscrypt.",)),
    ("mysql", ("error 2026:",)),
    ("mysql", ("error 2026 (hy000)", "mysql_real_connect")),
    ("kafka", ("org.apache.kafka", "kafkaserver", "kafka.network")),
    ("librdkafka", ("rdkafka", "librdkafka", "confluent_kafka")),
    ("mosquitto", ("mosquitto", "openssl error[#]:")),
    ("redis", ("redis", "error accepting a client connection")),
    ("stunnel", ("stunnel", "log3[#]:", "log4[#]:", "log5[#]:", "log6[#]:")),
    (
        "openvpn",
        (
            "openvpn",
            "tls_error: bio read tls_read_plaintext error",
            "verify error: depth=#",
        ),
    ),
    ("git", ("fatal: unable to access", "git clone", "git fetch")),
    ("postfix", ("postfix/smtpd", "postfix/smtp")),
    ("containerd", ("failed to pull and unpack image", "failed to do request: head")),
    ("uvicorn", ("uvicorn",)),
    ("erlang", ("tls_alert", "rabbitmq", "tls client: in state", "tls server: in state")),
    ("mbedtls", ("mbedtls",)),
    ("mongodb", ("mongod", "mongosh", "serverselectionerror")),
    ("ldap", ("ldap_start_tls", "ldap_sasl_bind")),
    ("dovecot", ("dovecot", "imap-login:", "pop3-login:")),
    ("perl", ("io::socket::ssl", "lwp::protocol::https")),
    ("s_client", ("s_client", "connected(#)", "no client certificate ca names sent")),
)
# Words that tell the end or the time as well.
_PLACED = (
    KnownText("while ssl handshaking", "nginx", phase=HANDSHAKE, role=SERVER),
    KnownText("while ssl handshaking to upstream", "nginx-upstream", phase=HANDSHAKE, role=CLIENT),
    KnownText("while waiting for request", "nginx", phase=AFTER, role=SERVER),
    KnownText("while reading client request", "nginx", phase=AFTER, role=SERVER),
    KnownText("while keepalive", "nginx", phase=AFTER, role=SERVER),
    KnownText("http: tls handshake error from", "go-http-server", phase=HANDSHAKE, role=SERVER),
    KnownText("clientconnectorcertificateerror", "aiohttp", role=CLIENT, phase=HANDSHAKE),
    KnownText("clientconnectorsslerror", "aiohttp", role=CLIENT, phase=HANDSHAKE),
    KnownText("clientconnectorerror", "aiohttp", role=CLIENT),
    KnownText("clientoserror", "aiohttp", role=CLIENT),
    KnownText("onconnectsecure", "node", role=CLIENT, phase=HANDSHAKE),
    KnownText("npm err", "node", role=CLIENT),
    KnownText("npm error", "node", role=CLIENT),
    KnownText("axioserror", "node", role=CLIENT),
    KnownText("serverselectiontimeouterror", "mongodb", role=CLIENT),
    KnownText("can't connect to mysql server on", "", role=CLIENT),
    KnownText("failed to verify client certificate", "go", role=SERVER, phase=HANDSHAKE),
    KnownText("failed to verify client's certificate", "go", role=SERVER, phase=HANDSHAKE),
    KnownText("curl: (35)", "curl", phase=HANDSHAKE, role=CLIENT),
    KnownText("curl: (56)", "curl", phase=AFTER, role=CLIENT),
    KnownText("openssl ssl_read:", "curl", phase=AFTER, role=CLIENT),
    KnownText("openssl ssl_connect:", "curl", phase=HANDSHAKE, role=CLIENT),
    KnownText("gnutls_handshake() failed", "gnutls", phase=HANDSHAKE),
    KnownText("ssl_connect returned=#", "ruby", phase=HANDSHAKE, role=CLIENT),
    KnownText("ssl_accept returned=#", "ruby", phase=HANDSHAKE, role=SERVER),
    KnownText("ssl_connect()", "", role=CLIENT, phase=HANDSHAKE),
    KnownText("ssl_accept()", "", role=SERVER, phase=HANDSHAKE),
    KnownText("ssl_accept:", "", role=SERVER, phase=HANDSHAKE),
    KnownText("ssl_connect:", "", role=CLIENT, phase=HANDSHAKE),
    KnownText("do_handshake", "", phase=HANDSHAKE),
    KnownText("tls handshake failed", "", phase=HANDSHAKE),
    KnownText("ssl handshake failed", "", phase=HANDSHAKE),
    KnownText("handshake failed", "", phase=HANDSHAKE),
    KnownText("urlopen error", "urllib", role=CLIENT),
    KnownText("get https://", "", role=CLIENT),
    KnownText("post https://", "", role=CLIENT),
    KnownText("could not accept ssl connection", "postgresql", role=SERVER, phase=HANDSHAKE),
    KnownText("failed authentication with", "kafka", role=SERVER, phase=HANDSHAKE),
    KnownText("connection to node", "kafka", role=CLIENT),
    KnownText("rejected connection", "", role=SERVER, phase=HANDSHAKE),
    KnownText("ssl_do_handshake()", "", phase=HANDSHAKE),
    KnownText("/1: ssl handshake failure", "haproxy", role=SERVER, phase=HANDSHAKE),
    KnownText("/2: ssl handshake failure", "haproxy", role=SERVER, phase=HANDSHAKE),
    KnownText("ssl library error: error:", "apache", role=SERVER),
    KnownText("nginx: [emerg]", "nginx", role=SERVER),
    KnownText("layer6 invalid response", "haproxy", role=CLIENT, phase=HANDSHAKE),
    KnownText("client <unknown> disconnected", "mosquitto", role=SERVER),
    KnownText("error on client <unknown>", "mosquitto", role=SERVER),
    KnownText("new connection from", "", role=SERVER),
    KnownText("client_handshake.c", "", role=CLIENT),
    KnownText("tls_process_server_certificate", "", role=CLIENT, phase=HANDSHAKE),
    KnownText("tls_process_client_certificate", "", role=SERVER, phase=HANDSHAKE),
    KnownText("tls_post_process_client_hello", "", role=SERVER, phase=HANDSHAKE),
    KnownText("tls_early_post_process_client_hello", "", role=SERVER, phase=HANDSHAKE),
    KnownText("tls_process_server_hello", "", role=CLIENT, phase=HANDSHAKE),
    KnownText("slapd", "ldap", role=SERVER),
    KnownText("postfix/smtpd", "postfix", role=SERVER),
    KnownText("postfix/submission/smtpd", "postfix", role=SERVER),
    KnownText("postfix/submissions/smtpd", "postfix", role=SERVER),
    KnownText("postfix/smtps/smtpd", "postfix", role=SERVER),
    KnownText("postfix/smtp", "postfix", role=CLIENT),
    KnownText("error accepting a client connection", "redis", role=SERVER, phase=HANDSHAKE),
    KnownText("server.go", "", role=SERVER),
    KnownText("tls client hello", "", phase=HANDSHAKE),
    KnownText("tls client: in state", "erlang", phase=HANDSHAKE, role=CLIENT),
    KnownText("tls server: in state", "erlang", phase=HANDSHAKE, role=SERVER),
)

MARKS = (
    *(
        KnownText(phrase, name, role=SPEAKERS[name].role, mark=True)
        for name, phrases in _MARKS
        for phrase in phrases
    ),
    *(row._replace(mark=True) for row in _PLACED),
)
"""Texts that show who speaks, and no error."""
