"""One direction of a connection: what is kept of one sender's bytes, and how far they are read.

Rules: a direction that is cut yields no more records; one that is stopped has none of them read.

This module must not know the other direction, nor what its records say.
"""

from __future__ import annotations

from lab.tls.assembly import MessageAssembler
from lab.tls.connection import Connection
from lab.tls.events import Endpoint, Malformed, Part, Unfinished
from lab.tls.keylog import KeyRing
from lab.tls.reader import WireError
from lab.tls.records import RecordReader
from lab.tls.unsealing import Unsealer


class Direction:
    """What ``sender`` sends."""

    def __init__(self, sender: Endpoint, connection: Connection, ring: KeyRing) -> None:
        self.sender = sender
        self.reader = RecordReader()
        self.assembler = MessageAssembler()
        self.unsealer = Unsealer(sender, connection, ring)
        self.recognised = False  # the first bytes are TLS
        self.cut = False  # no more records are cut from its bytes
        self.stopped = False  # no more records of it are read
        self.ended = False  # TCP has

    def malformed(self, time: float, offset: int, error: WireError) -> Malformed:
        """What breaks the syntax at ``offset`` of the stream."""
        return Malformed(
            time=time,
            endpoint=self.sender,
            offset=offset,
            where=error.where,
            problem=error.problem,
        )

    def unfinished(self, time: float) -> Unfinished | None:
        """What has begun and can still come to its end; None if nothing has."""
        if self.cut or self.stopped or self.ended:
            return None
        part, (came, expected) = Part.RECORD, self.reader.unfinished
        if not came:
            part, (came, expected) = Part.MESSAGE, self.assembler.progress
        if not came:
            return None
        return Unfinished(time=time, endpoint=self.sender, part=part, came=came, expected=expected)
