"""One direction of a connection: what is kept of one sender's bytes, and how far they are read.

Rules: a direction that is cut yields no more records; one that is stopped has none of them read.

This module must not know the other direction, nor what its records say.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.tls.code_point import code_table
from lab.tls.code_points import AlertDescription, AlertLevel, ContentType, HandshakeType
from lab.tls.decryption import RecordDecryption
from lab.tls.events import (
    AlertSeen,
    ApplicationDataSeen,
    Endpoint,
    Gap,
    HeartbeatSeen,
    Malformed,
    NotTls,
    Part,
    RecordSpan,
    SealedSeen,
    StreamEnd,
    StreamEnded,
    Undecoded,
    Unfinished,
)
from lab.tls.frozen_values import constructor
from lab.tls.heartbeat import HeartbeatReader, is_heartbeat
from lab.tls.key_log import KeyRing
from lab.tls.negotiated import Negotiated
from lab.tls.reader import BeyondLimit, Budget, WireError
from lab.tls.records import MessageReassembler, Record, RecordReader, begins_message, sniff
from lab.tls.sealed_records import Sealed
from lab.tls.stages import CONNECTION, EARLY, UNKNOWN

_APPLICATION_DATA = b"\x17\x03"  # a record's type, and its version's first byte
SAMPLE = 64
"""How many bytes of what is no TLS are shown."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Missing bytes: ``octets`` of them, and with them ``records``; None where nobody can tell.

    ``begun`` is the record that they cut short, with as much of its fragment as came.
    """

    gap: Gap
    octets: int | None
    records: int | None
    begun: Record | None


class Direction:
    """What ``sender`` sends. ``budget`` is how much of it is decoded, None for all."""

    __slots__ = (
        "_messages",
        "_octets",
        "_records",
        "adrift",
        "assembler",
        "budget",
        "cut",
        "decryption",
        "ended",
        "heartbeats",
        "items",
        "lacking",
        "reader",
        "recognised",
        "sender",
        "stopped",
    )

    def __init__(
        self,
        sender: Endpoint,
        connection: Negotiated,
        ring: KeyRing,
        budget: Budget | None = None,
    ) -> None:
        self.sender = sender
        self.reader = RecordReader()
        self.assembler = MessageReassembler()
        self.decryption = RecordDecryption(sender, connection, ring)
        self.heartbeats = HeartbeatReader()
        self.recognised = False  # the first bytes are TLS
        self.cut = False  # no more records are cut from its bytes
        self.stopped = False  # no more records of it are read
        self.ended = False  # TCP has
        self.lacking = False  # bytes of it are missing
        self.adrift = False  # where the next message begins is not known
        self.budget = budget
        self.items = 0  # of all lists in messages so far
        self._records = self._octets = self._messages = 0

    def miss(self, gap: Gap, octets: int | None) -> Hole:
        """Go on behind ``octets`` that are missing here, None where their number is not known."""
        self.lacking = self.recognised = True
        begun = self.reader.begun
        return Hole(gap, octets, self.reader.miss(octets), begun)

    def lose_track(self) -> None:
        """Abandon a message that has begun, and look for the start of another."""
        self.assembler.abandon()
        self.adrift = True

    def is_protected(self, kind: ContentType, data: bytes) -> bool:
        """Whether a record is protected, or may be, where bytes are missing.

        A ChangeCipherSpec may be among those. No protection leaves an alert at 2 bytes, nor a
        ChangeCipherSpec at 1.
        """
        stage = self.decryption.stage
        if kind is ContentType.APPLICATION_DATA or stage is CONNECTION:
            return True
        if not self.adrift and stage is not UNKNOWN:
            return False
        if kind is ContentType.ALERT:
            return len(data) != 2
        if kind is ContentType.CHANGE_CIPHER_SPEC:
            return data != b"\x01"
        if kind is ContentType.HEARTBEAT:
            return not is_heartbeat(data)
        return stage is UNKNOWN or not begins_message(data)

    def pass_over(self, time: float, data: bytes, content: bytes) -> ApplicationDataSeen | None:
        """Return the event for ``data`` if it is one record that held just ``content``.

        None where the bytes must be read as all others are.
        """
        whole = data[:2] == _APPLICATION_DATA and int.from_bytes(data[3:5], "big") == len(data) - 5
        unread = self.lacking or self.cut or self.stopped
        within = unread or self.reader.pending or self.assembler.unfinished
        early, opener = self.decryption.stage is EARLY, self.decryption.opener
        if not whole or within or early or opener is None:
            return None
        if not opener.pass_over(len(data) - 5, content):
            return None
        span = RecordSpan(offset=self.reader.offset, length=len(data))
        self.reader.offset += len(data)
        return self.application_data(time, span, content, encrypted=True)

    def application_data(
        self, time: float, span: RecordSpan, content: bytes, *, encrypted: bool
    ) -> ApplicationDataSeen:
        """Return the event for a record of application data."""
        return _application_data_seen(
            time=time, endpoint=self.sender, records=(span,), encrypted=encrypted, data=content
        )

    def count_record(self, budget: Budget, octets: int) -> None:
        """Count a record of ``octets``. Raises ``BeyondLimit`` where it is not to be read."""
        self._records += 1
        self._octets += octets
        if self._records > budget.records:
            raise BeyondLimit("stream", f"more than {budget.records} records")
        if self._octets > budget.octets:
            raise BeyondLimit("stream", f"more than {budget.octets} bytes")

    def count_message(self, budget: Budget) -> None:
        """Count a message. Raises ``BeyondLimit`` where it is not to be decoded."""
        self._messages += 1
        if self._messages > budget.messages:
            raise BeyondLimit("Handshake", f"more than {budget.messages} messages")
        if self.items > budget.items:
            raise BeyondLimit("Handshake", f"more than {budget.items} items in lists")

    def malformed(self, time: float, offset: int, error: WireError) -> Malformed:
        """Return the event for what breaks the syntax at ``offset`` of the stream."""
        return Malformed(
            time=time,
            endpoint=self.sender,
            offset=offset,
            where=error.where,
            problem=error.problem,
        )

    def undecoded(
        self,
        time: float,
        records: tuple[RecordSpan, ...],
        error: BeyondLimit,
        message: HandshakeType | None = None,
    ) -> Undecoded:
        """Return the event for what is beyond a limit: one ``message``, or all from here on."""
        return Undecoded(
            time=time,
            endpoint=self.sender,
            records=records,
            where=error.where,
            limit=error.limit,
            message=message,
        )

    def sealed(self, time: float, record: Record, sealed: Sealed) -> SealedSeen:
        """Return the event for a record that is not opened."""
        return _sealed_seen(
            time=time,
            endpoint=self.sender,
            records=(record.span,),
            encrypted=True,
            content_type=record.content_type,
            length=len(record.fragment),
            inference=sealed.inference,
            inner_length=sealed.inner_length,
            early_data=sealed.early_data,
            limit=sealed.limit,
        )

    def alert(self, time: float, span: RecordSpan, data: bytes, *, encrypted: bool) -> AlertSeen:
        """Return the event for an alert. Raises ``WireError`` where ``data`` is none."""
        if len(data) != 2:  # RFC 9846 section 5.1: one alert a record, whole
            raise WireError("Alert", f"{len(data)} bytes where an alert has 2")
        return _alert_seen(
            time=time,
            endpoint=self.sender,
            records=(span,),
            encrypted=encrypted,
            level=_LEVELS[data[0]],
            description=_DESCRIPTIONS[data[1]],
        )

    def heartbeat(
        self, time: float, span: RecordSpan, data: bytes, *, encrypted: bool, out_of_order: bool
    ) -> HeartbeatSeen:
        """Return the event for a record of the heartbeat protocol."""
        message_type, payload_length = self.heartbeats.read(data)
        return HeartbeatSeen(
            time=time,
            endpoint=self.sender,
            records=(span,),
            encrypted=encrypted,
            length=len(data),
            message_type=message_type,
            payload_length=payload_length,
            out_of_order=out_of_order,
        )

    def not_tls(self, time: float, first: bytes) -> NotTls:
        """Return the event for the sender's ``first`` bytes, which are no TLS."""
        protocol = sniff(first)
        return NotTls(time=time, endpoint=self.sender, protocol=protocol, sample=first[:SAMPLE])

    def stream_ended(self, time: float, end: StreamEnd) -> StreamEnded:
        """Return the event for the end of TCP, perhaps inside of a record or a message."""
        inside = bool(self.reader.pending) or self.assembler.unfinished
        known = not self.stopped and not self.lacking
        return _stream_ended(time=time, endpoint=self.sender, end=end, truncated=inside and known)

    def unfinished(self, time: float) -> Unfinished | None:
        """Return the event for what has begun and could still be completed; None if nothing has."""
        if self.cut or self.stopped or self.ended or self.lacking:
            return None
        part, (came, expected) = Part.RECORD, self.reader.unfinished
        if not came:
            part, (came, expected) = Part.MESSAGE, self.assembler.progress
        if not came:
            return None
        return Unfinished(time=time, endpoint=self.sender, part=part, came=came, expected=expected)


_LEVELS, _DESCRIPTIONS = code_table(AlertLevel), code_table(AlertDescription)
_alert_seen = constructor(AlertSeen)
_application_data_seen = constructor(ApplicationDataSeen)
_sealed_seen = constructor(SealedSeen)
_stream_ended = constructor(StreamEnded)
