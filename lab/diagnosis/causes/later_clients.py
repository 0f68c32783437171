"""Which clients answer a server that asks for their certificate after the handshake: one table.

Rules: what was measured names the versions of the run, what is cited its source. The runs are those
of ``tests/diagnosis/causes/test_later_clients.py``: in TLS 1.3 against the lab's server with
``--client-auth on-demand`` and against Apache 2.4.71, in TLS 1.2 against that Apache, which has
SSLVerifyClient in a <Location>. What neither shows is not told.
"""

from __future__ import annotations

from lab.diagnosis.results import LaterAnswer, LaterClient

_YES, _TOLD, _NO = LaterAnswer.YES, LaterAnswer.IF_TOLD, LaterAnswer.NO

_OVER_HTTP2 = LaterClient(
    name="any client over HTTP/2",
    post_handshake=_NO,
    renegotiation=_NO,
    measured="Apache 2.4.71 answers HTTP_1_1_REQUIRED; curl 7.88.1 and Chromium 156 then come "
    "again over HTTP/1.1, Go 1.27.3, Java 17.0.15 and Deno 2.9.6 fail",
    source="RFC 9113 sections 9.2.1 and 9.2.3 forbid it, as RFC 8740 did",
)

LATER_CLIENTS = (
    LaterClient(
        name="curl with OpenSSL",
        post_handshake=_YES,
        renegotiation=_YES,
        measured="curl 7.88.1, OpenSSL 3.0.22",
        source="https://github.com/curl/curl/pull/3027",
    ),
    LaterClient(
        name="curl with GnuTLS",
        post_handshake=_NO,
        renegotiation=_YES,
        measured="libcurl 7.88.1, GnuTLS 3.7.9",
    ),
    LaterClient(
        name="wget with GnuTLS",
        post_handshake=_YES,
        renegotiation=_YES,
        measured="wget 1.21.3, GnuTLS 3.7.9",
    ),
    LaterClient(
        name="openssl s_client",
        post_handshake=_TOLD,
        renegotiation=_YES,
        setting="-enable_pha",
        measured="OpenSSL 3.0.22",
    ),
    LaterClient(
        name="gnutls-cli",
        post_handshake=_TOLD,
        renegotiation=_NO,
        setting="--post-handshake-auth",
        measured="GnuTLS 3.7.9",
    ),
    LaterClient(
        name="Python: requests, urllib3",
        post_handshake=_YES,
        renegotiation=_YES,
        measured="requests 2.34.2, urllib3 2.8.0",
        source="https://github.com/urllib3/urllib3/pull/1635",
    ),
    LaterClient(
        name="Python: http.client, urllib, httpx, aiohttp",
        post_handshake=_TOLD,
        renegotiation=_YES,
        setting="post_handshake_auth = True in their SSLContext",
        measured="Python 3.11.7, httpx 0.28.1, aiohttp 3.14.5, each with a context of its own",
        source="https://docs.python.org/3/library/ssl.html",
    ),
    LaterClient(
        name="Node",
        post_handshake=_NO,
        renegotiation=_YES,
        measured="Node 20.20.2",
        source="https://github.com/nodejs/help/issues/4131",
    ),
    LaterClient(
        name="Go",
        post_handshake=_NO,
        renegotiation=_TOLD,
        setting="tls.Config.Renegotiation",
        measured="Go 1.27.3",
        source="https://go.dev/issue/40521",
    ),
    LaterClient(
        name="Java",
        post_handshake=_NO,
        renegotiation=_YES,
        measured="OpenJDK 17.0.15, HttpClient and HttpsURLConnection",
    ),
    LaterClient(
        name="rustls",
        post_handshake=_NO,
        renegotiation=_NO,
        measured="Deno 2.9.6",
        source="https://docs.rs/rustls/latest/rustls/manual/_04_features/",
    ),
    LaterClient(
        name="Chromium",
        post_handshake=_NO,
        renegotiation=_YES,
        measured="Chromium 156",
        source="https://crbug.com/911653",
    ),
    LaterClient(
        name="Firefox",
        post_handshake=_TOLD,
        renegotiation=LaterAnswer.UNKNOWN,
        setting="security.tls.enable_post_handshake_auth in about:config",
        source="https://bugzilla.mozilla.org/show_bug.cgi?id=1511989",
    ),
    _OVER_HTTP2,
)

CANNOT_BE_ASKED_LATER = ", ".join(
    client.name
    for client in LATER_CLIENTS
    if client.post_handshake is LaterAnswer.NO and client is not _OVER_HTTP2
)
"""The clients that offer no post-handshake authentication, whatever they are told."""
