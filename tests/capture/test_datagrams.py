from __future__ import annotations

import pytest

from lab.capture import datagrams
from lab.capture.datagrams import Datagrams
from lab.capture.results import CaptureItem, NotDecoded
from tests.capture.building import Frame, ethernet, ipv4, items_of, udp

QUIC_1 = b"\xc3\0\0\0\x01\x08" + bytes(40)
QUIC_2 = b"\xd3\x6b\x33\x43\xcf\x08" + bytes(40)
QUIC_DRAFT = b"\xc3\xff\0\0\x1d\x08" + bytes(40)
DTLS_HELLO = b"\x16\xfe\xff" + bytes(8) + b"\0\x20\x01" + bytes(31)
DTLS_VERIFY = b"\x16\xfe\xff" + bytes(8) + b"\0\x20\x03" + bytes(31)
DTLS_DATA = b"\x17\xfe\xfd\0\x01" + bytes(6) + b"\0\x20" + bytes(32)


def frame(data: bytes, *, ports: tuple[int, int] = (50000, 443), back: bool = False) -> Frame:
    source, target = ("10.0.0.2", "10.0.0.1") if back else ("10.0.0.1", "10.0.0.2")
    ports = ports[::-1] if back else ports
    return Frame(ethernet(0x0800, ipv4(source, target, 17, udp(ports, data))))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (QUIC_1, "QUIC"),
        (QUIC_2, "QUIC"),
        (QUIC_DRAFT, "QUIC"),
        (DTLS_HELLO, "DTLS"),
        (DTLS_DATA, "DTLS"),
    ],
)
def test_what_is_not_decoded_is_named_once_a_flow(data: bytes, what: str) -> None:
    items = items_of([frame(data), frame(data, back=True), frame(data)])
    client, server = ("10.0.0.1", 50000), ("10.0.0.2", 443)
    expected = NotDecoded(what=what, client=client, server=server, time=1000.0)  # type: ignore[arg-type]
    assert items == [expected]
    assert len(items_of([frame(data), frame(data, ports=(50001, 443))])) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        QUIC_1[:12],
        b"\x83" + QUIC_1[1:],
        b"\xc3\0\0\0\0" + bytes(40),
        b"\xc3\0\0\0\x01\x15" + bytes(40),
        b"\x19" + DTLS_HELLO[1:],
        DTLS_HELLO[:30],
        b"\x16\xfe\xfc" + DTLS_HELLO[3:],
        bytes(60),
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
    ],
)
def test_other_datagrams_are_not_named(data: bytes) -> None:
    assert items_of([frame(data)]) == []


@pytest.mark.parametrize(("data", "back"), [(DTLS_HELLO, False), (DTLS_VERIFY, True)])
def test_a_hello_of_dtls_tells_who_the_client_is(data: bytes, back: bool) -> None:
    (item,) = items_of([frame(data, ports=(4433, 50000), back=back)])
    assert isinstance(item, NotDecoded)
    assert (item.client.port, item.server.port) == (4433, 50000)


def test_how_many_flows_are_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "MAX_REMEMBERED", 32)
    items: list[CaptureItem] = []
    flows = Datagrams(items)
    for number in [*range(33), 32, 0]:
        flows.take(bytes(8) + number.to_bytes(4, "big"), 1.0, QUIC_1, len(QUIC_1))
    assert len(items) == 34, "only the oldest was forgotten"
