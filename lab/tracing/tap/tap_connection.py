"""One connection of a tap: what is kept of it while it lasts, and its trace when it has ended.

Rules: while a connection lasts nothing is decoded, as that would keep other connections waiting.
What is kept is the first bytes of either direction, which have the handshake in them; a budget says
where decoding ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from lab.capture.prelude import Prelude, TlsStart
from lab.capture.results import Address, Flow
from lab.tls.code_points import ContentType, HandshakeType
from lab.tls.events import Endpoint, Gap, StreamEnd
from lab.tls.key_log import Secret
from lab.tls.reader import Budget
from lab.tls.sessions import Sessions
from lab.tracing.flow_trace import FlowTrace
from lab.tracing.packet_file import ConnectionPackets
from lab.tracing.results import Trace

BUDGET = Budget(octets=2**18, records=1024, messages=64, items=16384)
"""What is decoded of either direction: OpenSSL lets in no longer handshake."""
_RANDOM = slice(11, 43)  # behind the headers of record and message, and legacy_version
_MOST_PIECES = 8192
"""How many pieces are kept of either direction, however small."""
_PIECE = 256
"""What a piece takes in memory, beside its bytes."""
_MOST_IN_HELLO = 1024
"""In how many pieces a ClientHello is looked for while other connections wait."""
_SECRETS_DUE = 2**15
"""Behind so many bytes a handshake is complete, and the secrets of it can be had."""


@dataclass(slots=True)
class Allowance:
    """How many bytes all connections together may still keep."""

    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    sender: Endpoint
    data: bytes
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    sender: Endpoint
    end: StreamEnd
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """TLS on a connection: what passed of it, and what came before by name.

    ``reversed`` tells that the end that was connected to is the client of TLS.
    """

    items: Sequence[_Sent | _Ended]
    prelude: str = ""
    reversed: bool = False

    def role(self, sender: Endpoint) -> Endpoint:
        """Return what an end of the connection is in TLS."""
        return sender.other if self.reversed else sender

    def sent_by(self, role: Endpoint) -> Iterator[bytes]:
        """Yield the first bytes that an end sent, as many as are needed here."""
        octets = 0
        for item in self.items:
            if isinstance(item, _Sent) and self.role(item.sender) is role:
                octets += len(item.data)
                yield item.data
            if octets >= _RANDOM.stop:
                break


class TapConnection:
    """Watches the connection ``number`` of a tap, as a relay shows it.

    ``secrets`` returns what is known of a client random so far; ``packets`` takes
    all that passes. ``epoch`` is what to add to times for seconds since the epoch. ``dropped``
    tells that the ``allowance`` did not suffice, so that there is nothing to explain, ``is_over``
    that nothing more passes. With ``keep_records`` its trace has the records with their bytes.
    """

    def __init__(
        self,
        number: int,
        client: Address,
        server: Address,
        *,
        epoch: float,
        allowance: Allowance,
        secrets: Callable[[bytes], Sequence[Secret]] | None = None,
        sessions: Sessions | None = None,
        packets: ConnectionPackets | None = None,
        keep_records: bool = False,
    ) -> None:
        self.client, self.server = client, server
        self.number = number
        self.dropped = self.is_over = False
        self._allowance = allowance
        self._kept_octets = 0
        self._keep_records = keep_records
        self._epoch = epoch
        self._secrets = secrets
        self._packets = packets
        self._sessions = sessions
        self._recorded: set[Secret] = set()
        self._first = self._last = time.monotonic()
        self._octets = dict.fromkeys(Endpoint, 0)
        self._pieces = dict.fromkeys(Endpoint, 0)
        self._not_kept: set[Endpoint] = set()
        self._kept: list[_Sent | _Ended] = []
        self._ended: set[Endpoint] = set()
        self._was_cut = False

    def sent(self, sender: Endpoint, data: bytes, time: float) -> None:
        """Take the next bytes that ``sender`` sent."""
        self._last = time
        before = self._octets[sender]
        self._octets[sender] += len(data)
        if before > BUDGET.octets:
            pass  # what passes the budget was kept too: so decoding tells of it
        elif self._pieces[sender] < _MOST_PIECES:
            self._pieces[sender] += 1
            self._keep(sender, data, time)
        else:
            self._not_kept.add(sender)
        if self._packets is not None:
            if before < _SECRETS_DUE <= self._octets[sender]:
                self.record_secrets()
            self._packets.sent(sender, data, time)

    def _keep(self, sender: Endpoint, data: bytes, time: float) -> None:
        octets = len(data) + _PIECE
        if self._allowance.octets < octets:
            self.dropped = True
            self.forget()
        if not self.dropped:
            self._kept.append(_Sent(sender=sender, data=data, time=time))
            self._kept_octets += octets
            self._allowance.octets -= octets

    def forget(self) -> None:
        """Keep nothing any more."""
        self._allowance.octets += self._kept_octets
        self._kept_octets = 0
        self._kept.clear()

    def ended(self, sender: Endpoint, end: StreamEnd, time: float) -> None:
        """Take that TCP ended for what ``sender`` sends."""
        self._last = time
        if sender not in self._ended:
            self._ended.add(sender)
            self._kept.append(_Ended(sender=sender, end=end, time=time))
            if self._packets is not None:
                self._packets.ended(sender, end, time)

    def record_secrets(self) -> bool:
        """Write the secrets so far in front of the packets; return whether there are any."""
        found = self._find_secrets()
        new = set(found) - self._recorded
        if self._packets is not None and new:
            self._packets.learned("".join(map(_line, sorted(new, key=_line))))
            self._recorded |= new
        return bool(found)

    @property
    def awaits_secrets(self) -> bool:
        """Whether its ends agreed on keys, as far as can be seen, that have not been found yet."""
        if self._secrets is None:
            return False
        found = self._find_tls(_MOST_IN_HELLO)
        answer = b"".join(found.sent_by(Endpoint.SERVER))[:1]
        answered = answer == bytes((ContentType.HANDSHAKE,))
        return answered and not self._find_secrets()

    def cut(self) -> None:
        """Take that the tap has ended the connection, and neither end has."""
        self._was_cut = True

    def closed(self) -> None:
        """Take that nothing more passes; write what is left to write."""
        self.is_over = True
        if self._packets is not None:
            self.record_secrets()
            self._packets.closed()

    @property
    def octets(self) -> int:
        """How many bytes passed so far."""
        return sum(self._octets.values())

    def trace(self) -> Trace | None:
        """Decode and explain what was kept; None: nothing was seen."""
        return self._trace(self._sessions)

    def trace_so_far(self) -> Trace | None:
        """Do the same while it lasts, in any thread: without the sessions that others share."""
        return self._trace(None)

    def _trace(self, sessions: Sessions | None) -> Trace | None:
        decoder = FlowTrace(
            budget=BUDGET,
            secrets=self._secrets,
            sessions=sessions,
            keep_records=self._keep_records,
        )
        found = self._find_tls()
        for item in found.items:
            at = self._epoch + item.time
            if isinstance(item, _Sent):
                decoder.feed(found.role(item.sender), item.data, at)
            else:
                decoder.end(found.role(item.sender), item.end, at)
        end = self._epoch + self._last
        for sender in self._not_kept | (set(Endpoint) - self._ended if self._was_cut else set()):
            decoder.miss(found.role(sender), Gap.STOPPED, None, end)
        decoder.finish(end)
        ends = self.server, self.client
        client, server = ends if found.reversed else reversed(ends)
        return decoder.trace(
            Flow(
                number=self.number,
                client=client,
                server=server,
                first=self._epoch + self._first,
                last=end,
                packets=0,
                prelude=found.prelude,
            )
        )

    def _find_tls(self, most: int | None = None) -> _Found:
        """Find where TLS begins; where it does not, all is as it came.

        With ``most``, only so many pieces are looked at, and what is behind them is left out.
        """
        prelude, sides = Prelude(), list(Endpoint)
        ended: list[_Ended] = []
        for at, item in enumerate(self._kept[:most]):
            if isinstance(item, _Ended):
                ended.append(item)
                continue
            start = prelude.take(sides.index(item.sender), item.data, item.time, missed=False)
            if start is not None:
                return _found(start, ended, self._kept[at + 1 : most])
            if prelude.over:
                break
        start = prelude.finish()
        return _found(start, ended, []) if start else _Found(items=self._kept)

    def _find_secrets(self) -> Sequence[Secret]:
        if self._secrets is None:
            return ()
        hello = b"".join(self._find_tls(_MOST_IN_HELLO).sent_by(Endpoint.CLIENT))[: _RANDOM.stop]
        kinds = bytes((ContentType.HANDSHAKE,)), bytes((HandshakeType.CLIENT_HELLO,))
        if len(hello) < _RANDOM.stop or (hello[:1], hello[5:6]) != kinds:
            return ()
        return self._secrets(hello[_RANDOM])


def _found(start: TlsStart, ended: Sequence[_Ended], behind: Sequence[_Sent | _Ended]) -> _Found:
    sides = list(Endpoint)
    pieces = [_Sent(sender=sides[side], data=data, time=at) for side, data, at in start.pieces]
    items: list[_Sent | _Ended] = [*pieces, *ended]
    items.sort(key=attrgetter("time"))
    return _Found(items=[*items, *behind], prelude=start.prelude, reversed=start.client == 1)


def _line(secret: Secret) -> str:
    """Return the line of a key log."""
    label, client_random, value = secret
    return f"{label.value} {client_random.hex()} {value.hex()}\n"
