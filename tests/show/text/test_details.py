"""The words for single events."""

from __future__ import annotations

import dataclasses

import pytest

from lab.diagnosis.results import Outcome, Result
from lab.show.text.details import (
    Detail,
    bounded,
    details,
    listed,
    quoted,
    reason,
    start_line,
)
from lab.show.text.event_text import headline
from lab.show.text.outcome_text import result_words, signal_words
from lab.show.text.sequence import fact_label
from lab.tls.code_points import AlertDescription, NamedGroup
from lab.tls.events import (
    Fact,
    LeftOut,
    LocalFact,
    NotTls,
    Part,
    Protocol,
    Undecoded,
    Unfinished,
)
from lab.tracing.results import Trace
from tests.support.traces import CLIENT, SERVER, EventBuilder


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1"),
        (b"GET / HTTP/1.0\nHost: x\n", "GET / HTTP/1.0"),
        (b"HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK"),
        (b"HTTP/1.1 204 \r\n", "HTTP/1.1 204 "),
        (b"GET / HTTP/1.1", None),
        (b"GET /\x1b[31m HTTP/1.1\r\n", None),
        (b"GET / HTTP/2.0\r\n", None),
        (b"", None),
        (b"\x00\x01", None),
    ],
)
def test_the_first_line_of_http(data: bytes, line: str | None) -> None:
    assert start_line(data) == line


def test_text_of_a_peer_is_escaped_and_cut() -> None:
    assert bounded("a\n\\") == r"a\n\\"
    assert bounded("x" * 240) == "x" * 240
    assert bounded("x" * 241) == "x" * 240 + "... (241 characters)"


def test_bytes_of_a_peer_are_quoted_and_cut() -> None:
    assert quoted(b"it's\x00\n") == '"it\'s\\x00\\n"'
    assert quoted(b"x" * 33) == "'" + "x" * 32 + "'..."


def test_lists_tell_how_many_they_leave_out_and_leave_grease_out() -> None:
    groups = [NamedGroup(number) for number in (0x0A0A, 29, 23, 24)]
    assert listed(groups, 2) == "x25519, secp256r1 and 1 more"
    assert listed(groups) == "x25519, secp256r1, secp384r1"
    assert listed([]) == "none"
    assert listed(["x" * 100]) == "x" * 64 + "... (100 characters)"


def test_a_verdict_on_a_certificate_says_whose_and_why(accepted13: Trace) -> None:
    fact = LocalFact(
        time=0.0,
        endpoint=SERVER,
        fact=Fact.CERTIFICATE_REFUSED,
        reason="certificate has expired",
        code=10,
        certificate=accepted13.client_certificate,
    )
    assert headline(fact) == "certificate rejected"
    assert fact_label(fact) == "server: certificate rejected (CN=client)"
    assert reason(fact) == "certificate has expired (code 10)"
    assert reason(dataclasses.replace(fact, reason="")) == "code 10"
    unreadable = dataclasses.replace(fact, certificate=b"junk")
    assert fact_label(unreadable) == "server: certificate rejected (no subject)"


def test_bytes_of_no_known_protocol_are_no_more_than_that() -> None:
    event = NotTls(time=0.0, endpoint=CLIENT, protocol=Protocol.UNKNOWN, sample=b"\x00")
    assert headline(event) == "not TLS"


def test_an_outcome_that_nobody_caused() -> None:
    outcome = Outcome(result=Result.FAILED)
    assert result_words(outcome) == "failed: the handshake was not completed"
    assert signal_words(outcome) == "none"


def test_an_alert_without_a_name_keeps_its_number() -> None:
    alert = EventBuilder().alert(SERVER, AlertDescription(0xEE))
    assert headline(alert) == "alert fatal unknown(0xee) (238)"


def test_what_was_not_read_to_its_end_has_its_words() -> None:
    begun = Unfinished(time=0.0, endpoint=CLIENT, part=Part.MESSAGE, came=80, expected=600)
    assert headline(begun) == "unfinished handshake message"
    assert list(details(begun)) == [Detail("received", "80 bytes, of 600", notable=True)]
    header = Unfinished(time=0.0, endpoint=CLIENT, part=Part.RECORD, came=3, expected=None)
    (detail,) = details(header)
    assert detail.value == "3 bytes, header incomplete"
    more = LeftOut(time=0.0, endpoint=CLIENT, count=81919, octets=327676)
    assert headline(more) == "81919 more, not kept"
    (detail,) = details(more)
    assert detail.value == "327676 bytes, over the limit"


def test_what_is_not_decoded_is_told_as_a_limit_of_ours() -> None:
    rest = Undecoded(
        time=0.0, endpoint=SERVER, records=(), where="Handshake.length", limit="300000 bytes"
    )
    assert headline(rest) == "the rest not decoded"
    assert [(each.label, each.value) for each in details(rest)] == [
        ("in", "Handshake.length"),
        ("limit", "300000 bytes: a limit of this program"),
    ]
