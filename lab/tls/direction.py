"""One direction of a connection: what is kept of one sender's bytes, and how far they are read.

Rules: a direction that is cut yields no more records; one that is stopped has none of them read.

This module must not know the other direction, nor what its records say.
"""

from __future__ import annotations

from lab.tls.code_points import HandshakeType
from lab.tls.decryption import RecordDecryption, Stage
from lab.tls.events import (
    ApplicationDataSeen,
    Endpoint,
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
from lab.tls.key_log import KeyRing
from lab.tls.negotiated import Negotiated
from lab.tls.reader import BeyondLimit, Budget, WireError
from lab.tls.records import MessageReassembler, Record, RecordReader, sniff
from lab.tls.sealed_records import Sealed

_APPLICATION_DATA = b"\x17\x03"  # a record's type, and its version's first byte
SAMPLE = 64
"""How many bytes of what is no TLS are shown."""


class Direction:
    """What ``sender`` sends. ``budget`` is how much of it is decoded, None for all."""

    __slots__ = (
        "_messages",
        "_octets",
        "_records",
        "assembler",
        "budget",
        "cut",
        "decryption",
        "ended",
        "items",
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
        self.recognised = False  # the first bytes are TLS
        self.cut = False  # no more records are cut from its bytes
        self.stopped = False  # no more records of it are read
        self.ended = False  # TCP has
        self.budget = budget
        self.items = 0  # of all lists in messages so far
        self._records = self._octets = self._messages = 0

    def pass_over(self, time: float, data: bytes, content: bytes) -> ApplicationDataSeen | None:
        """Return the event for ``data`` if it is one record that held just ``content``.

        None where the bytes must be read as all others are.
        """
        whole = data[:2] == _APPLICATION_DATA and int.from_bytes(data[3:5], "big") == len(data) - 5
        within = self.cut or self.stopped or self.reader.pending or self.assembler.unfinished
        early, opener = self.decryption.stage is Stage.EARLY, self.decryption.opener
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
        return SealedSeen(
            time=time,
            endpoint=self.sender,
            records=(record.span,),
            encrypted=True,
            content_type=record.content_type,
            length=len(record.fragment),
            inference=sealed.inference,
            inner_length=sealed.inner_length,
            early_data=sealed.early_data,
        )

    def not_tls(self, time: float, first: bytes) -> NotTls:
        """Return the event for the sender's ``first`` bytes, which are no TLS."""
        protocol = sniff(first)
        return NotTls(time=time, endpoint=self.sender, protocol=protocol, sample=first[:SAMPLE])

    def stream_ended(self, time: float, end: StreamEnd) -> StreamEnded:
        """Return the event for the end of TCP, perhaps inside of a record or a message."""
        inside = bool(self.reader.pending) or self.assembler.unfinished
        return StreamEnded(
            time=time, endpoint=self.sender, end=end, truncated=inside and not self.stopped
        )

    def unfinished(self, time: float) -> Unfinished | None:
        """Return the event for what has begun and could still be completed; None if nothing has."""
        if self.cut or self.stopped or self.ended:
            return None
        part, (came, expected) = Part.RECORD, self.reader.unfinished
        if not came:
            part, (came, expected) = Part.MESSAGE, self.assembler.progress
        if not came:
            return None
        return Unfinished(time=time, endpoint=self.sender, part=part, came=came, expected=expected)


_application_data_seen = constructor(ApplicationDataSeen)
