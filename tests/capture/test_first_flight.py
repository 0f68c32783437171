from __future__ import annotations

import pytest

from lab.capture.first_flight import FirstFlight
from lab.tls.events import Endpoint
from tests.capture.building import CLIENT_HELLO, SERVER_HELLO, record

CHANGE, EARLY, ALERT = record(20, b"\x01"), record(23, bytes(50)), record(21, b"\2\x28")
CERTIFICATE = record(22, b"\x0b" + bytes(60))
IN_TWO_RECORDS = record(22, CLIENT_HELLO[5:15]) + record(22, CLIENT_HELLO[15:])
CLIENT, SERVER = Endpoint.CLIENT, Endpoint.SERVER


@pytest.mark.parametrize(
    ("sender", "data", "answers"),
    [
        (CLIENT, CLIENT_HELLO, False),
        (CLIENT, IN_TWO_RECORDS, False),
        (CLIENT, CLIENT_HELLO + CHANGE + EARLY, False),
        (CLIENT, CLIENT_HELLO + ALERT, False),
        (CLIENT, CLIENT_HELLO + CERTIFICATE, True),
        (CLIENT, IN_TWO_RECORDS + CERTIFICATE, True),
        (CLIENT, CLIENT_HELLO + CHANGE + CERTIFICATE, True),
        (CLIENT, CERTIFICATE, True),
        (CLIENT, b"GET / HTTP/1.1\r\n\r\n", False),
        (CLIENT, CLIENT_HELLO + b"no record, but bytes", False),
        (SERVER, SERVER_HELLO, True),
        (SERVER, EARLY, True),
        (SERVER, ALERT + bytes(4), False),
        (SERVER, b"220 ready for it\r\n", False),
    ],
)
@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_an_answer_is_known_by_its_records(
    sender: Endpoint, data: bytes, answers: bool, cut: int
) -> None:
    flight = FirstFlight(sender)
    pieces = (data[at : at + cut] for at in range(0, len(data), cut))
    assert any(flight.answers(piece) for piece in pieces) is answers
