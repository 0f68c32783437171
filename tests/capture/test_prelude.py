from __future__ import annotations

import random

import pytest

from lab.capture.prelude import MAX_PRELUDE, POSTGRESQL_DECLINED
from lab.capture.results import FlowClosed
from lab.tls.events import Endpoint
from tests.capture.building import (
    CLIENT_HELLO,
    SERVER_HELLO,
    Conversation,
    Frame,
    items_of,
    record,
    streams,
    told,
)

CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER
DATA = record(23, bytes(45))

SSLV2_HELLO = b"\x80\x1c\1\3\1\0\3\0\0\0\x10\0\0\x2f" + bytes(16)
MYSQL_GREETING = b"\x4a\0\0\0\x0a8.0.36\0" + bytes(66)
MYSQL_REQUEST = b"\x20\0\0\x01\x85\xae\xff\x19" + bytes(28)
POSTGRESQL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"
GSSENC_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x30"
LDAP_REQUEST = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
LDAP_RESPONSE = b"\x30\x24\x02\x01\x01\x78\x1f\x0a\x01\0\x04\0\x04\0\x8a\x161.3.6.1.4.1.1466.20037"
RDP_REQUEST = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x0b\0\0\0"
RDP_CONFIRM = b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\x1f\x08\0\x02\0\0\0"
PROXY_1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n"
PROXY_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)
CONNECT = b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"
OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"
STREAM = b"<?xml version='1.0'?><stream:stream to='example.org' xmlns='jabber:client'>"

