"""The observer: bytes of both directions and secrets go in, events come out.

Rules: nothing a peer sends makes it raise; a direction whose bytes break the syntax ends in one
``Malformed`` (or ``NotTls``) and is read no further, while the other goes on. A message that passes
a limit of ours becomes ``Undecoded``, and so does the rest of a direction that does. It keeps no
event, and no more bytes than its bounds say.

This module must not know where bytes come from, nor what an event will be used for.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.tls import messages as msg
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_point import code_table
from lab.tls.code_points import (
    AlertDescription,
    AlertLevel,
    ContentType,
    ExtensionType,
    HandshakeType,
)
from lab.tls.decryption import Stage
from lab.tls.direction import Direction
from lab.tls.events import (
    AlertSeen,
    ChangeCipherSpecSeen,
    Endpoint,
    Event,
    MessageSeen,
    RecordSpan,
    StreamEnd,
)
from lab.tls.frozen_values import constructor
from lab.tls.key_log import KeyRing
from lab.tls.message_parsing import parse_message
from lab.tls.negotiated import Negotiated
from lab.tls.order import Order, Step, step_of
from lab.tls.reader import MAX_ITEMS, BeyondLimit, Budget, WireError
from lab.tls.records import HEADER, MAX_PLAINTEXT, Record, looks_like_tls
from lab.tls.sealed_records import Sealed

MAX_WAITING_BYTES = 2**18
"""How many bytes of records wait for a secret before the oldest are given up."""
MAX_WAITING_RECORDS = 1024
"""How many records wait for a secret before the oldest are given up."""


class Observer:
    """Decodes one connection.

    Events come out in the order in which the bytes arrived that completed them: a protected
    record that waits for its secret holds back all that came after it, in both directions. So
    the list is in order of time whenever secrets come. Call ``finish`` when no more secrets
    will: at the end, or first of all where there is no key log, and then nothing waits. More
    than ``MAX_WAITING_BYTES`` or ``MAX_WAITING_RECORDS`` do not wait: the oldest come out sealed.

    With a ``budget``, no more than that is decoded of either end.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self._ring = KeyRing()
        self._connection = Negotiated()
        self._order = Order()
        self._directions = {
            sender: Direction(sender, self._connection, self._ring, budget) for sender in Endpoint
        }
        # A list, as an empty deque takes 760 bytes, and this one is empty as a rule, and short.
        self._waiting: list[tuple[float, Direction, Record | StreamEnd | Event]] = []
        self._waiting_bytes = 0
        self._no_more_secrets = False
        self._events: list[Event] = []

    def feed(self, sender: Endpoint, data: bytes, time: float, content: bytes = b"") -> list[Event]:
        """Decode ``data``, the next bytes that ``sender`` sent, seen at ``time``.

        ``content`` is the application data that TLS found in them or made them of, if that is
        known. A record that it fills is not decrypted, nor counted in the budget.
        """
        direction = self._directions[sender]
        if content and not self._waiting and (event := direction.pass_over(time, data, content)):
            return [event]
        if not direction.cut:
            direction.reader.feed(data)
            self._cut(direction, time)
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
        if not direction.recognised:
            first = direction.reader.pending
            if first and not looks_like_tls(first):
                if len(first) >= HEADER:
                    self._not_tls(direction, first, time)
                return
            direction.recognised = len(first) > 1
        waiting = self._waiting
        try:
            for record in direction.reader.records():
                if direction.budget is not None:
                    direction.count_record(direction.budget, record.span.length)
                if waiting or not self._read(direction, record, time):
                    waiting.append((time, direction, record))
                    self._waiting_bytes += len(record.fragment)
        except WireError as error:
            direction.cut = True
            offset = direction.reader.offset
            self._waiting.append((time, direction, direction.malformed(time, offset, error)))
        except BeyondLimit as error:
            direction.cut = True
            self._waiting.append((time, direction, direction.undecoded(time, (), error)))

    def _judge_first_bytes(self, direction: Direction, time: float) -> None:
        """Report first bytes that are no TLS, however few: no more may come."""
        first = direction.reader.pending
        unrecognised = not direction.recognised and not direction.cut
        if first and unrecognised and not looks_like_tls(first):
            self._not_tls(direction, first, time)

    def _not_tls(self, direction: Direction, first: bytes, time: float) -> None:
        direction.cut = True
        self._waiting.append((time, direction, direction.not_tls(time, first)))

    # Reading records.

    def _drain(self) -> list[Event]:
        waiting = self._waiting
        while waiting:
            time, direction, item = waiting[0]
            if isinstance(item, Record):
                if not self._read(direction, item, time):
                    break
                self._waiting_bytes -= len(item.fragment)
            elif isinstance(item, StreamEnd):
                self._events.append(direction.stream_ended(time, item))
            elif not direction.stopped:
                self._stop(direction, item)
            del waiting[0]
        events, self._events = self._events, []
        return events

    def _read(self, direction: Direction, record: Record, time: float) -> bool:
        """Turn a record into events; False where it must wait for a secret."""
        if direction.stopped:
            return True
        decryption = direction.decryption
        try:
            kind, _, data, span = record
            # Whether it is protected rather than in the clear.
            encrypted = kind is ContentType.APPLICATION_DATA or decryption.stage is Stage.CONNECTION
            if encrypted:
                opened = decryption.open(record)
                if opened is None:
                    if self._may_wait():
                        return False
                    opened = decryption.give_up(record)
                if isinstance(opened, Sealed):
                    self._sealed(direction, record, opened, time)
                    return True
                kind, data = opened
            if len(data) > MAX_PLAINTEXT:
                problem = f"{len(data)} where {MAX_PLAINTEXT} is the most"
                raise WireError("TLSPlaintext.length", problem)
            if kind is ContentType.HANDSHAKE and direction.assembler.is_whole(data):  # as most are
                self._message(direction, data, (span,), time, encrypted)
            else:
                self._content(direction, span, kind, data, time, encrypted)
        except WireError as error:
            self._stop(direction, direction.malformed(time, record.span.offset, error))
        except BeyondLimit as error:
            self._stop(direction, direction.undecoded(time, (record.span,), error))
        return True

    def _stop(self, direction: Direction, event: Event) -> None:
        """Read no more of a direction; ``event`` says why. Order is not judged from here on."""
        direction.stopped = direction.cut = True
        self._order.suspend()
        self._events.append(event)

    def _may_wait(self) -> bool:
        return not (
            self._no_more_secrets
            or self._waiting_bytes > MAX_WAITING_BYTES
            or len(self._waiting) > MAX_WAITING_RECORDS
        )

    def _sealed(self, direction: Direction, record: Record, sealed: Sealed, time: float) -> None:
        if sealed.hides_handshake:
            self._order.suspend()
        self._events.append(direction.sealed(time, record, sealed))

    def _content(
        self,
        direction: Direction,
        span: RecordSpan,
        kind: ContentType,
        data: bytes,
        time: float,
        encrypted: bool,
    ) -> None:
        """Read the content of a record, in the clear or opened."""
        if kind is ContentType.HANDSHAKE:
            self._fragment(direction, span, data, time, encrypted)
        elif kind is ContentType.ALERT:
            self._alert(direction, span, data, time, encrypted)
        elif direction.assembler.unfinished:
            # RFC 9846 section 5.1: no other records between those of one message. An alert is
            # let through above: it tells why the sender gave up.
            raise WireError("Handshake", f"a message is interrupted by {kind}")
        elif kind is ContentType.APPLICATION_DATA:
            event = direction.application_data(time, span, data, encrypted=encrypted)
            self._events.append(event)
        elif kind is ContentType.CHANGE_CIPHER_SPEC:
            self._change_cipher_spec(direction, span, data, time, encrypted)
        else:
            raise WireError("TLSInnerPlaintext.type", f"{kind} is no content of TLS")

    def _alert(
        self, direction: Direction, span: RecordSpan, data: bytes, time: float, encrypted: bool
    ) -> None:
        if len(data) != 2:  # RFC 9846 section 5.1: one alert a record, whole
            raise WireError("Alert", f"{len(data)} bytes where an alert has 2")
        self._events.append(
            AlertSeen(
                time=time,
                endpoint=direction.sender,
                records=(span,),
                encrypted=encrypted,
                level=AlertLevel(data[0]),
                description=AlertDescription(data[1]),
            )
        )

    def _change_cipher_spec(
        self, direction: Direction, span: RecordSpan, data: bytes, time: float, encrypted: bool
    ) -> None:
        if data != b"\x01":
            raise WireError("ChangeCipherSpec", "not the one byte 1 that it must be")
        tls13 = self._connection.is_tls13 or direction.decryption.stage in _TLS13_STAGES
        if tls13 and encrypted:  # RFC 9846 section 5: never protected
            raise WireError("TLSInnerPlaintext.type", "change_cipher_spec is protected")
        legal = self._order.take(direction.sender, Step.CHANGE_CIPHER_SPEC)
        if not tls13 and self._connection.version is not None:
            direction.decryption.change_cipher_spec()
        self._events.append(
            _change_cipher_spec_seen(
                time=time,
                endpoint=direction.sender,
                records=(span,),
                encrypted=encrypted,
                out_of_order=not legal,
            )
        )

    # Handshake messages.

    def _fragment(
        self, direction: Direction, span: RecordSpan, data: bytes, time: float, encrypted: bool
    ) -> None:
        if not data:  # RFC 9846 section 5.1
            raise WireError("Handshake", "an empty fragment")
        assembler, decryption = direction.assembler, direction.decryption
        for raw, records in assembler.add(data, span):
            epoch = decryption.epoch
            self._message(direction, raw, records, time, encrypted)
            if decryption.epoch != epoch and assembler.unfinished:
                # RFC 9846 section 5.1: a message before a change of keys ends its record.
                raise WireError("Handshake", "a message goes on over a change of keys")

    def _message(
        self,
        direction: Direction,
        raw: bytes,
        records: tuple[RecordSpan, ...],
        time: float,
        encrypted: bool,
    ) -> None:
        if direction.budget is not None:
            direction.count_message(direction.budget)
        sender, msg_type = direction.sender, _TYPES[raw[0]]
        try:
            message, items = parse_message(msg_type, raw[4:], self._connection.context)
        except BeyondLimit as error:
            self._events.append(direction.undecoded(time, records, error, msg_type))
            self._pass_over(direction, msg_type, raw, time)
            return
        direction.items += items
        # RFC 9846 section 2: once there are keys, every message is protected.
        exposed = not encrypted and direction.decryption.stage in _TLS13_STAGES
        if isinstance(message, msg.ServerHello) and sender is Endpoint.SERVER:
            self._connection.answer(message)
            self._order.choose(tls13=self._connection.is_tls13)
        legal = self._order.take(sender, step_of(message))
        if type(message) in _KEY_CHANGES:
            self._change_keys(direction, message)
        self._events.append(
            _message_seen(
                time=time,
                endpoint=sender,
                records=records,
                encrypted=encrypted,
                message=message,
                raw=raw,
                out_of_order=exposed or not legal,
            )
        )

    def _pass_over(
        self, direction: Direction, msg_type: HandshakeType, raw: bytes, time: float
    ) -> None:
        """Continue after a message that is not decoded, using what is known of it."""
        direction.items += MAX_ITEMS
        self._order.suspend()
        if direction.sender is Endpoint.CLIENT and msg_type is HandshakeType.CLIENT_HELLO:
            self._begin(direction, raw[_RANDOM], suites=None, early_data=None)
        elif direction.sender is Endpoint.SERVER and msg_type is HandshakeType.SERVER_HELLO:
            # Neither end's messages can be understood without the version and the suite.
            error = BeyondLimit("ServerHello", "what follows depends on it, and it is not decoded")
            client = self._directions[Endpoint.CLIENT]
            if not client.stopped:
                self._stop(client, client.undecoded(time, (), error))
            raise error

    def _change_keys(self, direction: Direction, message: msg.HandshakeMessage) -> None:
        """Change the keys of what follows ``message``; a hello of the wrong side changes none."""
        if isinstance(message, msg.ClientHello):
            if direction.sender is Endpoint.CLIENT:
                early_data = message.has(ExtensionType.EARLY_DATA)
                self._begin(direction, message.random, message.cipher_suites, early_data)
        elif isinstance(message, msg.ServerHello):
            if direction.sender is Endpoint.SERVER and self._connection.is_tls13:
                for either in self._directions.values():
                    either.decryption.server_hello()
        else:
            direction.decryption.follow(message)

    def _begin(
        self,
        direction: Direction,
        random: bytes,
        suites: Sequence[CipherSuite] | None,
        early_data: bool | None,
    ) -> None:
        """Follow the client's hello; None is what nobody knows, as it was not decoded."""
        self._ring.claim(random)
        self._connection.begin(random, suites)
        direction.decryption.client_hello(early_data=early_data)


_TYPES = code_table(HandshakeType)
_RANDOM = slice(6, 38)  # of a hello, behind its header and its version
_message_seen = constructor(MessageSeen)
_change_cipher_spec_seen = constructor(ChangeCipherSpecSeen)
_KEY_CHANGES = {
    msg.ClientHello,
    msg.ServerHello,
    msg.EndOfEarlyData,
    msg.Finished,
    msg.KeyUpdate,
}
_TLS13_STAGES = (Stage.HANDSHAKE, Stage.APPLICATION)
