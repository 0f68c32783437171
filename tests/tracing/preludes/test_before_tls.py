"""What is spoken before TLS: dialogues that come off, refusals, and servers that are hostile."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.capture.results import Address
from lab.tls.events import Endpoint, StreamEnd
from lab.tracing.preludes.before_tls import speak_before_tls
from lab.tracing.preludes.prelude_stream import MOST_LINE, MOST_OCTETS, PreludeError
from lab.tracing.preludes.results import PreludeResult
from lab.tracing.route import Route, route_of
from lab.tracing.schemes import StartTls
from lab.tracing.target import parse_target
from tests.support.scripted_wire import ScriptedWire
from tests.support.serving import PATIENCE

V4 = Address("192.0.2.1", 4711), Address("192.0.2.2", 443)
V6 = Address("2001:db8::1", 4711), Address("2001:db8::2", 443)
GREETING = (
    b"\x0a8.0.1\0" + bytes(4) + b"saltsalt\0" + struct.pack("<HBHHB10x", 0xFFFF, 45, 2, 0xFFFF, 21)
)


def packet(payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + b"\0" + payload


def ldap(code: int, words: bytes = b"") -> bytes:
    response = b"\x0a\x01" + bytes((code,)) + b"\x04\0\x04" + bytes((len(words),)) + words
    operation = b"\x78" + bytes((len(response),)) + response
    return b"\x30" + bytes((len(operation) + 3,)) + b"\x02\x01\x01" + operation


def rdp(negotiation: bytes) -> bytes:
    confirm = bytes((6 + len(negotiation), 0xD0)) + bytes(5) + negotiation
    return struct.pack(">BBH", 3, 0, 4 + len(confirm)) + confirm


XMPP = b"<?xml version='1.0'?><stream:stream id='1' version='1.0' xmlns='jabber:client'>"
SMTP = b"220 mail ESMTP\r\n"
CAN = b"250-mail\r\n250-SIZE 1\r\n250 STARTTLS\r\n"
# What a server says, in order; a client waits for the whole of each before it answers.
DIALOGUES: dict[StartTls, tuple[bytes, ...]] = {
    StartTls.SMTP: (b"220-mail\r\n" + SMTP, CAN, b"220 go\r\n"),
    StartTls.LMTP: (SMTP, CAN, b"220 go\r\n"),
    StartTls.FTP: (b"120 soon\r\n", b"220-Hello\r\n any text\r\n220 ftp\r\n", b"234 go\r\n"),
    StartTls.NNTP: (
        b"201 news\r\n",
        b"101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n",
        b"382 go\r\n",
    ),
    StartTls.IMAP: (
        b"* OK [CAPABILITY IMAP4rev1] hi\r\n",
        b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n",
        b"a2 OK go\r\n",
    ),
    StartTls.POP3: (b"+OK hi\r\n", b"+OK list\r\nSTLS\r\n.\r\n", b"+OK go\r\n"),
    StartTls.SIEVE: (b'"IMPLEMENTATION" "x"\r\n"STARTTLS"\r\nOK "hi"\r\n', b"OK go\r\n"),
    StartTls.POSTGRES: (b"S",),
    StartTls.MYSQL: (packet(GREETING),),
    StartTls.LDAP: (ldap(0),),
    StartTls.XMPP: (
        XMPP,
        b"<stream:features><starttls xmlns='x'><required/></starttls></stream:features>",
        b"<proceed xmlns='x'/>",
    ),
    StartTls.RDP: (rdp(struct.pack("<BBHI", 2, 0, 8, 1)),),
}
# What a client of each must have said by then.
SAYS = {
    StartTls.SMTP: b"EHLO [192.0.2.1]\r\nSTARTTLS\r\n",
    StartTls.LMTP: b"LHLO [192.0.2.1]\r\nSTARTTLS\r\n",
    StartTls.FTP: b"AUTH TLS\r\n",
    StartTls.NNTP: b"CAPABILITIES\r\nSTARTTLS\r\n",
    StartTls.IMAP: b"a1 CAPABILITY\r\na2 STARTTLS\r\n",
    StartTls.POP3: b"CAPA\r\nSTLS\r\n",
    StartTls.SIEVE: b"STARTTLS\r\n",
    StartTls.POSTGRES: b"\0\0\0\x08\x04\xd2\x16\x2f",
    StartTls.MYSQL: b"\x20\0\0\x01\x01\x8a\x08\x00",
    StartTls.LDAP: b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037",
    StartTls.XMPP: b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    StartTls.RDP: b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
}
each_protocol = pytest.mark.parametrize("protocol", StartTls)


async def speak(
    wire: ScriptedWire,
    route: Route,
    *,
    server: str = "host.example:443",
    ends: tuple[Address, Address] | None = V4,
    recorder: Recorded | None = None,
) -> tuple[PreludeResult, bytes]:
    target = parse_target(server)
    return await speak_before_tls(
        wire, route, target, name="host.example", ends=ends, limit=PATIENCE, recorder=recorder
    )


class Recorded:
    """Takes what passes."""

    def __init__(self) -> None:
        self.steps: list[tuple[Endpoint, bytes]] = []

    def sent(self, sender: Endpoint, data: bytes, time: float) -> None:
        self.steps.append((sender, data))

    def ended(self, sender: Endpoint, end: StreamEnd, time: float) -> None: ...

    def learned(self, key_log: str) -> None: ...

    def closed(self) -> None: ...


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@each_protocol
async def test_a_dialogue_comes_off_and_leaves_nothing(protocol: StartTls) -> None:
    wire, recorded = ScriptedWire(DIALOGUES[protocol]), Recorded()
    result, rest = await speak(wire, Route(starttls=protocol), recorder=recorded)
    assert rest == b""
    assert SAYS[protocol] in wire.sent
    assert result.greeting == (GREETING if protocol is StartTls.MYSQL else b"")
    passed = {sender: b"" for sender in Endpoint}
    for sender, data in recorded.steps:
        passed[sender] += data
    assert passed == {Endpoint.CLIENT: wire.sent, Endpoint.SERVER: b"".join(DIALOGUES[protocol])}


@each_protocol
async def test_it_comes_off_however_it_is_cut_into_pieces(protocol: StartTls) -> None:
    wire = ScriptedWire(bytewise(b"".join(DIALOGUES[protocol])))
    await speak(wire, Route(starttls=protocol))
    assert SAYS[protocol] in wire.sent


@each_protocol
async def test_bytes_in_the_clear_behind_the_go_ahead_are_reported(protocol: StartTls) -> None:
    *before, last = DIALOGUES[protocol]
    wire = ScriptedWire([*before, last + b"250 injected\x1b\r\n"])
    with pytest.raises(PreludeError) as caught:
        await speak(wire, Route(starttls=protocol))
    message = str(caught.value)
    assert "16 bytes came in the clear behind its go-ahead" in message or "15 bytes" in message
    assert "\\x1b" in message and message.isprintable()


@each_protocol
@pytest.mark.parametrize("resets", [False, True])
async def test_an_end_in_the_midst_is_told_with_what_was_waited_for(
    protocol: StartTls, resets: bool
) -> None:
    whole = b"".join(DIALOGUES[protocol])
    for cut in {0, len(whole) // 2, len(whole) - 1}:
        wire = ScriptedWire([whole[:cut]], resets=resets)
        with pytest.raises(PreludeError) as caught:
            await speak(wire, Route(starttls=protocol))
        how = "reset" if resets else "closed"
        assert f"the server {how} the connection: no " in caught.value.problem
        assert caught.value.step == f"STARTTLS ({protocol.value})"


REFUSALS: list[tuple[StartTls, tuple[bytes, ...], str]] = [
    (StartTls.SMTP, (b"554 no\r\n",), 'the server refuses it: "554 no"'),
    (StartTls.SMTP, (SMTP, b"502 what?\r\n"), 'refuses it: "502 what?"'),
    (StartTls.SMTP, (SMTP, b"502 what?\r\n"), "it does not know EHLO"),
    (StartTls.SMTP, (SMTP, b"250-mail\r\n250 SIZE\r\n"), "announces no STARTTLS"),
    (StartTls.SMTP, (SMTP, CAN, b"454 4.7.0 not now\r\n"), "454 4.7.0 not now"),
    (StartTls.SMTP, (b"* OK imap\r\n",), "--starttls imap"),
    (StartTls.SMTP, (b"HTTP/1.1 400 Bad Request\r\n\r\n",), "that is HTTP in the clear"),
    (StartTls.LMTP, (b"\x15\x03\x01\0\x02\x02\x46\n",), "leave out --starttls"),
    (StartTls.FTP, (b"220 ftp\r\n", b"530 log in first\r\n"), "530 log in first"),
    (StartTls.FTP, (b"421 too many\r\n",), "421 too many"),
    (StartTls.NNTP, (b"400 gone\r\n",), "400 gone"),
    (StartTls.NNTP, (b"200 hi\r\n", b"101 \r\nREADER\r\n.\r\n"), "announces no STARTTLS"),
    (StartTls.NNTP, (b"200 hi\r\n", b"500 what?\r\n", b"500 what?\r\n"), "500 what?"),
    (StartTls.NNTP, (b"200 hi\r\n", b"101 \r\nSTARTTLS\r\n.\r\n", b"580 no\r\n"), "580 no"),
    (StartTls.IMAP, (b"* BYE too many\r\n",), "* BYE too many"),
    (StartTls.IMAP, (b"* PREAUTH hi\r\n",), "has logged the client in already"),
    (StartTls.IMAP, (b"* OK hi\r\n", b"* CAPABILITY X\r\na1 OK\r\n"), "announces no STARTTLS"),
    (StartTls.IMAP, (*DIALOGUES[StartTls.IMAP][:2], b"a2 NO not now\r\n"), "a2 NO not now"),
    (StartTls.IMAP, (*DIALOGUES[StartTls.IMAP][:2], b"a2 BAD what?\r\n"), "a2 BAD what?"),
    (StartTls.IMAP, (*DIALOGUES[StartTls.IMAP][:2], b"* BYE\r\n"), "* BYE"),
    (StartTls.IMAP, (b"+OK pop\r\n",), "--starttls pop3"),
    (StartTls.POP3, (b"-ERR busy\r\n",), "-ERR busy"),
    (StartTls.POP3, (b"+OK hi\r\n", b"+OK\r\nUSER\r\n.\r\n"), "announces no STLS"),
    (StartTls.POP3, (b"+OK hi\r\n", b"-ERR ?\r\n", b"-ERR no\r\n"), "-ERR no"),
    (StartTls.SIEVE, (b'"SIEVE" "x"\r\nOK\r\n',), "announces no STARTTLS"),
    (StartTls.SIEVE, (DIALOGUES[StartTls.SIEVE][0], b'NO "not now"\r\n'), "not now"),
    (StartTls.SIEVE, (b'BYE "gone"\r\n',), "gone"),
    (StartTls.POSTGRES, (b"N",), "set ssl = on in postgresql.conf"),
    (
        StartTls.POSTGRES,
        (b"E\0\0\0\x1dSFATAL\0C53300\0Mtoo many\0\0"[:30],),
        'refuses it: "FATAL 53300 too many"',
    ),
    (StartTls.POSTGRES, (b"EFATAL: too old\n\0",), "FATAL: too old"),
    (StartTls.POSTGRES, (b"HTTP/1.1 400 Bad Request\r\n",), "that is HTTP"),
    (StartTls.MYSQL, (packet(b"\xff\x10\x04Too many connections"),), "error 1040: Too many"),
    (StartTls.MYSQL, (packet(GREETING.replace(b"\xff\xff\x2d", b"\xff\xf7\x2d")),), "CLIENT_SSL"),
    (StartTls.MYSQL, (packet(b"\x09old\0"),), "no greeting"),
    (StartTls.MYSQL, (b"220 mail ESMTP\r\n",), "--starttls smtp"),
    (StartTls.LDAP, (ldap(2, b"unsupported extended operation"),), "protocolError (2) unsupported"),
    (StartTls.LDAP, (ldap(52),), "unavailable (52)"),
    (StartTls.LDAP, (b"\x30\x84\0\0\0\x03abc",), "no answer to StartTLS"),
    (StartTls.XMPP, (XMPP + b"<stream:features/>",), "announces no <starttls/>"),
    (
        StartTls.XMPP,
        (XMPP + b"<stream:error><host-unknown/></stream:error>",),
        "it was asked for host.example",
    ),
    (StartTls.XMPP, (*DIALOGUES[StartTls.XMPP][:2], b"<failure xmlns='x'/>"), "<failure xmlns"),
    (StartTls.XMPP, (b"hello\r\n",), "no list of its features"),
    (StartTls.RDP, (rdp(b""),), "RDP's own security only"),
    (StartTls.RDP, (rdp(struct.pack("<BBHI", 3, 0, 8, 2)),), "SSL_NOT_ALLOWED_BY_SERVER (2)"),
    (StartTls.RDP, (rdp(struct.pack("<BBHI", 2, 0, 8, 0)),), "without TLS"),
]


@pytest.mark.parametrize(("protocol", "chunks", "says"), REFUSALS)
async def test_a_refusal_is_told_with_what_was_seen_and_what_to_do(
    protocol: StartTls, chunks: tuple[bytes, ...], says: str
) -> None:
    with pytest.raises(PreludeError) as caught:
        await speak(ScriptedWire(chunks), Route(starttls=protocol))
    message = str(caught.value)
    assert says in message and message.isprintable()
    assert caught.value.problem and caught.value.remedy


@each_protocol
@given(data=st.data())
async def test_no_bytes_of_a_server_lead_to_another_error(
    protocol: StartTls, data: st.DataObject
) -> None:
    whole = b"".join(DIALOGUES[protocol])
    at = data.draw(st.integers(0, len(whole)))
    noise = data.draw(st.binary(max_size=80))
    skipped = data.draw(st.integers(0, 10))
    wire = ScriptedWire([whole[:at], noise + whole[at + skipped :]])
    try:
        await speak(wire, Route(starttls=protocol))
    except PreludeError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize("proxy", ["http://al:pw@p:1", "socks5://al:pw@p:1"])
@given(
    start=st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"\5\2\1\0\5"]),
    noise=st.binary(max_size=80),
)
async def test_no_bytes_of_a_proxy_lead_to_another_error(
    proxy: str, start: bytes, noise: bytes
) -> None:
    try:
        await speak(ScriptedWire([start + noise]), route(proxy=proxy))
    except PreludeError as error:
        assert str(error).isprintable()


async def test_an_element_of_xmpp_may_have_any_prefix_and_come_in_pieces() -> None:
    offer = b"<s:features><x:starttls xmlns:x='urn'></x:starttls></s:features>"
    wire = ScriptedWire([*bytewise(XMPP + offer), b"<a:proceed xmlns:a='urn'></a:proceed>"])
    await speak(wire, Route(starttls=StartTls.XMPP))


@each_protocol
async def test_a_flood_is_cut_off(protocol: StartTls) -> None:
    for piece in (b"x" * 4096, b"220-x\r\n" * 100, b"* x\r\n" * 100, b"<x>" * 100, b"\0" * 4096):
        wire = ScriptedWire([piece] * 1000)
        with pytest.raises(PreludeError):
            await speak(wire, Route(starttls=protocol))
        left = len([chunk for chunk in iter(wire._chunks) if chunk])
        assert (1000 - left) * len(piece) <= MOST_OCTETS + MOST_LINE + 2 * len(piece)


async def test_a_server_that_never_answers_is_given_up() -> None:
    class Silent(ScriptedWire):
        async def receive(self) -> bytes:
            raise TimeoutError  # as ``within`` does

    with pytest.raises(PreludeError, match=r"no greeting \(220\) within 20 s; check the port"):
        await speak(Silent([]), Route(starttls=StartTls.SMTP))


# --- Proxies


def route(**how: str) -> Route:
    return route_of(**how)


async def test_connect_asks_for_the_server_by_name_and_leaves_what_it_says_first() -> None:
    wire = ScriptedWire([b"HTTP/1.1 200 Connection established\r\n\r\n220 mail"])
    _, rest = await speak(wire, route(proxy="http://proxy:3128"))
    assert wire.sent == b"CONNECT host.example:443 HTTP/1.1\r\nHost: host.example:443\r\n\r\n"
    assert rest == b"220 mail"


async def test_the_layers_compose_in_their_order() -> None:
    answer = b"HTTP/1.1 200 ok\r\n\r\n" + SMTP
    wire = ScriptedWire([answer, *DIALOGUES[StartTls.SMTP][1:]])
    how = route(proxy="http://al:s3cret@proxy:1", proxy_protocol="v1", starttls="smtp")
    recorded = Recorded()
    assert await speak(wire, how, recorder=recorded) == (PreludeResult(), b"")
    connect, header, hello = wire.sent.partition(b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n")
    assert b"Proxy-Authorization: Basic YWw6czNjcmV0\r\n" in connect and header
    assert hello == b"EHLO [192.0.2.1]\r\nSTARTTLS\r\n"
    whole = b"".join(data for _, data in recorded.steps)
    assert b"Basic ************\r\n" in whole and b"YWw6czNjcmV0" not in whole
    assert b"".join(data for sender, data in recorded.steps if sender is Endpoint.SERVER) == (
        answer + b"".join(DIALOGUES[StartTls.SMTP][1:])
    )


@pytest.mark.parametrize(
    ("proxy", "answer", "says"),
    [
        (
            "http://proxy:1",
            b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
            "407 Auth to CONNECT host.example:443; it wants a name and a password",
        ),
        ("http://al:s3cret@proxy:1", b"HTTP/1.1 407 \r\n\r\n", "not take the password of al"),
        (
            "http://al:s3cret@proxy:1",
            b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: NTLM\r\n\r\n",
            "it takes NTLM, and this client has Basic only",
        ),
        (
            "http://proxy:1",
            b'HTTP/1.1 407 Auth\r\nProxy-Authenticate: Negotiate, Basic realm="x"\r\n\r\n',
            "it wants a name and a password",
        ),
        ("http://proxy:1", b"HTTP/1.1 511 Log in\r\n\r\n", "captive portal"),
        ("http://proxy:1", b"HTTP/1.1 302 Found\r\n\r\n", "captive portal"),
        ("http://proxy:1", b"HTTP/1.1 400 Bad\r\n\r\n", "may be no proxy for CONNECT"),
        ("http://proxy:1", b"HTTP/1.1 200", "the proxy's log"),
        ("http://proxy:1", b"\x15\x03\x01\0\x02\x02\x46", "the proxy speaks TLS itself"),
        ("socks5://proxy:1", b"x", "check the port, and the proxy's log"),
        ("http://proxy:1", b"HTTP/1.1 403 N\xf6\r\n\r\n", "answers 403 Nö to CONNECT"),
        ("http://proxy:1", b"HTTP/1.1 403 Forbidden\r\n\r\n", "let the proxy allow CONNECT"),
        ("http://proxy:1", b"HTTP/1.1 503 Down\r\n\r\n", "it does not reach the server"),
        ("http://proxy:1", b"HTTP/1.0 405 What\r\n\r\n", "no proxy for CONNECT"),
        ("http://proxy:1", b"HTTP/1.1 301 Moved\r\n\r\n", "the proxy answers 301 Moved"),
        (
            "http://proxy:1",
            b"HTTP/1.1 200",
            "the proxy closed the connection: no answer to CONNECT",
        ),
        ("http://proxy:1", b"SSH-2.0-x\r\n\r\n", "no HTTP"),
        ("http://proxy:1", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9999, "no HTTP"),
        ("socks5://proxy:1", b"\x05\xff", "it may want a password"),
        ("socks5://al:s3cret@proxy:1", b"\x05\xff", "use another proxy"),
        ("socks5://al:s3cret@proxy:1", b"\x05\x02\x01\x01", "not take the password of al"),
        ("socks5://proxy:1", b"\x05\0\x05\x05\0\x01", "connection refused (5)"),
        ("socks5://proxy:1", b"\x05\0\x05\x63\0\x01", "a reply that has no name (99)"),
        ("socks5://proxy:1", b"\x05\0\x05\0\0\x07", "no SOCKS 5"),
        ("socks5://proxy:1", b"HTTP/1.1 400 Bad\r\n", "no SOCKS 5"),
    ],
)
async def test_a_proxy_that_refuses_is_told_without_the_password(
    proxy: str, answer: bytes, says: str
) -> None:
    with pytest.raises(PreludeError) as caught:
        await speak(ScriptedWire([answer]), route(proxy=proxy))
    message = str(caught.value)
    assert says in message and message.isprintable()
    assert message.startswith("proxy proxy:1: ") and "s3cret" not in message


@pytest.mark.parametrize(
    ("before", "chunks", "hinted"),
    [
        (Route(), (), True),
        (route(proxy="http://proxy:1"), (b"HTTP/1.1 200 OK\r\n\r\n",), True),
        (route(proxy_protocol="v1"), (), False),
        (Route(), (b"220 hi\r\n",), False),
        (route(proxy="http://proxy:1"), (), False),
    ],
)
async def test_who_says_nothing_may_want_the_header_of_the_proxy_protocol(
    before: Route, chunks: tuple[bytes, ...], hinted: bool
) -> None:
    with pytest.raises(PreludeError) as caught:
        await speak(ScriptedWire(chunks), replace(before, starttls=StartTls.SMTP))
    assert ("--proxy-protocol" in str(caught.value)) is hinted
    by_proxy = before.proxy is not None and chunks != ()
    assert ("the server, or the proxy in front of it, closed" in str(caught.value)) is by_proxy


@pytest.mark.parametrize(
    ("server", "asked"),
    [
        ("host.example:443", b"\x03\x0chost.example\x01\xbb"),
        ("ñandú.example:1", b"\x03\x15xn--and-6ma2c.example\0\x01"),
        ("192.0.2.7:1", b"\x01\xc0\0\x02\x07\0\x01"),
        ("[2001:db8::7]:1", b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x07\0\x01"),
    ],
)
@pytest.mark.parametrize("bound", [b"\x01" + bytes(6), b"\x04" + bytes(18), b"\x03\x01x\0\0"])
async def test_socks_asks_for_a_name_or_an_address(server: str, asked: bytes, bound: bytes) -> None:
    answers = b"\x05\x02" + b"\x01\0" + b"\x05\0\0" + bound
    wire = ScriptedWire([answers + b"first"])
    _, rest = await speak(wire, route(proxy="socks5://al:s3cret@proxy:1"), server=server)
    assert wire.sent == b"\x05\x02\0\x02" + b"\x01\x02al\x06s3cret" + b"\x05\x01\0" + asked
    assert rest == b"first"


@pytest.mark.parametrize(
    ("version", "ends", "header"),
    [
        ("v1", V4, b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n"),
        ("v1", V6, b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n"),
        ("v1", None, b"PROXY UNKNOWN\r\n"),
        (
            "v2",
            V4,
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x12\x67\x01\xbb",
        ),
        (
            "v2",
            V6,
            b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\x01\x0d\xb8"
            + bytes(11)
            + b"\x01\x20\x01\x0d\xb8"
            + bytes(11)
            + b"\x02\x12\x67\x01\xbb",
        ),
        ("v2", None, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
    ],
)
async def test_the_header_of_the_proxy_protocol(
    version: str, ends: tuple[Address, Address] | None, header: bytes
) -> None:
    wire = ScriptedWire([])
    assert await speak(wire, route(proxy_protocol=version), ends=ends) == (PreludeResult(), b"")
    assert wire.sent == header