SMTP = [
    (SERVER, b"220 mail.example.org ESMTP\r\n"),
    (CLIENT, b"EHLO client\r\n"),
    (SERVER, b"250-mail.example.org\r\n250 STARTTLS\r\n"),
    (CLIENT, b"STARTTLS\r\n"),
    (SERVER, b"220 2.0.0 Ready to start TLS\r\n"),
]
IMAP = [
    (SERVER, b"* OK IMAP4rev1 ready\r\n"),
    (CLIENT, b"a1 CAPABILITY\r\n"),
    (SERVER, b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK\r\n"),
    (CLIENT, b"a2 STARTTLS\r\n"),
    (SERVER, b"a2 OK Begin TLS\r\n"),
]
POSTGRESQL = [(CLIENT, POSTGRESQL_REQUEST), (SERVER, b"S")]
SOCKS5 = [
    (CLIENT, b"\x05\x02\0\x02"),
    (SERVER, b"\x05\0"),
    (CLIENT, b"\x05\x01\0\x03\x0bexample.org\x01\xbb"),
    (SERVER, b"\x05\0\0\x01" + bytes(6)),
]
SOCKS5_WITH_PASSWORD = [
    (CLIENT, b"\x05\x01\x02"),
    (SERVER, b"\x05\x02"),
    (CLIENT, b"\x01\x04user\x06secret"),
    (SERVER, b"\x01\0"),
    *SOCKS5[2:],
]
Said = list[tuple[Endpoint, bytes]]
PRELUDES: dict[str, tuple[Said, str]] = {
    "nothing": ([], ""),
    "SMTP": (SMTP, "SMTP STARTTLS"),
    "LMTP": ([*SMTP[:1], (CLIENT, b"LHLO client\r\n"), *SMTP[2:]], "LMTP STARTTLS"),
    "IMAP": (IMAP, "IMAP STARTTLS"),
    "POP3": (
        [(SERVER, b"+OK ready\r\n"), (CLIENT, b"STLS\r\n"), (SERVER, b"+OK begin\r\n")],
        "POP3 STLS",
    ),
    "FTP": (
        [(SERVER, b"220 FTP\r\n"), (CLIENT, b"AUTH TLS\r\n"), (SERVER, b"234 go on\r\n")],
        "FTP AUTH TLS",
    ),
    "NNTP": (
        [(SERVER, b"200 news\r\n"), (CLIENT, b"STARTTLS\r\n"), (SERVER, b"382 go on\r\n")],
        "NNTP STARTTLS",
    ),
    "IRC": (
        [
            (CLIENT, b"STARTTLS\r\n"),
            (SERVER, b":irc.example.org 670 nick :STARTTLS successful\r\n"),
        ],
        "IRC STARTTLS",
    ),
    "ManageSieve": (
        [
            (SERVER, b'"IMPLEMENTATION" "Dovecot"\r\n"STARTTLS"\r\nOK\r\n'),
            (CLIENT, b"STARTTLS\r\n"),
            (SERVER, b"OK\r\n"),
        ],
        "ManageSieve STARTTLS",
    ),
    "XMPP": (
        [
            (CLIENT, STREAM),
            (SERVER, STREAM + b"<stream:features><starttls/></stream:features>"),
            (CLIENT, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            (SERVER, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        ],
        "XMPP STARTTLS",
    ),
    "LDAP": ([(CLIENT, LDAP_REQUEST), (SERVER, LDAP_RESPONSE)], "LDAP StartTLS"),
    "MySQL": ([(SERVER, MYSQL_GREETING), (CLIENT, MYSQL_REQUEST)], "MySQL"),
    "PostgreSQL": (POSTGRESQL, "PostgreSQL SSLRequest"),
    "PostgreSQL with GSSAPI": (
        [(CLIENT, GSSENC_REQUEST), (SERVER, b"N"), *POSTGRESQL],
        "PostgreSQL SSLRequest",
    ),
    "RDP": ([(CLIENT, RDP_REQUEST), (SERVER, RDP_CONFIRM)], "RDP"),
    "CONNECT": ([(CLIENT, CONNECT), (SERVER, OPEN)], "HTTP CONNECT"),
    "CONNECT with a password": (
        [
            (CLIENT, CONNECT),
            (SERVER, b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno"),
            (CLIENT, CONNECT),
            (SERVER, OPEN),
        ],
        "HTTP CONNECT",
    ),
    "HTTP Upgrade": (
        [
            (CLIENT, b"OPTIONS * HTTP/1.1\r\nUpgrade: TLS/1.2\r\nConnection: Upgrade\r\n\r\n"),
            (SERVER, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        ],
        "HTTP Upgrade",
    ),
    "SOCKS4": (
        [(CLIENT, b"\x04\x01\x01\xbb\xc0\0\x02\x01user\0"), (SERVER, b"\0\x5a" + bytes(6))],
        "SOCKS4",
    ),
    "SOCKS5": (SOCKS5, "SOCKS5"),
    "SOCKS5 with a password": (SOCKS5_WITH_PASSWORD, "SOCKS5"),
    "PROXY 1": ([(CLIENT, PROXY_1)], "PROXY protocol"),
    "PROXY 2": ([(CLIENT, PROXY_2)], "PROXY protocol"),
    "PROXY and SMTP": ([(CLIENT, PROXY_1), *SMTP], "PROXY protocol, SMTP STARTTLS"),
    "PROXY and PostgreSQL": (
        [(CLIENT, PROXY_2 + POSTGRESQL_REQUEST), (SERVER, b"S")],
        "PROXY protocol, PostgreSQL SSLRequest",
    ),
    "PROXY twice": ([(CLIENT, PROXY_1 + PROXY_2)], "PROXY protocol"),
    "CONNECT and IMAP": (
        [(CLIENT, CONNECT), (SERVER, OPEN), *IMAP],
        "HTTP CONNECT, IMAP STARTTLS",
    ),
    "SOCKS5 and SMTP": ([*SOCKS5, *SMTP], "SOCKS5, SMTP STARTTLS"),
    "PROXY and CONNECT": (
        [(CLIENT, PROXY_1 + CONNECT), (SERVER, OPEN)],
        "PROXY protocol, HTTP CONNECT",
    ),
    "something unknown": ([(CLIENT, b"let us\n"), (SERVER, b"yes\n")], ""),
}


def spoken(said: Said, cut: int = 10**6, port: int = 443) -> Conversation:
    conversation = Conversation(server=("10.0.0.2", port)).open()
    for sender, data in said:
        for at in range(0, len(data), cut):
            conversation.packet(sender, data=data[at : at + cut])
    return conversation


@pytest.mark.parametrize(("said", "name"), PRELUDES.values(), ids=PRELUDES)
@pytest.mark.parametrize("cut", [10**6, 1])
def test_what_comes_before_tls_is_passed_over_and_named(said: Said, name: str, cut: int) -> None:
    tls = [(CLIENT, CLIENT_HELLO), (SERVER, SERVER_HELLO), (CLIENT, DATA)]
    items = items_of(spoken([*said, *tls], cut, port=2000).close().frames)
    assert streams(items) == {(1, CLIENT): CLIENT_HELLO + DATA, (1, SERVER): SERVER_HELLO}
    closed = items[-1]
    assert isinstance(closed, FlowClosed)
    assert closed.flow.prelude == name


@pytest.mark.parametrize(
    "header",
    [PROXY_1, PROXY_2, PROXY_1 + PROXY_2, MYSQL_REQUEST],
    ids=["PROXY 1", "PROXY 2", "both", "MySQL"],
)
def test_tls_in_one_segment_with_what_nobody_answers(header: bytes) -> None:
    conversation = spoken([(CLIENT, header + CLIENT_HELLO), (SERVER, SERVER_HELLO)])
    assert told(items_of(conversation.close().frames))[:2] == ["client 50", "server 50"]


@pytest.mark.parametrize("cut", [10**6, 20, 6])
@pytest.mark.parametrize("answer", [b"", SERVER_HELLO])
def test_a_hello_in_the_form_of_ssl_2_begins_tls(answer: bytes, cut: int) -> None:
    said = [(CLIENT, SSLV2_HELLO), *([(SERVER, answer)] if answer else [])]
    items = items_of(spoken(said, cut).close().frames)
    assert streams(items) == {(1, CLIENT): SSLV2_HELLO} | ({(1, SERVER): answer} if answer else {})


@pytest.mark.parametrize("reply", [b"", OPEN])
def test_a_client_that_does_not_wait_for_its_proxy(reply: bytes) -> None:
    said = [(CLIENT, CONNECT + CLIENT_HELLO), (SERVER, reply + SERVER_HELLO), (CLIENT, DATA)]
    items = items_of(spoken(said).close().frames)
    assert streams(items) == {(1, CLIENT): CLIENT_HELLO + DATA, (1, SERVER): SERVER_HELLO}


def test_a_greeting_that_no_client_heard_is_what_the_server_says_to_tls() -> None:
    for said in ([SMTP[0], (CLIENT, CLIENT_HELLO)], [(CLIENT, CLIENT_HELLO), SMTP[0]]):
        items = items_of(spoken([*said, (SERVER, b"500 what?\r\n")]).close().frames)
        assert streams(items)[1, SERVER] == SMTP[0][1] + b"500 what?\r\n"
        assert isinstance(items[-1], FlowClosed) and items[-1].flow.prelude == ""


def test_a_server_that_answers_plain_text_with_tls() -> None:
    alert = record(21, b"\2\x46")
    request = b"GET / HTTP/1.1\r\n\r\n"
    items = items_of(spoken([(CLIENT, request), (SERVER, alert)]).close().frames)
    assert streams(items) == {(1, CLIENT): request, (1, SERVER): alert}
    assert isinstance(items[-1], FlowClosed) and items[-1].tls


NO_TLS: dict[str, tuple[Said, str]] = {
    "nothing": ([], ""),
    "HTTP": (
        [(CLIENT, b"GET / HTTP/1.1\r\n\r\n"), (SERVER, b"HTTP/1.1 200 OK\r\n\r\n")],
        "plain HTTP",
    ),
    "SSH": ([(SERVER, b"SSH-2.0-x\r\n"), (CLIENT, b"SSH-2.0-y\r\n")], "SSH"),
    "SMTP without TLS": (SMTP[:3], "SMTP or FTP"),
    "PostgreSQL, declined": (
        [(CLIENT, POSTGRESQL_REQUEST), (SERVER, b"N"), (CLIENT, b"\0\0\0\x08\0\3\0\0")],
        POSTGRESQL_DECLINED,
    ),
    "PostgreSQL, declined and closed": (
        [(CLIENT, POSTGRESQL_REQUEST), (SERVER, b"N")],
        POSTGRESQL_DECLINED,
    ),
    "SSL 2": (
        [(CLIENT, SSLV2_HELLO[:3] + b"\0\2" + SSLV2_HELLO[5:]), (SERVER, bytes(90))],
        "an SSLv2-style hello",
    ),
    "unknown": ([(CLIENT, b"\x01\x02\x03"), (SERVER, b"\x04")], ""),
    "a download of something that begins like TLS": (
        [
            (CLIENT, b"GET /capture HTTP/1.1\r\n\r\n"),
            (SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
            (SERVER, CLIENT_HELLO),
            (SERVER, SERVER_HELLO),
        ],
        "plain HTTP",
    ),
    "an upload of something that begins like TLS": (
        [(CLIENT, b"PUT /capture HTTP/1.1\r\n\r\n"), (CLIENT, CLIENT_HELLO)],
        "plain HTTP",
    ),
    "records that no hello is in, after text": (
        [(CLIENT, b"hello\n"), (SERVER, b"hi\n"), (CLIENT, DATA)],
        "",
    ),
}


@pytest.mark.parametrize(("said", "other"), NO_TLS.values(), ids=NO_TLS)
def test_connections_without_tls_are_named_if_they_are_known(said: Said, other: str) -> None:
    items = items_of(spoken(said).close().frames)
    assert told(items) == [f"closed {other}".rstrip()]
    assert isinstance(items[0], FlowClosed) and not items[0].tls


@pytest.mark.parametrize(
    "damaged",
    [
        b"\x16\x03\x05" + CLIENT_HELLO[3:],
        b"\x16\x02\x01" + CLIENT_HELLO[3:],
        CLIENT_HELLO[:3] + b"\xff\xff" + CLIENT_HELLO[5:],
        CLIENT_HELLO[:5] + b"\x03" + CLIENT_HELLO[6:],
        CLIENT_HELLO[:8] + b"\x04" + CLIENT_HELLO[9:],
        CLIENT_HELLO[:9] + b"\x7f" + CLIENT_HELLO[10:],
    ],
)
def test_what_only_resembles_a_hello_is_none(damaged: bytes) -> None:
    said = [*SMTP, (CLIENT, damaged), (SERVER, b"500\r\n")]
    assert told(items_of(spoken(said).close().frames)) == ["closed SMTP or FTP"]


def test_tls_is_looked_for_within_bounds() -> None:
    rng = random.Random(1)
    said: Said = []
    while sum(len(data) for _, data in said) <= MAX_PRELUDE:
        said += [(CLIENT, b"x" + rng.randbytes(1000)), (SERVER, b"y" + rng.randbytes(1000))]
    said.append((CLIENT, CLIENT_HELLO))
    assert told(items_of(spoken(said[:-3] + said[-1:]).close().frames))[0] == "client 50"
    assert told(items_of(spoken(said).close().frames)) == ["closed"]


@pytest.mark.parametrize("kept", [5, 6, 10, 11, 30])
def test_tls_is_known_by_the_header_that_a_packet_was_cut_behind(kept: int) -> None:
    conversation = spoken([(CLIENT, CLIENT_HELLO), (SERVER, SERVER_HELLO)])
    frames = [
        Frame(frame.data[: 54 + kept], frame.time, len(frame.data)) for frame in conversation.frames
    ]
    rest = f"SNAPPED {50 - kept}"
    expected = [f"client {kept}", f"client {rest}", f"server {kept}", f"server {rest}"]
    assert told(items_of(frames))[:4] == expected
