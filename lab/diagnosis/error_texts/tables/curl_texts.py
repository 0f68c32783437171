"""Texts and exit codes of curl and wget, with whichever TLS library they are built.

Source: curl 7.88 with OpenSSL and GnuTLS, run on loopback, and the strings of both builds; curl's
list of exit codes (docs/libcurl/libcurl-errors); Schannel and Secure Transport from public logs.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.diagnosis.error_texts.known_text import (
    AFTER,
    CLIENT,
    HANDSHAKE,
    RECEIVED,
    SENT,
    KnownText,
    each,
    from_source,
)
from lab.diagnosis.error_texts.results import ErrorPhase
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

_ANYTIME = ErrorPhase.UNKNOWN
# Exit code, what it says, when, causes; all general, as more is mostly said beside them.
_EXIT_CODES: tuple[tuple[int, str, ErrorPhase, tuple[str, ...]], ...] = (
    (
        35,
        "the TLS handshake failed",
        HANDSHAKE,
        (
            "no-client-certificate",
            "no-common-version",
            "no-common-cipher-suite",
            "no-tls",
            "server-left",
        ),
    ),
    (51, "the server's certificate or key was not OK (older curl)", HANDSHAKE, PEER_REFUSED),
    (52, "the server sent nothing", AFTER, ("no-answer", "refused-without-alert", "no-tls")),
    (53, "the TLS engine is not there", _ANYTIME, ("setting-not-taken",)),
    (54, "the TLS engine cannot be used", _ANYTIME, ("setting-not-taken",)),
    (55, "sending failed", AFTER, ("no-client-certificate", "client-certificate-refused", *ENDED)),
    (
        56,
        "receiving failed: in TLS 1.3 a refused client certificate shows here",
        AFTER,
        (
            "no-client-certificate",
            "no-fitting-client-certificate",
            "client-certificate-refused",
            *ENDED,
        ),
    ),
    (
        58,
        "the client's own certificate or key cannot be used",
        _ANYTIME,
        ("file-not-loadable", "key-does-not-fit", "key-not-opened", "own:key-or-digest-too-weak"),
    ),
    (59, "the cipher suite that was asked for is not there", _ANYTIME, ("setting-not-taken",)),
    (60, "the server's certificate was refused", HANDSHAKE, PEER_REFUSED),
    (64, "TLS was required, and the server does not offer it", _ANYTIME, ("no-tls",)),
    (66, "the TLS engine could not be set up", _ANYTIME, ("setting-not-taken",)),
    (77, "the CA file cannot be used", _ANYTIME, ("ca-file-unusable",)),
    (80, "the TLS connection could not be shut down", AFTER, ENDED),
    (82, "the CRL file cannot be loaded", _ANYTIME, ("crl-file-unusable",)),
    (
        83,
        "the server's certificate has another issuer than the one given with --issuercert",
        HANDSHAKE,
        ("server-ca-not-trusted",),
    ),
    (90, "the server's key is not the pinned one", HANDSHAKE, ("pinned-key-differs",)),
    (
        91,
        "the server's OCSP status is not good",
        HANDSHAKE,
        ("server-ocsp-response-refused", "server-certificate-revoked"),
    ),
    (
        98,
        "the server wants a client certificate",
        _ANYTIME,
        ("no-client-certificate", "no-fitting-client-certificate"),
    ),
)


def _exit_codes() -> Iterator[KnownText]:
    for number, says, phase, causes in _EXIT_CODES:
        yield KnownText(
            f"curl: ({number})",
            says=f"curl's exit code {number}: {says}",
            phase=phase,
            role=CLIENT,
            direction=SENT if number in (51, 60, 83, 90, 91) else KnownText("").direction,
            causes=causes,
            general=True,
            numbers=(("curl", number),),
        )
    yield KnownText(
        "http_1_1_required",
        says="the server wants HTTP/1.1 for this request, as where it asks for a certificate by "
        "renegotiation, which HTTP/2 does not have",
        phase=AFTER,
        role=CLIENT,
        causes=("renegotiation-refused", "no-post-handshake-authentication"),
    )
    yield KnownText(
        "curl: (92)",
        general=True,
        says="curl's exit code 92: an error of HTTP/2, after the handshake",
        phase=AFTER,
        role=CLIENT,
        causes=("no-answer", "no-client-certificate"),
        numbers=(("curl", 92),),
    )


_OWN_FILE = KnownText("", role=CLIENT, causes=("file-not-loadable", "key-not-opened"), general=True)
_UNVERIFIED = KnownText("", role=CLIENT, direction=SENT, phase=HANDSHAKE)

_CURL = (
    *_exit_codes(),
    *each(
        _UNVERIFIED._replace(
            says="no name in the server's certificate is the host that was asked for", verify=62
        ),
        "no alternative certificate subject name matches target",
        "certificate subject name",
        "does not match target host name",
    ),
    *each(
        _OWN_FILE._replace(says="the client's certificate file cannot be loaded"),
        "could not load pem client certificate",
        "could not load pkcs12 client certificate",
        "could not parse pkcs12 file, check password",
        "error reading x.509 key or certificate file",
        "no key found, wrong pass phrase, or wrong file format",
    ),
    *each(
        _OWN_FILE._replace(says="the client's key file cannot be loaded"),
        "unable to set private key file",
        "unable to load client key",
    ),
    KnownText(
        "private key does not match the certificate public key",
        role=CLIENT,
        says="the client's key does not belong to its certificate",
        causes=("key-does-not-fit",),
    ),
    *each(
        KnownText("", role=CLIENT, causes=("ca-file-unusable",), says="the CA file is no use"),
        "error setting certificate verify locations",
        "error setting certificate file",
        "error adding trust anchors from file",
        "error reading ca cert file",
    ),
    KnownText(
        "ssl_error_syscall",
        says="TCP ended without a word of TLS; that names no cause",
        causes=ENDED,
        in_context=True,
    ),
    KnownText(
        "ssl_error_zero_return",
        says="TLS was closed in good order, where more was expected",
        causes=("no-answer",),
        in_context=True,
    ),
    KnownText(
        "ssl connection timeout",
        says="the server did not finish the handshake in time",
        role=CLIENT,
        phase=HANDSHAKE,
        causes=("silence", "no-tls"),
    ),
    KnownText(
        "ssl public key does not match pinned public key",
        says="the server's key is not the pinned one",
        role=CLIENT,
        direction=SENT,
        causes=("pinned-key-differs",),
    ),
    KnownText(
        "empty reply from server",
        says="the server closed the connection without an answer",
        role=CLIENT,
        phase=AFTER,
        causes=("no-answer", "no-tls", "refused-without-alert"),
    ),
)

_GNUTLS_BUILD = (
    KnownText(
        "server certificate verification failed",
        "gnutls",
        says="the client refused the server's certificate",
        role=CLIENT,
        direction=SENT,
        phase=HANDSHAKE,
        causes=PEER_REFUSED,
        general=True,
    ),
    KnownText(
        "server certificate expiration date has passed",
        "gnutls",
        role=CLIENT,
        direction=SENT,
        phase=HANDSHAKE,
        verify=10,
    ),
    KnownText(
        "server certificate not activated yet",
        "gnutls",
        role=CLIENT,
        direction=SENT,
        phase=HANDSHAKE,
        verify=9,
    ),
    KnownText(
        "server certificate verification failed. cafile: none crlfile: none",
        "gnutls",
        says="the client refused the server's certificate, and has no CA file",
        role=CLIENT,
        direction=SENT,
        phase=HANDSHAKE,
        causes=("ca-file-unusable", *PEER_REFUSED),
    ),
)

_SECURE_TRANSPORT = (
    *each(
        KnownText(
            "",
            "secure-transport",
            says="the server's chain is not valid to the client",
            role=CLIENT,
            direction=SENT,
            causes=PEER_REFUSED,
        ),
        "ssl certificate problem: invalid certificate chain",
        "ssl certificate problem: couldn't understand the server certificate format",
    ),
    KnownText(
        "server closed session with no notification",
        "secure-transport",
        says="the server closed TCP without a word; that names no cause",
        role=CLIENT,
        causes=ENDED,
        numbers=(("secure transport", -9816),),
    ),
    KnownText(
        "unknown ssl protocol error in connection to",
        "curl",
        says="the handshake failed, and the text names no cause",
        role=CLIENT,
        phase=HANDSHAKE,
        causes=("no-common-version", *ENDED),
    ),
    KnownText(
        "ssl peer handshake failed, the server most likely requires a client certificate",
        "secure-transport",
        role=CLIENT,
        direction=RECEIVED,
        phase=HANDSHAKE,
        alert=40,
    ),
    KnownText(
        "sslread() return error",
        "secure-transport",
        causes=ENDED,
        general=True,
        says="receiving failed",
        role=CLIENT,
    ),
)

_WGET = (
    *each(
        KnownText("", "wget", role=CLIENT, direction=SENT, verify=20),
        "unable to locally verify the issuer's authority",
        "doesn't have a known issuer",
    ),
    KnownText(
        "self-signed certificate encountered", "wget", role=CLIENT, direction=SENT, verify=18
    ),
    KnownText("issued certificate has expired", "wget", role=CLIENT, direction=SENT, verify=10),
    KnownText("issued certificate not yet valid", "wget", role=CLIENT, direction=SENT, verify=9),
    *each(
        KnownText("", "wget", role=CLIENT, direction=SENT, verify=62),
        "no certificate subject alternative name matches requested host name",
        "the certificate's owner does not match hostname",
    ),
    KnownText("the certificate of * has expired", "wget", role=CLIENT, direction=SENT, verify=10),
    KnownText(
        "the certificate of * is not yet activated", "wget", role=CLIENT, direction=SENT, verify=9
    ),
    KnownText(
        "the certificate of * has been revoked", "wget", role=CLIENT, direction=SENT, verify=23
    ),
    KnownText(
        "the certificate of * is not trusted",
        "wget",
        says="the client refused the server's certificate",
        role=CLIENT,
        direction=SENT,
        causes=PEER_REFUSED,
        general=True,
    ),
    KnownText("doesn't match requested host name", "wget", role=CLIENT, direction=SENT, verify=62),
    KnownText(
        "unable to establish ssl connection",
        "wget",
        says="the handshake failed",
        role=CLIENT,
        phase=HANDSHAKE,
        causes=("no-client-certificate", "no-common-version", "no-tls", "server-left"),
        general=True,
    ),
)

TEXTS = (
    *from_source("curl 7.88.1 with OpenSSL 3.0.22, run on loopback; its strings", "curl", _CURL),
    *from_source("the strings of libcurl-gnutls 7.88.1", "gnutls", _GNUTLS_BUILD),
    *from_source("public logs of curl on macOS", "secure-transport", _SECURE_TRANSPORT),
    *from_source("wget 1.21, run on loopback; its src/openssl.c", "wget", _WGET),
)
