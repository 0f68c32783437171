from __future__ import annotations

import pytest

from lab.tls.events import Protocol
from lab.tls.sniff import looks_like_tls, sniff


@pytest.mark.parametrize("first", [b"\x16", b"\x16\x03", b"\x15\x03\x03", b"\x14\x03", b"\x17\x03"])
def test_tls(first: bytes) -> None:
    assert looks_like_tls(first)


@pytest.mark.parametrize(
    ("first", "protocol"),
    [
        (b"GET / HTTP/1.1", Protocol.HTTP),
        (b"GET /", Protocol.HTTP),
        (b"POST ", Protocol.HTTP),
        (b"OPTIO", Protocol.HTTP),
        (b"DELETE /x", Protocol.HTTP),
        (b"HTTP/1.1 400 Bad Request", Protocol.HTTP),
        (b"PRI * HTTP/2.0", Protocol.HTTP),
        (b"\x80\x2e\x01\x03\x01\x00\x15", Protocol.SSLV2),
        (b"\x80\x2e\x01\x00\x02", Protocol.SSLV2),
        (b"\x80\x2e\x01\x00\x03", Protocol.UNKNOWN),
        (b"\x80\x2e\x02\x03\x01", Protocol.UNKNOWN),
        (b"\x80\x2e\x01", Protocol.UNKNOWN),
        (b"<!DOCTYPE HTML>", Protocol.HTTP),
        (b"<html", Protocol.HTTP),
        (b"<HEAD>", Protocol.HTTP),
        (b"<?xml", Protocol.UNKNOWN),
        (b"220 mail.example ESMTP", Protocol.SMTP_OR_FTP),
        (b"220-w", Protocol.SMTP_OR_FTP),
        (b"2200 ", Protocol.UNKNOWN),
        (b"+OK ready", Protocol.POP3),
        (b"* OK [CAPABILITY IMAP4rev1]", Protocol.IMAP),
        (b"SSH-2.0-OpenSSH_9.2", Protocol.SSH),
        (b"GETAWAY", Protocol.UNKNOWN),
        (b"\x16\xfe\xfd\x00\x00", Protocol.UNKNOWN),
        (b"\x18\x03\x03", Protocol.UNKNOWN),
        (b"\x00", Protocol.UNKNOWN),
    ],
)
def test_not_tls(first: bytes, protocol: Protocol) -> None:
    assert not looks_like_tls(first)
    assert sniff(first) is protocol
