"""The first bytes of a direction: TLS, or what else they look like.

This module must not know anything that comes after them.
"""

from __future__ import annotations

from lab.tls.events import Protocol

ENOUGH = 5
"""How many bytes settle the question, as many as a record's header has."""

_HTTP = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ")
_HTTP_STARTS = tuple(start[:ENOUGH] for start in (*_HTTP, b"PATCH ", b"PRI * ", b"HTTP/"))
# What an HTTP/0.9 response begins with, which has no head: some servers answer in it what they
# cannot read. In lower case.
_HTML_STARTS = tuple(start[:ENOUGH] for start in (b"<!doctype", b"<html", b"<head"))
# How servers greet that speak first: RFC 5321 section 4.2 and RFC 959 section 4.2, RFC 1939
# section 4, RFC 3501 section 7.1, RFC 4253 section 4.2.
_GREETINGS = (
    (b"220 ", Protocol.SMTP_OR_FTP),
    (b"220-", Protocol.SMTP_OR_FTP),
    (b"+OK ", Protocol.POP3),
    (b"* OK ", Protocol.IMAP),
    (b"SSH-", Protocol.SSH),
)


def looks_like_tls(first: bytes) -> bool:
    """Return whether a TLS record may begin with ``first``, which may be short.

    A record begins with its type, 20 to 23, and a version of 3.x (RFC 9846 section 5.1).
    """
    return 20 <= first[0] <= 23 and first[1:2] in (b"", b"\x03")


def sniff(first: bytes) -> Protocol:
    """Return what ``first``, which is not the start of a TLS record, looks like."""
    if first.startswith(_HTTP_STARTS) or first[:ENOUGH].lower().startswith(_HTML_STARTS):
        return Protocol.HTTP
    for greeting, protocol in _GREETINGS:
        if first.startswith(greeting):
            return protocol
    # RFC 5246 appendix E.2: two bytes of length with the top bit set, the message type
    # client_hello, and the version that is asked for.
    hello = len(first) >= ENOUGH and first[0] & 0x80 and first[2] == 1
    if hello and (first[3] == 3 or first[3:5] == b"\x00\x02"):
        return Protocol.SSLV2
    return Protocol.UNKNOWN
