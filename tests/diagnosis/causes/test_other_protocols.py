from __future__ import annotations

import pytest

from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.tls.events import NotTls, Protocol
from tests.support.events import (
    SERVER,
    client_hello,
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
    ("protocol", "words"),
    [
        (Protocol.SMTP_OR_FTP, "-starttls smtp"),
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
