"""Finds the TCP connections among segments, and closes those that ended.

A connection has two addresses and two ports, whatever it was wrapped in: on a bridge, or on several
interfaces at once, a packet may be captured twice, with another VLAN tag for instance, and its
second copy must be no other connection, but bytes that came before.

Rules: the number of connections is bounded, and so is what is kept of all together. Those that have
been idle for the longest are closed first.

This module must not know how a segment lay in its packet.
"""

from __future__ import annotations

from collections import deque

from lab.capture.flow_keys import reversed_key
from lab.capture.results import CaptureItem, FlowBytes
from lab.capture.tcp_flow import TcpEnd, TcpFlow
from lab.capture.tcp_stream import SEQUENCE_MASK, UNKNOWN, distance
from lab.tls.frozen_values import constructor

FIN, SYN, RST, ACK = 1, 2, 4, 16
"""Flags of a segment (RFC 9293 section 3.1)."""
MAX_FLOWS = 2**13
"""How many connections may be open at a time."""
MAX_ENDED = 2**12
"""How many that ended are remembered, so that late packets of theirs are no new ones."""
MAX_KEPT = 2**24
"""How many bytes of all connections together may wait for others."""
LINGER = 1.0
"""For how many seconds bytes may come after a RST that the other end sent before it knew; and late
ones that were acknowledged."""
_HALF = 2**31
_MAX_HOLE = 2**26
"""How many bytes may be acknowledged at once that did not come; more is no acknowledgement."""
_MAX_RESET = 2**20
"""How far behind what came a RST may be; ends ignore those outside of their window."""
_NEAR = 2**24
"""How far behind the end of a connection its own late packets may be."""


