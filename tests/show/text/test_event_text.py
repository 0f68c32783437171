"""The words for events, which the drawing and the log share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lab.show.sequence import fact_label
from lab.show.text.event_text import Detail, details, headline, on_one_line, reason, start_line
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    CertificateCompressionAlgorithm,
)
from lab.tls.events import (
    Event,
    Fact,
    Gap,
    LeftOut,
    LocalFact,
    NotTls,
    Part,
    Protocol,
    StreamEnd,
    StreamEnded,
    Undecoded,
    Unfinished,
)
from lab.tls.messages import (
    Certificate,
    CertificateEntry,
    ClientHello,
    CompressedCertificate,
    Finished,
)
from lab.tracing.results import Trace
from tests.support.traces import CLIENT, EVENTS, SERVER, EventBuilder, one_of_each_event, sample

MAKE = EventBuilder()
EMPTY = Certificate(certificate_list=())
FULL = Certificate(certificate_list=(CertificateEntry(cert_data=b"c"),))


def compressed(certificate: Certificate | None) -> CompressedCertificate:
    return CompressedCertificate(
        algorithm=CertificateCompressionAlgorithm.ZLIB,
        uncompressed_length=9,
        compressed_certificate_message=b"x",
        certificate=certificate,
    )


@pytest.mark.parametrize(
    ("event", "words", "more"),
    [
        (MAKE.message(CLIENT, Finished(verify_data=b"")), "Finished", ""),
        (
            MAKE.message(CLIENT, Finished(verify_data=b""), out_of_order=True),
            "Finished",
            " (out of order)",
        ),
        (MAKE.message(CLIENT, EMPTY), "Certificate (empty)", ""),
        (MAKE.message(CLIENT, FULL), "Certificate", ""),
        (MAKE.message(CLIENT, compressed(EMPTY)), "CompressedCertificate (empty)", ""),
        (MAKE.message(CLIENT, compressed(None)), "CompressedCertificate", ""),
        (
            MAKE.alert(SERVER, AlertDescription.UNKNOWN_CA, AlertLevel.WARNING),
            "alert warning unknown_ca (48)",
            "",
        ),
        (MAKE.change_cipher_spec(CLIENT), "ChangeCipherSpec", ""),
        (MAKE.data(CLIENT, b"12345"), "application data", ", 5 bytes"),
        (MAKE.sealed(SERVER), "undecrypted record (application_data)", ", 19 bytes"),
        (
            MAKE.sealed(SERVER, "as long as an alert"),
            "undecrypted record (application_data)",
            ": as long as an alert",
        ),
        (
            StreamEnded(time=0.0, endpoint=CLIENT, end=StreamEnd.RESET, truncated=True),
            "TCP RST",
            " inside a record or a handshake message",
        ),
        (StreamEnded(time=0.0, endpoint=SERVER, end=StreamEnd.FIN), "TCP FIN", ""),
        (MAKE.not_tls(CLIENT, b"GET"), "not TLS: plain HTTP", ""),
        (
            NotTls(time=0.0, endpoint=CLIENT, protocol=Protocol.UNKNOWN, sample=b"x"),
            "not TLS",
            "",
        ),
        (MAKE.unfinished(SERVER), "unfinished record", ": 9 bytes, of 16389"),
        (
            Unfinished(time=0.0, endpoint=CLIENT, part=Part.MESSAGE, came=3, expected=None),
            "unfinished handshake message",
            ": 3 bytes, header incomplete",
        ),
        (MAKE.left_out(SERVER), "81919 more, not kept", ""),
        (MAKE.undecoded(SERVER), "the rest not decoded", ": stream: more than 256 items"),
        (
            MAKE.malformed(SERVER, "ServerHello.random", "short"),
            "malformed bytes",
            ": ServerHello.random: short",
        ),
        (MAKE.fact(SERVER, Fact.CERTIFICATE_REFUSED), "certificate rejected", ""),
        (MAKE.fact(SERVER, Fact.READ_FAILED, "a\x1b"), "read failed", r": a\x1b"),
    ],
)
def test_an_event_has_one_headline_and_a_line_says_more(
    event: Event, words: str, more: str
) -> None:
    assert headline(event) == words
    assert on_one_line(event) == words + more


def test_a_hello_in_the_form_of_ssl_2_says_so() -> None:
    hello = sample(ClientHello)
    line = on_one_line(MAKE.message(CLIENT, replace(hello, extensions=(), in_sslv2_form=True)))
    assert line == "ClientHello (in the form of SSL 2)"
    assert on_one_line(
        MAKE.message(CLIENT, replace(hello, extensions=(), in_sslv2_form=False))
    ) == ("ClientHello")


def test_a_heartbeat_says_what_it_tells_of() -> None:
    event = MAKE.heartbeat(SERVER)
    line = "heartbeat request, 23 bytes, which tells of 16384 (out of order)"
    assert on_one_line(event) == line
    shown = {detail.label: detail.value for detail in details(event)}
    assert shown == {
        "length": "23 bytes",
        "payload": "16384 bytes, which is more than the record has",
        "order": "not agreed to, or not protected as it must be",
    }
    rest = replace(event, message_type=None, payload_length=None, out_of_order=False)
    assert on_one_line(rest) == "heartbeat, 23 bytes"


def test_every_event_has_words() -> None:
    events: Sequence[Event] = one_of_each_event()
    assert {type(event) for event in events} == set(EVENTS)
    assert all(headline(event) for event in events)


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
    assert detail.value == "327676 bytes"


def test_what_is_not_decoded_is_named_as_a_limit_of_ours() -> None:
    rest = Undecoded(
        time=0.0, endpoint=SERVER, records=(), where="Handshake.length", limit="300000 bytes"
    )
    assert headline(rest) == "the rest not decoded"
    assert [(detail.label, detail.value) for detail in details(rest)] == [
        ("in", "Handshake.length"),
        ("limit", "300000 bytes: a limit of this program"),
    ]


@pytest.mark.parametrize(
    ("gap", "octets", "words", "more"),
    [
        (Gap.MISSING, 1460, "1,460 bytes not captured", f": {Gap.MISSING.value}"),
        (Gap.SNAPPED, 5, "5 bytes not captured", f": {Gap.SNAPPED.value}"),
        (Gap.MISSING, None, "bytes not captured", f": {Gap.MISSING.value}"),
        (Gap.START, None, "the beginning was not captured", ""),
        (Gap.DIRECTION, None, "nothing that this end sent was captured", ""),
        (Gap.END, None, "the capture ends here", ""),
    ],
)
def test_what_a_capture_lacks_is_named_so(
    gap: Gap, octets: int | None, words: str, more: str
) -> None:
    event = MAKE.not_captured(SERVER, gap, octets)
    assert headline(event) == words
    assert on_one_line(event) == words + more
    assert bool(list(details(event))) == bool(more)
