"""One TCP connection of a capture: what its two ends send, told in the order in which it happened.

Rules: nothing is told of a connection but its end until TLS is found on it. What one end says is
held back while bytes of the other that it has acknowledged, or answers, have not come: on several
queues or interfaces, packets are captured in another order than they were sent in. If they do not
come soon, they are missing from the capture.

This module must not know how connections are found among packets.
"""

from __future__ import annotations

from lab.capture.first_flight import FirstFlight
from lab.capture.flow_keys import addresses
from lab.capture.item_order import ItemOrder, Told
from lab.capture.prelude import (
    Prelude,
    TlsStart,
    begins_with_client_hello,
    begins_with_hello,
    begins_with_record,
)
from lab.capture.results import (
    CUT_SHORT,
    CaptureItem,
    Flow,
    FlowBytes,
    FlowClosed,
    FlowEnd,
    FlowGap,
    Lack,
)
from lab.capture.tcp_stream import SEQUENCE_MASK, UNKNOWN, TcpStream, distance
from lab.tls.events import Endpoint, Gap, StreamEnd
from lab.tls.frozen_values import constructor

PATIENCE = 16
"""How many packets of a connection are waited for bytes that the other end has acknowledged."""
LONG_PATIENCE = 1024
"""The same for bytes that an end has answered, but not acknowledged."""
MAX_HELD_BACK = 2**16
"""How many bytes are held back for either."""


class TcpEnd(TcpStream):
    """What one end of a connection sends.

    * ``side`` is 0 for the one whose packet came first, else 1.
    * ``syn`` is whether its SYN was captured, so that ``first`` is sure.
    * ``quick`` is whether a segment that is the next may be told as it comes.
    * ``seen`` is whether a packet of it came, ``came`` whether one with bytes did, and ``begun``
      whether bytes of its TLS were told.
    * ``missed`` is whether its start was not captured, ``lost`` whether nothing it sent was.
    """

    __slots__ = (
        "begun",
        "came",
        "ended",
        "flight",
        "flow",
        "lost",
        "missed",
        "peer",
        "quick",
        "seen",
        "sender",
        "side",
        "syn",
    )

    def __init__(self, flow: TcpFlow, side: int) -> None:
        super().__init__()
        self.flow = flow
        self.side = side
        self.peer = self
        self.sender = Endpoint.CLIENT
        self.syn = False
        self.quick = False
        self.seen = False
        self.begun = False
        self.missed = False
        self.lost = False
        self.came = False
        self.ended: StreamEnd | None = None
        self.flight: FirstFlight | None = None

    def take_syn(self, seq: int) -> None:
        """Take the number of its SYN; that of its first byte is one more."""
        self.syn = True
        self.first, self.next = seq, (seq + 1) & SEQUENCE_MASK


