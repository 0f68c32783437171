"""The observer: bytes of both directions and secrets go in, events come out.

Rules: nothing a peer sends makes it raise; a direction whose bytes break the syntax ends in one
``Malformed`` (or ``NotTls``) and is read no further, while the other goes on. A message that passes
a limit of ours becomes ``Undecoded``, and so does the rest of a direction that does. It keeps no
event, and no more bytes than its bounds say. What it was told to be missing is no one's fault:
where bytes are, nothing behind them is called malformed or out of order, of either end.

This module must not know where bytes come from, nor what an event will be used for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lab.tls.connection_reader import ConnectionReader
from lab.tls.direction import Direction, Hole
from lab.tls.events import Endpoint, Event, Gap, RecordSpan, StreamEnd
from lab.tls.key_log import KeyRing, Secret
from lab.tls.negotiated import Negotiated
from lab.tls.reader import BeyondLimit, Budget, WireError
from lab.tls.record_log import RecordLog
from lab.tls.records import HEADER, Record, looks_like_tls
from lab.tls.sessions import Sessions
from lab.tls.sslv2_hello import PREFIX, SSLv2Hello, length_of, may_begin_sslv2_hello

MAX_WAITING_BYTES = 2**18
"""How many bytes of records wait for a secret before the oldest are given up."""
MAX_WAITING_RECORDS = 1024
"""How many records wait for a secret before the oldest are given up."""


_Waiting = Record | SSLv2Hello | StreamEnd | Hole | Event


class Observer:
    """Decodes one connection.

    Events come out in the order in which the bytes arrived that completed them: a protected
    record that waits for its secret holds back all that came after it, in both directions. So
    the list is in order of time whenever secrets come. Call ``finish`` when no more secrets
    will: at the end, or first of all where there is no key log, and then nothing waits. More
    than ``MAX_WAITING_BYTES`` or ``MAX_WAITING_RECORDS`` do not wait: the oldest come out sealed.

    With a ``budget``, no more than that is decoded of either end. ``secrets`` returns what is known
    of the connection whose ClientHello has a certain random, and is asked once for each: so a key
    log of many connections need not be learned by each of them. With ``sessions``, which other
    observers share, a TLS 1.2 connection that resumes a session of theirs is opened by its secret.
    A ``record_log`` gets the records with their bytes, opened as far as that is possible.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        *,
        secrets: Callable[[bytes], Iterable[Secret]] | None = None,
        sessions: Sessions | None = None,
        record_log: RecordLog | None = None,
    ) -> None:
        self._ring = KeyRing(secrets)
        connection = Negotiated(sessions)
        self._directions = {
            sender: Direction(sender, connection, self._ring, budget) for sender in Endpoint
        }
        self._reader = ConnectionReader(connection, self._ring, self._directions, record_log)
        self._passes_over = record_log is None
        # A list, as an empty deque takes 760 bytes, and this one is empty as a rule, and short.
        self._waiting: list[tuple[float, Direction, _Waiting]] = []
        self._waiting_bytes = 0
        self._no_more_secrets = False

    def feed(self, sender: Endpoint, data: bytes, time: float, content: bytes = b"") -> list[Event]:
        """Decode ``data``, the next bytes that ``sender`` sent, seen at ``time``.

        ``content`` is the application data that TLS found in them or made them of, if that is
        known. A record that it fills is not decrypted, nor counted in the budget.
        """
        direction = self._directions[sender]
        known = content and not self._waiting and self._passes_over
        if known and (event := direction.pass_over(time, data, content)):
            return [event]
        if not direction.cut:
            direction.reader.feed(data)
            self._cut(direction, time)
        return self._drain()

    def miss(self, sender: Endpoint, gap: Gap, octets: int | None, time: float) -> list[Event]:
        """Record that bytes of ``sender`` are missing here; ``feed`` goes on behind them.

        ``octets`` is their number, None where nobody can tell. What a record or a message lacks a
        part of is passed over, and reading goes on where the next record can be found. It must be
        told before what the other end sent in answer to the missing bytes is fed: that looks out
        of order without them.
        """
        direction = self._directions[sender]
        self._waiting.append((time, direction, direction.miss(gap, octets)))
        return self._drain()

    def learn(self, key_log: str) -> list[Event]:
        """Take text in the NSS key log format: whole lines, any number, in any order.

        Lines of other connections are passed over; before the ClientHello a bounded number is
        kept, since they may be of this one.
        """
        return self._drain() if self._ring.learn(key_log) else []

    def end(self, sender: Endpoint, end: StreamEnd, time: float) -> list[Event]:
        """Record that TCP has ended for what ``sender`` sends."""
        direction = self._directions[sender]
        self._judge_first_bytes(direction, time)
        direction.ended = True
        self._waiting.append((time, direction, end))
        return self._drain()

    def unfinished(self, time: float) -> list[Event]:
        """Report what either side has begun and not ended: nobody waits for the rest."""
        for direction in self._directions.values():
            self._judge_first_bytes(direction, time)
        events = self.finish()
        return events + [
            event
            for direction in self._directions.values()
            if (event := direction.unfinished(time)) is not None
        ]

    def finish(self) -> list[Event]:
        """Stop waiting for secrets: records that wait come out, sealed where none fits."""
        self._no_more_secrets = True
        return self._drain()

    # Cutting bytes into records.

    def _cut(self, direction: Direction, time: float) -> None:
        if not direction.recognised and not self._recognise(direction, time):
            return
        waiting, read = self._waiting, self._reader.read
        try:
            for record in direction.reader.records():
                if direction.budget is not None:
                    direction.count_record(direction.budget, record.span.length)
                if waiting or not (
                    read(direction, record, time) or self._give_up(direction, record, time)
                ):
                    waiting.append((time, direction, record))
                    self._waiting_bytes += len(record.fragment)
        except WireError as error:
            direction.cut = True
            offset = direction.reader.offset
            self._waiting.append((time, direction, direction.malformed(time, offset, error)))
        except BeyondLimit as error:
            direction.cut = True
            self._waiting.append((time, direction, direction.undecoded(time, (), error)))

    def _recognise(self, direction: Direction, time: float) -> bool:
        """Return whether the first bytes are TLS; False too where too few came to tell."""
        reader = direction.reader
        first = reader.pending
        if direction.sender is Endpoint.CLIENT and may_begin_sslv2_hello(first):
            length = length_of(first)
            if len(first) < max(PREFIX, length):
                return False
            span = RecordSpan(reader.offset, length)
            self._waiting.append((time, direction, SSLv2Hello(reader.take(length)[2:], span)))
            direction.recognised = True
        elif first and not looks_like_tls(first):
            if len(first) >= HEADER:
                self._not_tls(direction, first, time)
            return False
        else:
            direction.recognised = len(first) > 1
        return True

    def _judge_first_bytes(self, direction: Direction, time: float) -> None:
        """Report first bytes that are no TLS, however few: no more may come."""
        first = direction.reader.pending
        unrecognised = not direction.recognised and not direction.cut
        if first and unrecognised and not looks_like_tls(first):
            self._not_tls(direction, first, time)

    def _not_tls(self, direction: Direction, first: bytes, time: float) -> None:
        direction.cut = True
        self._waiting.append((time, direction, direction.not_tls(time, first)))

    # Reading what was cut.

    def _drain(self) -> list[Event]:
        waiting, reader = self._waiting, self._reader
        while waiting:
            time, direction, item = waiting[0]
            if isinstance(item, Record):
                read = reader.read(direction, item, time)
                if not read and not self._give_up(direction, item, time):
                    break
                self._waiting_bytes -= len(item.fragment)
            elif isinstance(item, StreamEnd):
                reader.events.append(direction.stream_ended(time, item))
            elif isinstance(item, SSLv2Hello):
                reader.read_sslv2_hello(direction, item, time)
            elif isinstance(item, Hole):
                reader.pass_hole(direction, item, time)
            elif not direction.stopped:
                reader.stop(direction, item)
            del waiting[0]
        events, reader.events = reader.events, []
        return events

    def _give_up(self, direction: Direction, record: Record, time: float) -> bool:
        """Leave a record sealed, unless it may wait for a secret; return whether it was left so."""
        if (
            self._no_more_secrets
            or self._waiting_bytes > MAX_WAITING_BYTES
            or len(self._waiting) > MAX_WAITING_RECORDS
        ):
            self._reader.give_up(direction, record, time)
            return True
        return False
