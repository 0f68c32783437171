"""A capture file for tshark: TCP over IPv4 over Ethernet, made from what was recorded."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from lab.tls.events import Endpoint
from tests.support.harness import EventBuffer, splits

SERVER_PORT = 443
FIRST_CLIENT_PORT = 50000
SEGMENT = 1400

_SYN, _ACK, _FIN, _PSH = 2, 16, 1, 8


def pcap(recordings: list[EventBuffer]) -> bytes:
    """A pcap file (version 2.4, Ethernet) with each recording as one TCP connection.

    The n-th recording's client has the port ``FIRST_CLIENT_PORT`` + n.
    """
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    clock = 1_700_000_000_000_000
    for number, recording in enumerate(recordings):
        for frame in _frames(recording, FIRST_CLIENT_PORT + number):
            clock += 1000
            seconds, micros = divmod(clock, 1_000_000)
            data += struct.pack("<IIII", seconds, micros, len(frame), len(frame)) + frame
    return data


def _frames(recording: EventBuffer, port: int) -> Iterator[bytes]:
    sent = {Endpoint.CLIENT: 1000, Endpoint.SERVER: 9000}

    def segment(sender: Endpoint, flags: int, payload: bytes = b"") -> bytes:
        ports = (port, SERVER_PORT) if sender is Endpoint.CLIENT else (SERVER_PORT, port)
        acknowledged = sent[sender.other] if flags & _ACK else 0
        tcp = struct.pack(">HHIIBBHHH", *ports, sent[sender], acknowledged, 80, flags, 65535, 0, 0)
        sent[sender] += len(payload) + bool(flags & (_SYN | _FIN))
        return _ethernet(sender, tcp + payload)

    yield segment(Endpoint.CLIENT, _SYN)
    yield segment(Endpoint.SERVER, _SYN | _ACK)
    yield segment(Endpoint.CLIENT, _ACK)
    for sender, data in recording.pieces:
        for part in splits(data, SEGMENT):
            yield segment(sender, _PSH | _ACK, part)
    yield segment(Endpoint.CLIENT, _FIN | _ACK)
    yield segment(Endpoint.SERVER, _FIN | _ACK)


def _ethernet(sender: Endpoint, payload: bytes) -> bytes:
    client, server = b"\x0a\0\0\x01", b"\x0a\0\0\x02"
    source, target = (client, server) if sender is Endpoint.CLIENT else (server, client)
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, 6, 0)
    return b"\x02" * 12 + b"\x08\x00" + header + source + target + payload