class TcpFlows:
    """All connections of one capture; ``items`` is where what is found is put."""

    def __init__(self, items: list[CaptureItem]) -> None:
        self._items = items
        self._ends: dict[bytes, TcpEnd] = {}
        self._count = 0
        self._open: dict[TcpFlow, None] = {}
        self._ended: deque[TcpFlow] = deque()
        self._alarms: deque[tuple[float, TcpFlow]] = deque()
        self._keeping: dict[TcpFlow, int] = {}
        self._kept = 0

    def segment(
        self, key: bytes, time: float, seq: int, ack: int, flags: int, data: bytes, absent: int
    ) -> None:
        """Take a segment; ``key`` is source, target, and both ports as they lie in the packet.

        ``absent`` is how many bytes behind ``data`` were not captured.
        """
        end = self._ends.get(key)
        if (
            end is not None
            and end.quick
            and seq == end.next
            and not flags & (FIN | SYN | RST)
            and not absent
            and (end.peer.next - ack) & SEQUENCE_MASK < _HALF
        ):
            flow = end.flow
            if time > flow.last:
                flow.last = time
            flow.packets += 1
            if data:
                end.next = (seq + len(data)) & SEQUENCE_MASK
                if flow.tls:
                    now, sender = flow.last, end.sender
                    told = _flow_bytes(flow=flow.number, sender=sender, data=data, time=now)
                    self._items.append(told)
            return
        self._take(end, key, time, seq, ack, flags, data, absent)

    def end(self) -> None:
        """Close what is open: the capture ends."""
        for flow in list(self._open):
            self._close(flow, cut=not flow.reset)

    def _take(
        self,
        end: TcpEnd | None,
        key: bytes,
        time: float,
        seq: int,
        ack: int,
        flags: int,
        data: bytes,
        absent: int,
    ) -> None:
        while self._alarms and self._alarms[0][0] < time:
            self._expire(self._alarms.popleft()[1])
        if end is None or flags & SYN or end.flow.closed:
            end = self._end_of(end, key, time, seq, flags, bool(data))
            if end is None or end.flow.closed:
                return
        flow = end.flow
        flow.last = max(flow.last, time)
        flow.packets += 1
        end.seen = True
        if flags & SYN:
            seq = (seq + 1) & SEQUENCE_MASK
        if flags & ACK:
            self._acknowledge(end, ack)
        if flags & RST:
            self._reset(end, seq)
            return
        if not end.came:
            _begin(end, seq, holds_bytes=bool(data or absent))
        if data or absent or flags & FIN or flow.awaited or flow.counted:
            self._place(end, seq, flags, data, absent)

    def _place(self, end: TcpEnd, seq: int, flags: int, data: bytes, absent: int) -> None:
        """Take what a segment holds."""
        flow = end.flow
        behind = distance(seq, end.next)
        if flags & FIN and end.ended is None:
            end.fin(behind + len(data) + absent, (flow.packets, flow.last))
        if flow.segment(end, behind, data, absent):
            self._look_after(flow)

    def _look_after(self, flow: TcpFlow) -> None:
        """Close a connection that has ended, and see to what it waits for and keeps."""
        if flow.ends[0].ended and flow.ends[1].ended:
            self._close(flow, cut=False)
            return
        if flow.awaited is not None and not flow.alarmed:
            self._alarm(flow)
        self._count_kept(flow)

    def _acknowledge(self, end: TcpEnd, ack: int) -> None:
        """Take what an end has acknowledged of the other's bytes."""
        peer = end.peer
        if peer.next == UNKNOWN:
            peer.next = ack
            if end.first != UNKNOWN and not end.came:
                # The other's SYN was not captured, but this answers it.
                peer.first = (ack - 1) & SEQUENCE_MASK
            return
        beyond = distance(ack, peer.next)
        if 0 < beyond <= _MAX_HOLE:
            end.flow.acknowledge(peer, beyond, ack)

    def _reset(self, end: TcpEnd, seq: int) -> None:
        """Take a RST."""
        flow = end.flow
        if end.next != UNKNOWN and abs(distance(seq, end.next)) > _MAX_RESET:
            return
        if not flow.reset:
            self._alarm(flow)
        if end.next != UNKNOWN and (beyond := distance(seq, end.next)) > 0:
            flow.acknowledge(end, beyond, seq)  # it was sent behind bytes that have not come
        flow.reset_by(end)
        self._look_after(flow)

    def _alarm(self, flow: TcpFlow) -> None:
        """Have a connection looked at again in a while, or sooner if too many wait for that."""
        flow.alarmed = True
        self._alarms.append((flow.last + LINGER, flow))
        if len(self._alarms) > MAX_FLOWS:
            self._expire(self._alarms.popleft()[1])

    def _expire(self, flow: TcpFlow) -> None:
        """Wait no longer for what a connection lacks."""
        if flow.closed:
            return
        flow.alarmed = False
        if not flow.reset:
            flow.settle()
        if flow.reset or all(end.ended for end in flow.ends):
            self._close(flow, cut=False)

    def _end_of(
        self, end: TcpEnd | None, key: bytes, time: float, seq: int, flags: int, data: bool
    ) -> TcpEnd | None:
        """Return the end that sends this, of a connection that it begins or belongs to, if any."""
        if end is None:
            if flags & RST:
                return None  # of a connection of which nothing was captured
        else:
            if not flags & SYN:
                late = end.next == UNKNOWN or abs(distance(seq, end.next)) < _NEAR
                if late or not data:
                    return end
            elif end.first == seq:
                return end  # a SYN once more
            elif end.first == UNKNOWN and not (end.flow.closed or end.came or end.ended):
                end.take_syn(seq)
                return end
            elif end.first == UNKNOWN and -_NEAR < distance(seq, end.next) < 0:
                return end  # its SYN, captured behind bytes that it sent later
            elif not end.flow.closed:
                self._close(end.flow, cut=not end.flow.reset)
        return self._opened(key, time, seq, flags)

    def _opened(self, key: bytes, time: float, seq: int, flags: int) -> TcpEnd:
        if len(self._open) >= MAX_FLOWS:
            self._close_idle()
        back = reversed_key(key)
        self._count += 1
        flow = TcpFlow(self._count, (key, back), time, self._items)
        end, peer = flow.ends
        self._open[flow] = None
        self._ends[key], self._ends[back] = end, peer
        if flags & SYN:
            end.take_syn(seq)
            flow.opener = peer if flags & ACK else end
        return end

    def _close(self, flow: TcpFlow, *, cut: bool) -> None:
        if flow.closed:
            return
        flow.close(cut=cut)
        del self._open[flow]
        self._kept -= self._keeping.pop(flow, 0)
        self._ended.append(flow)
        if len(self._ended) > MAX_ENDED:
            self._forget(self._ended.popleft())

    def _forget(self, flow: TcpFlow) -> None:
        for key, end in zip(flow.keys, flow.ends, strict=True):
            if self._ends.get(key) is end:
                del self._ends[key]
        flow.forget()

    def _close_idle(self) -> None:
        """Close a part of the connections, those from which nothing came for the longest."""
        idle = sorted(self._open, key=lambda flow: flow.last)
        for flow in idle[: MAX_FLOWS // 16]:
            self._close(flow, cut=not flow.reset)

    def _count_kept(self, flow: TcpFlow) -> None:
        """Count what is kept of a connection; where that is too much, the oldest waits no more."""
        kept, before = flow.kept, self._keeping.pop(flow, 0)
        self._kept += kept - before
        flow.counted = kept > 0
        if kept:
            self._keeping[flow] = kept
        while self._kept > MAX_KEPT:
            oldest = next(iter(self._keeping))
            self._kept -= self._keeping.pop(oldest)
            oldest.counted = False
            oldest.settle()


def _begin(end: TcpEnd, seq: int, *, holds_bytes: bool) -> None:
    """Take where an end's bytes may begin, of which none came so far."""
    if not holds_bytes:
        # Without its SYN, the number before may have been that of a probe, one below its next.
        if end.next == UNKNOWN or (not end.syn and distance(seq, end.next) == 1):
            end.next = seq
    elif not end.syn and (end.first == UNKNOWN or distance(seq, end.next) < 0):
        end.next = seq
        end.missed = True


_flow_bytes = constructor(FlowBytes)
