from __future__ import annotations

from pathlib import Path

from lab.capture.capture import Capture
from lab.capture.results import CaptureItem, FlowBytes, FlowClosed, FlowEnd
from lab.tls.events import Endpoint, StreamEnd

CAPTURES = Path(__file__).resolve().parent.parent / "vectors" / "captures"


def read(data: bytes) -> list[CaptureItem]:
    capture = Capture()
    return [*capture.feed(data), *capture.end()]


def test_a_connection_comes_out_as_the_bytes_and_ends_of_both_ends() -> None:
    items = read((CAPTURES / "tls13_wrongca_no_keylog.pcap").read_bytes())
    pieces = [(item.sender, len(item.data)) for item in items if isinstance(item, FlowBytes)]
    client, server = Endpoint.CLIENT, Endpoint.SERVER
    assert pieces == [(client, 225), (server, 866), (client, 607), (server, 24)]
    ends = [(item.sender, item.end) for item in items if isinstance(item, FlowEnd)]
    assert ends == [(server, StreamEnd.FIN), (client, StreamEnd.FIN)]
    (closed,) = [item for item in items if isinstance(item, FlowClosed)]
    assert closed.tls
    assert (closed.flow.client, closed.flow.server) == (("10.0.0.1", 50000), ("10.0.0.2", 443))
    assert closed.flow.packets == 9
