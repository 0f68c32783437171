"""Texts of Python's ssl module and of the HTTP clients upon it.

Source: CPython 3.8 to 3.13 with OpenSSL 3.0, run on loopback; requests, urllib3, httpx and aiohttp
as their exceptions print them.
"""

from __future__ import annotations

from lab.diagnosis.error_texts.known_text import (
    AFTER,
    CLIENT,
    HANDSHAKE,
    SENT,
    KnownText,
    each,
    from_source,
)
from lab.diagnosis.error_texts.tables.openssl_texts import ENDED, PEER_REFUSED

_EOF = KnownText(
    "",
    says="the other end closed TCP without close_notify; that names no cause",
    causes=ENDED,
)
_RESET = KnownText(
    "",
    says="the other end, or a device in between, reset TCP; that names no cause",
    causes=ENDED,
    general=True,
    in_context=True,
)
_NAME = KnownText(
    "",
    says="the server's certificate has not the host name that the client asked for",
    verify=62,
    direction=SENT,
    role=CLIENT,
    phase=HANDSHAKE,
)

_PYTHON = from_source(
    "CPython 3.8 to 3.13, run on loopback; requests, urllib3, httpx, aiohttp",
    "python",
    (
        *each(
            _EOF,
            "eof occurred in violation of protocol",
            "unexpected_eof_while_reading",
            "tls/ssl connection has been closed (eof)",
            "sslzeroreturnerror",
            "sslsyscallerror",
            "ssl.syscallerror: (-1, 'unexpected eof')",
            "ssleoferror",
        ),
        *each(
            _NAME,
            "hostname mismatch, certificate is not valid for",
            "ip address mismatch, certificate is not valid for",
            "doesn't match either of",
            "ssl.certificateerror: hostname",
            "certificateerror: hostname",
            "certificateerror(hostname * doesn't match",
        ),
        KnownText(
            "no appropriate subjectaltname fields were found",
            says="the server's certificate has no subjectAltName that fits",
            direction=SENT,
            role=CLIENT,
            causes=("server-san-missing", "server-name-mismatch"),
        ),
        KnownText(
            "_ssl.c:#: the handshake operation timed out",
            says="the other end did not finish the handshake in time",
            phase=HANDSHAKE,
            causes=("silence", "no-tls"),
        ),
        KnownText(
            "the handshake operation timed out",
            says="the other end did not finish the handshake in time",
            phase=HANDSHAKE,
            causes=("silence", "no-tls"),
        ),
        KnownText(
            "ssl handshake is taking longer than * seconds",
            "asyncio",
            says="the other end did not finish the handshake in time",
            phase=HANDSHAKE,
            causes=("silence", "no-tls"),
        ),
        KnownText(
            "the read operation timed out",
            says="no answer came in time",
            causes=("silence", "no-answer"),
            in_context=True,
        ),
        _RESET._replace(phrase="connectionreseterror"),
        KnownText(
            "server disconnected without sending a response",
            "httpcore",
            says="the server closed the connection before it answered",
            role=CLIENT,
            phase=AFTER,
            causes=("no-answer", "no-client-certificate", "refused-without-alert"),
        ),
        KnownText(
            "remote end closed connection without response",
            "urllib",
            says="the server closed the connection before it answered",
            role=CLIENT,
            phase=AFTER,
            causes=("no-answer", "no-tls", "refused-without-alert"),
        ),
        KnownText(
            "ssl handshake failed on verifying the certificate",
            "asyncio",
            says="the speaker refused the other end's certificate",
            phase=HANDSHAKE,
            causes=PEER_REFUSED,
            general=True,
        ),
        KnownText(
            "ssl connection is closed",
            "asyncio",
            says="the connection was used after its end",
            causes=("used-after-close", *ENDED),
        ),
        KnownText(
            "connection lost before ssl handshake is complete",
            "asyncio",
            says="the other end closed TCP in mid-handshake; that names no cause",
            phase=HANDSHAKE,
            causes=ENDED,
        ),
        KnownText(
            "ssl handshake was aborted by peer",
            "asyncio",
            phase=HANDSHAKE,
            says="the other end broke off the handshake; that names no cause",
            causes=ENDED,
        ),
        KnownText(
            "could not find a suitable tls ca certificate bundle",
            "requests",
            says="the CA file that is configured is not there",
            role=CLIENT,
            causes=("ca-file-unusable",),
        ),
        KnownText(
            "could not find the tls certificate file",
            "requests",
            says="the client's certificate file is not there",
            role=CLIENT,
            causes=("file-not-loadable",),
        ),
        KnownText(
            "could not find the tls key file",
            "requests",
            says="the client's key file is not there",
            role=CLIENT,
            causes=("file-not-loadable",),
        ),
    ),
)
# The words of the operating systems, which every program prints.
_SYSTEM = from_source(
    "errno(3); WSAECONNRESET of winerror.h; java.net.SocketException",
    "",
    each(
        _RESET,
        "connection reset by peer",
        ": connection reset",
        "software caused connection abort",
        "econnreset",
        "broken pipe",
        "forcibly closed by the remote host",
    ),
)

TEXTS = (*_PYTHON, *_SYSTEM)
