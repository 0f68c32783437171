from __future__ import annotations

import pytest

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.tls.code_points import AlertDescription
from lab.tls.events import NotTls, Protocol
from tests.support.events import (
    SERVER,
    alert,
    client_hello,
    server_hello,
    stream_ended,
)


@pytest.mark.parametrize(
    ("port", "words"),
    [(5432, "PostgreSQL"), (25, "SMTP"), (1883, "MQTT"), (80, "HTTP"), (8443, None), (None, None)],
)
def test_a_server_that_closes_right_after_the_hello(port: int | None, words: str | None) -> None:
    events = [client_hello(), stream_ended(SERVER)]
    (cause,) = diagnose(events, judge(events), port=port)
    assert cause.code == "refused-without-alert"
    assert "cannot be told" in cause.summary
    hints = [line for line in cause.evidence if line.startswith("port ")]
    assert (f"for {words}" in " ".join(hints)) if words else hints == []


@pytest.mark.parametrize(
    ("port", "words"),
    [(5432, "--starttls postgres"), (8443, "--starttls here"), (80, "--starttls here")],
)
def test_the_command_is_named_that_speaks_first(port: int, words: str) -> None:
    events = [client_hello(), stream_ended(SERVER)]
    (cause,) = diagnose(events, judge(events), port=port)
    assert words in cause.fix


@pytest.mark.parametrize(
    ("sample", "port", "words"),
    [
        (b"220 (vsFTPd 3.0.3)\r\n", None, "--starttls ftp"),
        (b"220 mail LMTP\r\n", 25, "--starttls lmtp"),
        (b"220 host ESMTP Postfix\r\n", 21, "--starttls smtp"),
        (b"220 hello\r\n", 21, "--starttls ftp"),
        (b"220 hello\r\n", 8443, "--starttls smtp, lmtp or ftp"),
    ],
)
def test_a_greeting_tells_the_protocol_before_the_port(
    sample: bytes, port: int | None, words: str
) -> None:
    greeting = NotTls(time=0.0, endpoint=SERVER, protocol=Protocol.SMTP_OR_FTP, sample=sample)
    events = [client_hello(), greeting]
    (cause,) = diagnose(events, judge(events), port=port)
    assert cause.fix.endswith(words)


def test_behind_a_header_of_the_proxy_protocol_that_is_named_first() -> None:
    events = [client_hello(), stream_ended(SERVER)]
    first, second = diagnose(events, judge(events), spoken=("PROXY protocol v1",))
    assert (first.code, second.code) == ("proxy-header", "refused-without-alert")
    assert first.evidence[0] == "before TLS, the client spoke: PROXY protocol v1"


@pytest.mark.parametrize(
    ("description", "place"),
    [(AlertDescription.UNEXPECTED_MESSAGE, 0), (AlertDescription.PROTOCOL_VERSION, -1)],
)
def test_an_alert_that_may_be_about_the_header_or_not(
    description: AlertDescription, place: int
) -> None:
    events = [client_hello(), alert(SERVER, description)]
    causes = diagnose(events, judge(events), spoken=("PROXY protocol v1",))
    assert len(causes) > 1 and causes[place].code == "proxy-header"


def test_a_server_that_answers_is_not_told_of_the_header() -> None:
    events = [client_hello(), server_hello(), stream_ended(SERVER)]
    causes = diagnose(events, judge(events), spoken=("PROXY protocol v1",))
    assert "proxy-header" not in {cause.code for cause in causes}


@pytest.mark.parametrize("way", ["CONNECT by proxy:1", "SOCKS 5 by proxy:1"])
def test_behind_a_proxy_it_may_have_been_the_proxy(way: str) -> None:
    html = NotTls(time=0.0, endpoint=SERVER, protocol=Protocol.HTTP, sample=b"<html>")
    for last in (stream_ended(SERVER), html):
        events = [client_hello(), last]
        (cause,) = diagnose(events, judge(events), spoken=(way,))
        assert cause.summary.endswith("it may have been the proxy")
        assert cause.fix.startswith("read the proxy's log; ")
        assert f"before TLS, the client spoke: {way}" in cause.evidence
    answered = [client_hello(), server_hello(), stream_ended(SERVER)]
    causes = diagnose(answered, judge(answered), spoken=(way,))
    assert not any("proxy" in cause.summary for cause in causes)


def test_behind_starttls_no_other_command_is_asked_for() -> None:
    events = [client_hello(), stream_ended(SERVER)]
    (cause,) = diagnose(events, judge(events), spoken=("STARTTLS (smtp)",))
    assert cause.fix == "read the server's log: it had agreed to TLS"
    assert cause.evidence[-1] == "before TLS, the client spoke: STARTTLS (smtp)"


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (Protocol.SMTP_OR_FTP, "-starttls smtp"),
        (Protocol.SIEVE, "--starttls sieve"),
        (Protocol.NNTP, "--starttls nntp"),
        (Protocol.XMPP, "--starttls xmpp"),
        (Protocol.MYSQL, "-starttls mysql"),
        (Protocol.LDAP, "-starttls ldap"),
        (Protocol.PROXY, "proxy_protocol"),
        (Protocol.HTTP, "HTTPS"),
        (Protocol.UNKNOWN, "check the port"),
    ],
)
def test_what_to_do_about_another_protocol(protocol: Protocol, words: str) -> None:
    other = NotTls(time=0.0, endpoint=SERVER, protocol=protocol, sample=b"220 \x1b")
    events = [client_hello(), other]
    (cause,) = diagnose(events, judge(events), port=25)
    assert cause.code == "no-tls"
    assert words in cause.fix
    assert cause.evidence[0] == r'its first bytes are "220 \x1b"'
    assert cause.evidence[1].startswith("port 25 is in use for SMTP")