class TcpFlow:
    """One connection; what is found is put into ``items``.

    * ``keys`` are those of the segments of both ends.
    * ``tls`` is None as long as it is not known whether this is TLS.
    * ``reset`` is whether a RST came; ``alarmed`` whether somebody will look at it again soon, and
      ``counted`` whether what it keeps was counted.
    * ``awaited`` is the end whose bytes are waited for, what the other says being held back.
    """

    def __init__(
        self, number: int, keys: tuple[bytes, bytes], time: float, items: list[CaptureItem]
    ) -> None:
        self.number = number
        self.keys = keys
        self.first = self.last = time
        self.packets = 0
        self.opener: TcpEnd | None = None
        self.tls: bool | None = None
        self.closed = False
        self.reset = False
        self.alarmed = False
        self.counted = False
        self.ends = (TcpEnd(self, 0), TcpEnd(self, 1))
        self.ends[0].peer, self.ends[1].peer = self.ends[1], self.ends[0]
        self._items = items
        self._order = ItemOrder(items)
        self._prelude: Prelude | None = None
        self._prelude_name = ""
        self._lacks: dict[tuple[int, Gap], int | None] = {}
        self.awaited: TcpEnd | None = None
        self._awaited_seq = UNKNOWN
        self._patience = 0

    @property
    def kept(self) -> int:
        """How many bytes are kept of this connection."""
        return self.ends[0].waiting + self.ends[1].waiting + self._order.octets

    def segment(self, end: TcpEnd, behind: int, data: bytes, absent: int) -> bool:
        """Take a segment that begins ``behind`` bytes behind what was told of its ``end``.

        Returns whether an end has ended, or anything waits or did.
        """
        if end.ended is None and (data or absent):
            end.came, end.lost = True, False
            if behind or absent or end.hole:
                end.place(behind, data, absent, (self.packets, self.last))
                while end.full:
                    self._pass_hole(end)
            else:
                end.skip(len(data))
                self._deliver(end, data)
        if end.pieces or end.fin_at is not None:
            self._drain(end)
        self._look_again()
        return bool(self.awaited or end.waiting or self.counted or end.ended)

    def acknowledge(self, end: TcpEnd, beyond: int, seq: int) -> None:
        """Take that the other end has got ``beyond`` bytes of ``end`` more than were told."""
        if end.lost:
            end.skip(beyond)  # which was told
        elif end.ended is None and (beyond > 1 or end.hole):  # 1 may be its FIN
            self._await(end, PATIENCE)
            if self._awaited_seq == UNKNOWN or distance(seq, self._awaited_seq) > 0:
                self._awaited_seq = seq

    def reset_by(self, end: TcpEnd) -> None:
        """Take a RST of ``end``. What the other has sent before it knows may still come."""
        self.settle()
        if end.ended is None:
            self._end(end, StreamEnd.RESET)
        self.reset = True
        self._look_again()

    def settle(self, *, final: bool = False) -> None:
        """Wait no longer for what has not come: it is missing; ``final`` if no more can come."""
        self._give_up(final=final)
        for end in self.ends:
            while end.hole:
                self._pass_hole(end)

    def close(self, *, cut: bool) -> None:
        """Tell that this connection is over; ``cut`` says that it was not seen to end."""
        self.settle(final=True)
        self._decide_now()
        if not self.tls:
            client = self._client()
            client.sender, client.peer.sender = Endpoint.CLIENT, Endpoint.SERVER
        for end in self.ends:
            if end.ended is None:
                self._tell_missed_start(end)
            if cut and end.ended is None and not end.lost:
                self._gap(end, Gap.END, None)
            end.quick, end.flight = False, None
        self.closed = True
        snapped = self.tls is None and any(gap is Gap.SNAPPED for _, gap in self._lacks)
        other = (self._prelude.other if self._prelude else "") or (CUT_SHORT if snapped else "")
        self._prelude = None
        self._items.append(_flow_closed(flow=self._told(), tls=bool(self.tls), other=other))

    def forget(self) -> None:
        """Let go of the ends, so that no cycle keeps them all until the collector runs."""
        for end in self.ends:
            del end.flow, end.peer

    def _told(self) -> Flow:
        client, server = addresses(self.keys[0])
        if self.ends[1].sender is Endpoint.CLIENT:
            client, server = server, client
        lacks = [
            Lack(sender=self.ends[side].sender, gap=gap, octets=octets)
            for (side, gap), octets in self._lacks.items()
        ]
        return _flow(
            number=self.number,
            client=client,
            server=server,
            first=self.first,
            last=self.last,
            packets=self.packets,
            prelude=self._prelude_name,
            lacks=tuple(lacks),
        )

    def _client(self) -> TcpEnd:
        """Return the end that is the client as far as TCP tells."""
        if self.opener is not None:
            return self.opener
        key = self.keys[0]
        return self.ends[0 if key[-4:-2] >= key[-2:] else 1]  # the lower port is the server's

    def _drain(self, end: TcpEnd) -> None:
        """Give out what has become the next."""
        for data, absent, stamp in end.take() if end.pieces else ():
            self._order.meet(stamp)
            if data:
                self._deliver(end, data)
            if absent:
                self._gap(end, Gap.SNAPPED, absent)
        if end.ended is None and end.finished:
            end.skip(1)  # the FIN has a number too
            self._order.meet(end.fin_stamp)
            self._end(end, StreamEnd.FIN)

    def _pass_hole(self, end: TcpEnd) -> None:
        """Go on behind the first hole, which nothing fills."""
        octets = end.hole
        # Where only a FIN is behind it, no bytes of this end will come any more.
        self._gap(end, Gap.MISSING if end.came else Gap.DIRECTION, octets)
        end.skip(octets)
        self._drain(end)

    def _deliver(self, end: TcpEnd, data: bytes) -> None:
        """Take the next bytes of an end."""
        if self.tls:
            self._tell(end, data, self._now())
        elif self.tls is None:
            if self._prelude is None:
                if begins_with_client_hello(data):  # as most connections do
                    self._begin(TlsStart(end.side, [(end.side, data, self._now())], ""))
                    return
                self._prelude = Prelude()
            start = self._prelude.take(end.side, data, self._now(), missed=end.missed)
            if start is not None:
                self._begin(start)
            elif self._prelude.over:
                self.tls = False

    def _begin(self, start: TlsStart) -> None:
        """Tell what has come of TLS, which has begun."""
        client = self._client() if start.client is None else self.ends[start.client]
        client.sender, client.peer.sender = Endpoint.CLIENT, Endpoint.SERVER
        self.tls, self._prelude, self._prelude_name = True, None, start.prelude
        silent = len({side for side, _, _ in start.pieces}) == 1
        known = silent and not (start.client is None and (client.missed or client.peer.missed))
        for end in self.ends:
            end.missed = end.missed or start.middle
            end.flight = FirstFlight(end.sender) if known else None
        for end in self.ends:
            if end.ended is not None:  # all that it said came before what was needed to tell
                for side, data, time in start.pieces:
                    if side == end.side:
                        self._tell(end, data, time)
                self._end(end, end.ended)
        for side, data, time in start.pieces:
            if self.ends[side].ended is None:
                self._tell(self.ends[side], data, time)

    def _decide_now(self) -> None:
        """Begin with what has come if it is TLS, even where it is unclear what it begins with."""
        start = self._prelude.finish() if self._prelude else None
        if start is not None:
            self._begin(start)

    def _tell(self, end: TcpEnd, data: bytes, time: float) -> None:
        if not end.begun:
            end.missed = end.missed and not begins_with_hello(data)
            if end.missed:
                if not begins_with_record(data):
                    return  # the rest of a record whose header nobody has
                self._gap(end, Gap.START, None, time)
                if self.awaited is end and self._awaited_seq == UNKNOWN:
                    # What the other end answered came before this.
                    self.awaited = None
                    self._order.release()
            end.begun = True
        flight = None if end.peer.begun else end.flight
        if flight is not None and flight.answers(data) and self.awaited is None:
            self._await(end.peer, LONG_PATIENCE)
        self._emit(end, _flow_bytes(flow=self.number, sender=end.sender, data=data, time=time))

    def _tell_missed_start(self, end: TcpEnd) -> None:
        """Tell that an end's start is missing, if nothing of it could be told but its end."""
        missed = end.missed or (end.peer.missed and end.first == UNKNOWN)
        if self.tls and missed and not (end.begun or end.lost):
            self._gap(end, Gap.START, None)

    def _end(self, end: TcpEnd, how: StreamEnd) -> None:
        end.stop()
        if self.awaited is end:
            self._give_up(final=True)
        self._decide_now()
        self._tell_missed_start(end)
        end.ended = how
        if self.tls:
            ended = _flow_end(flow=self.number, sender=end.sender, end=how, time=self._now())
            self._emit(end, ended)

    def _gap(self, end: TcpEnd, gap: Gap, octets: int | None, time: float | None = None) -> None:
        self._decide_now()
        if end.missed and not end.begun and gap in (Gap.MISSING, Gap.SNAPPED):
            return  # a part of its start, of which nobody knows how much is missing
        before = self._lacks.get((end.side, gap), 0)
        total = None if octets is None or before is None else before + octets
        self._lacks[end.side, gap] = total
        if self.tls:
            at = self._now() if time is None else time
            told = FlowGap(flow=self.number, sender=end.sender, gap=gap, octets=octets, time=at)
            self._emit(end, told)
        elif self.tls is None:
            end.missed = True  # what TLS begins with may have been in it

    def _now(self) -> float:
        """Return when what is told now came."""
        late = self._order.late
        return self.last if late is None else late

    def _emit(self, end: TcpEnd, item: Told) -> None:
        if self.awaited is None or self.awaited is end:
            self._order.tell(item)
        else:
            self._order.hold(item, self.packets)

    def _await(self, end: TcpEnd, packets: int) -> None:
        """Hold back what the other end says until bytes of ``end`` come."""
        if self.awaited is not end:
            self._give_up()
            self.awaited, self._awaited_seq, self._patience = end, UNKNOWN, 2**62
        self._patience = min(self._patience, self.packets + packets)

    def _look_again(self) -> None:
        """See whether what is waited for has come, and what comes next may be told at once."""
        end = self.awaited
        if end is not None:
            if self._awaited_seq == UNKNOWN:
                came = end.begun
            else:
                came = distance(self._awaited_seq, end.next) <= 0
            if came:
                self.awaited = None
                self._order.release()
            elif self.packets > self._patience or self._order.octets > MAX_HELD_BACK:
                self._give_up()
        if self.tls is not None:
            one, other = self.ends
            waits = one.pieces or other.pieces or self.awaited is not None
            nothing_waits = not waits and one.fin_at is None and other.fin_at is None
            for end in self.ends:
                known = not self.tls or (end.begun and (end.peer.begun or end.flight is None))
                open_end = end.ended is None and end.peer.next != UNKNOWN
                end.quick = nothing_waits and known and open_end

    def _give_up(self, *, final: bool = False) -> None:
        """Wait no longer for what is awaited: it is missing; ``final`` if no more can come."""
        end, seq = self.awaited, self._awaited_seq
        if end is None:
            return
        self.awaited = None
        # What waited behind the hole is told where it came, between what was held back.
        self._order.start_late(end.oldest, (self.packets, self.last))
        silent = not end.came and not end.hole and end.ended is None
        if seq == UNKNOWN and end.hole:
            self._pass_hole(end)
        while end.hole and seq != UNKNOWN and distance(seq, end.next) > 0:
            self._pass_hole(end)
        beyond = 0 if seq == UNKNOWN else distance(seq, end.next)
        if silent or (beyond > 0 and end.ended is None):
            # How many bytes these are cannot be told: a FIN may be among them.
            end.lost = silent and (final or not end.seen)
            self._gap(end, Gap.DIRECTION if end.lost else Gap.MISSING, None)
            end.skip(max(0, beyond))
        self._order.release()


_flow_bytes, _flow_end = constructor(FlowBytes), constructor(FlowEnd)
_flow, _flow_closed = constructor(Flow), constructor(FlowClosed)
