"""Causes of failed connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.diagnosis.results import Result, Signal
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
)
from lab.tls.events import (
    Event,
    LeftOut,
    NotTls,
    Part,
    Protocol,
)
from tests.support.events import (
    CLIENT,
    HELLO_REQUEST,
    SERVER,
    TIMED_OUT,
    TLS13,
    alert,
    begun,
    both,
    ended,
    hello,
)


@pytest.mark.parametrize(
    ("events", "code", "evidence"),
    [
        ([hello(), TIMED_OUT], "silence", "no answer to ClientHello"),
        ([TIMED_OUT], "silence", "no message arrived"),
        (
            [*TLS13, TIMED_OUT, begun(CLIENT, 3, None)],
            "silence",
            "nothing arrived after the server's Finished",
        ),
        (
            [
                hello(),
                alert(SERVER, AlertDescription.UNRECOGNIZED_NAME, AlertLevel.WARNING),
                TIMED_OUT,
            ],
            "silence",
            "nothing arrived after the server's alert unrecognized_name",
        ),
        (
            [hello(), TIMED_OUT, begun(SERVER, 10, 16389)],
            "unfinished",
            "10 bytes of the record arrived, of 16389",
        ),
        (
            [hello(), TIMED_OUT, begun(SERVER, 3, None)],
            "unfinished",
            "3 bytes of the record arrived, the header incomplete",
        ),
        (
            [hello(), TIMED_OUT, begun(SERVER, 80, 600, Part.MESSAGE)],
            "unfinished",
            "80 bytes of the handshake message arrived, of 600",
        ),
        (
            [hello(), *[HELLO_REQUEST] * 101, TIMED_OUT, begun(SERVER, 10, 16389)],
            "endless-handshake",
            "messages and records from the server: 101, the last HelloRequest",
        ),
        (
            [
                *[hello(), HELLO_REQUEST],
                *[LeftOut(time=0.0, endpoint=SERVER, count=81918, octets=327672), TIMED_OUT],
            ],
            "endless-handshake",
            "messages and records from the server: 81919, the last HelloRequest",
        ),
        (
            [hello(), replace(HELLO_REQUEST, out_of_order=True), TIMED_OUT],
            "endless-handshake",
            "messages and records from the server: 1, the last HelloRequest",
        ),
    ],
)
def test_silence_slowness_and_a_flood_are_told_apart(
    events: list[Event], code: str, evidence: str
) -> None:
    outcome, causes = both(events)
    assert outcome.result is Result.FAILED
    assert (outcome.by, outcome.signal) == (SERVER, Signal.TIME_OUT)
    assert outcome.exception == "no complete handshake"
    assert (causes[0].code, causes[0].evidence) == (code, (evidence,))


def test_no_tls() -> None:
    alien = NotTls(time=0.0, endpoint=SERVER, protocol=Protocol.HTTP, sample=b"HTTP/1.1 400\r\n")
    outcome, causes = both([hello(), alien])
    assert (outcome.result, outcome.signal) == (Result.FAILED, Signal.NOT_TLS)
    assert causes[0].evidence == (r'its first bytes are "HTTP/1.1 400\r\n"',)


@pytest.mark.parametrize(
    ("protocol", "but"),
    [
        (Protocol.HTTP, "they look like plain HTTP"),
        (Protocol.SMTP_OR_FTP, "they look like SMTP or FTP"),
        (Protocol.SSLV2, "they look like an SSLv2-style hello"),
        (Protocol.UNKNOWN, "the protocol is not recognized"),
    ],
)
def test_no_tls_is_a_sentence_for_every_protocol(protocol: Protocol, but: str) -> None:
    alien = NotTls(time=0.0, endpoint=SERVER, protocol=protocol, sample=b"xxxxx")
    _, causes = both([hello(), alien])
    assert causes[0].summary == f"the server's first bytes are not TLS: {but}"


def test_nothing_at_all() -> None:
    outcome, causes = both([ended(SERVER)])
    assert outcome.result is Result.FAILED
    assert [cause.code for cause in causes] == ["closed-at-once"]
