"""TCP connections out of segments: each end's bytes in order, and what the capture lacks of them.

Rules: the first bytes that came for a place of the stream stay, as what was given out cannot be
taken back. What is kept is bounded, in connections and in bytes.

This module must not know how a segment lay in its packet.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from lab.capture.results import (
    Address,
    CaptureItem,
    Flow,
    FlowBytes,
    FlowClosed,
    FlowEnd,
    FlowGap,
    Lack,
)
from lab.tls.events import Endpoint, Gap, StreamEnd
from lab.tls.frozen_values import constructor
from lab.tls.records import looks_like_tls, sniff

FIN, SYN, RST, ACK = 1, 2, 4, 16
"""Flags of a segment (RFC 9293 section 3.1)."""
_MASK = 2**32 - 1
_HALF = 2**31
_UNKNOWN = -1

Piece = tuple[int, bytes, int]
"""Its distance from the start of the stream, its bytes, how many more were cut off behind them."""


class Half:
    """One end of a connection. ``next`` is the sequence number up to which its bytes are read."""

    __slots__ = (
        "begun",
        "ended",
        "fin",
        "flow",
        "isn",
        "next",
        "peer",
        "pieces",
        "sender",
        "taken",
    )

    def __init__(self, flow: TcpFlow) -> None:
        self.flow = flow
        self.peer: Half = self
        self.sender = Endpoint.CLIENT
        self.next = _UNKNOWN
        self.isn = _UNKNOWN
        self.taken = 0
        self.begun = False
        self.pieces: list[Piece] = []
        self.fin = _UNKNOWN
        self.ended = False


class TcpFlow:
    """One connection of the capture."""

    __slots__ = (
        "closed",
        "first",
        "keys",
        "lacks",
        "last",
        "number",
        "opener",
        "packets",
        "roles",
        "start",
    )

    def __init__(self, number: int, time: float, keys: tuple[bytes, bytes]) -> None:
        self.number = number
        self.first = self.last = time
        self.packets = 0
        self.keys = keys
        self.opener: Half | None = None
        self.roles = False
        self.closed = False
        self.start: dict[Half, bytes] = {}
        self.lacks: dict[tuple[Endpoint, Gap], int | None] = {}


class TcpFlows:
    """All connections of one capture; ``items`` is where what is found is put."""

    def __init__(self, items: list[CaptureItem]) -> None:
        self._items = items
        self._halves: dict[bytes, Half] = {}
        self._count = 0

    def segment(
        self, key: bytes, time: float, seq: int, ack: int, flags: int, data: bytes, absent: int
    ) -> None:
        """Take a segment; ``key`` is source, target, and both ports as they lie in the packet.

        ``absent`` is how many bytes behind ``data`` the capture left out.
        """
        half = self._halves.get(key)
        if half is None or flags & SYN:
            half = self._opened(half, key, time, seq, flags)
        flow = half.flow
        flow.last = time
        flow.packets += 1
        if flow.closed:
            return
        if flags & SYN:
            seq = (seq + 1) & _MASK
        if half.next == _UNKNOWN:
            half.next = seq
        distance = ((seq - half.next + _HALF) & _MASK) - _HALF
        if flags & FIN:
            half.fin = half.taken + distance + len(data) + absent
        if data or absent:
            self._place(half, half.taken + distance, data, absent)
            self._advance(half, time)
        if half.fin == half.taken and not half.ended:
            self._end(half, StreamEnd.FIN, time)
        elif flags & RST and not half.ended:
            self._end(half, StreamEnd.RESET, time)
        if half.ended and (flags & RST or half.peer.ended):
            self._close(flow)

    def end(self) -> None:
        """Close what is open: the capture ends."""
        for half in list(self._halves.values()):
            flow = half.flow
            if flow.closed:
                continue
            halves = [self._halves[key] for key in flow.keys]
            for each in halves:
                while each.pieces:
                    self._gap(each, Gap.MISSING, each.pieces[0][0] - each.taken, flow.last)
                    each.next = (each.next + each.pieces[0][0] - each.taken) & _MASK
                    each.taken = each.pieces[0][0]
                    self._advance(each, flow.last)
            for each in halves:
                if not each.ended:
                    self._gap(each, Gap.END, None, flow.last)
            self._close(flow)

    def _opened(self, half: Half | None, key: bytes, time: float, seq: int, flags: int) -> Half:
        if half is not None and (half.isn in (seq, _UNKNOWN)) and not half.flow.closed:
            half.isn = seq
            return half
        if half is not None and not flags & SYN:
            return half
        if half is not None and not half.flow.closed:
            self._close(half.flow)
        size = (len(key) - 4) // 2
        other = key[size : 2 * size] + key[:size] + key[-2:] + key[-4:-2]
        self._count += 1
        flow = TcpFlow(self._count, time, (key, other))
        mine, its = Half(flow), Half(flow)
        mine.peer, its.peer = its, mine
        self._halves[key], self._halves[other] = mine, its
        if flags & SYN:
            mine.isn = seq
            flow.opener = its if flags & ACK else mine
        return mine

    def _place(self, half: Half, offset: int, data: bytes, absent: int) -> None:
        if offset < half.taken:
            data, absent, offset = (
                data[half.taken - offset :],
                absent - max(0, half.taken - offset - len(data)),
                half.taken,
            )
        if data or absent > 0:
            half.pieces.append((offset, data, absent))
            half.pieces.sort(key=lambda piece: piece[0])

    def _advance(self, half: Half, time: float) -> None:
        while half.pieces and half.pieces[0][0] <= half.taken:
            offset, data, absent = half.pieces.pop(0)
            behind = half.taken - offset
            if behind >= len(data) + absent:
                continue
            half.next = (half.next + len(data) + absent - behind) & _MASK
            half.taken += len(data) + absent - behind
            if data[behind:]:
                self._deliver(half, data[behind:], time)
            if absent:
                self._gap(half, Gap.SNAPPED, absent - max(0, behind - len(data)), time)

    def _deliver(self, half: Half, data: bytes, time: float) -> None:
        flow = half.flow
        if not flow.roles:
            self._assign(half, data)
        if not half.begun:
            half.begun = True
            flow.start[half] = data[:64]
            if half.isn == _UNKNOWN:
                self._gap(half, Gap.START, None, time)
        self._items.append(_flow_bytes(flow=flow.number, sender=half.sender, data=data, time=time))

    def _assign(self, half: Half, data: bytes) -> None:
        flow = half.flow
        client = flow.opener
        if data[:1] == b"\x16" and data[5:6] in (b"\1", b"\2"):
            client = half if data[5:6] == b"\1" else half.peer
        if client is None:
            key = flow.keys[0]
            first = self._halves[key]
            client = first if key[-4:-2] >= key[-2:] else first.peer
        client.sender, client.peer.sender = Endpoint.CLIENT, Endpoint.SERVER
        flow.roles = True

    def _gap(self, half: Half, gap: Gap, octets: int | None, time: float) -> None:
        flow = half.flow
        if not flow.roles:
            self._assign(half, b"")
        sofar = flow.lacks.setdefault((half.sender, gap), octets and 0)
        flow.lacks[half.sender, gap] = None if sofar is None or octets is None else sofar + octets
        self._items.append(
            FlowGap(flow=flow.number, sender=half.sender, gap=gap, octets=octets, time=time)
        )

    def _end(self, half: Half, end: StreamEnd, time: float) -> None:
        half.ended = True
        if not half.flow.roles:
            self._assign(half, b"")
        self._items.append(FlowEnd(flow=half.flow.number, sender=half.sender, end=end, time=time))

    def _close(self, flow: TcpFlow) -> None:
        flow.closed = True
        halves = [self._halves[key] for key in flow.keys]
        if not flow.roles:
            self._assign(halves[0], b"")
        key = flow.keys[0] if halves[0].sender is Endpoint.CLIENT else flow.keys[1]
        client, server = addresses(key)
        starts = [flow.start[half] for half in halves if half in flow.start]
        tls = any(looks_like_tls(start) for start in starts)
        other = "" if tls or not starts else sniff(starts[0]).value
        told = Flow(
            number=flow.number,
            client=client,
            server=server,
            first=flow.first,
            last=flow.last,
            packets=flow.packets,
            lacks=_lacks(flow.lacks.items()),
        )
        self._items.append(FlowClosed(flow=told, tls=tls, other=other))


def addresses(key: bytes) -> tuple[Address, Address]:
    """Return source and target of a segment's key."""
    size = (len(key) - 4) // 2
    hosts = [str(ipaddress.ip_address(key[at : at + size])) for at in (0, size)]
    ports = [int.from_bytes(key[at : at + 2], "big") for at in (-4, len(key) - 2)]
    return Address(hosts[0], ports[0]), Address(hosts[1], ports[1])


def _lacks(lacks: Iterable[tuple[tuple[Endpoint, Gap], int | None]]) -> tuple[Lack, ...]:
    return tuple(Lack(sender=sender, gap=gap, octets=octets) for (sender, gap), octets in lacks)


_flow_bytes = constructor(FlowBytes)
