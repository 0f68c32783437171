"""The words for events, which the drawing and the log share."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lab.show.text.event_text import headline, on_one_line
from lab.tls.code_points import AlertDescription, AlertLevel, CertificateCompressionAlgorithm
from lab.tls.events import Event, Fact, NotTls, Part, Protocol, StreamEnd, Unfinished
from lab.tls.messages import Certificate, CertificateEntry, CompressedCertificate, Finished
from tests.support.traces import CLIENT, EVENTS, SERVER, EventBuilder, one_of_each_event

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
        (MAKE.ended(SERVER), "TCP FIN", ""),
        (MAKE.ended(SERVER, StreamEnd.RESET), "TCP RST", ""),
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


def test_every_event_has_words() -> None:
    events: Sequence[Event] = one_of_each_event()
    assert {type(event) for event in events} == set(EVENTS)
    assert all(headline(event) for event in events)
