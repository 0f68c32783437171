"""A wire that changes one bit of what the server sends: the signature in its ServerKeyExchange.

TLS 1.2 sends that message in the clear (RFC 5246 section 7.4.3), with the signature at its end.
"""

from __future__ import annotations

from lab.stream.wire import Wire
from lab.tls.code_points import ContentType, HandshakeType
from lab.tls.records import HEADER, Record, RecordReader

_MESSAGE_HEADER = 4


class SpoilingWire:
    """Passes everything on as it is, save for the last bit of a ServerKeyExchange."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._reader = RecordReader()
        self._is_over = False

    @property
    def pending(self) -> bool:
        """See ``Wire``."""
        return self._wire.pending

    async def receive(self) -> bytes:
        """See ``Wire``."""
        return await self._wire.receive()

    async def send(self, data: bytes) -> None:
        """Hand bytes on, whole records of OpenSSL's. Raises ConnectionError."""
        await self._wire.send(data if self._is_over else self._spoilt(data))

    def finish_sending(self) -> None:
        """See ``Wire``."""
        self._wire.finish_sending()

    async def close(self, limit: float) -> None:
        """See ``Wire``."""
        await self._wire.close(limit)

    def _spoilt(self, data: bytes) -> bytes:
        changed = bytearray(data)
        start = self._reader.offset
        self._reader.feed(data)
        for record in self._reader.records():
            if record.content_type is ContentType.CHANGE_CIPHER_SPEC:
                self._is_over = True
                break
            if (end := _end_of_key_exchange(record)) is not None:
                changed[record.span.offset - start + HEADER + end - 1] ^= 1
        return bytes(changed)


def _end_of_key_exchange(record: Record) -> int | None:
    """Where in the record's fragment a ServerKeyExchange ends; None where there is none."""
    fragment, at = record.fragment, 0
    if record.content_type is not ContentType.HANDSHAKE:
        return None
    while at + _MESSAGE_HEADER <= len(fragment):
        end = at + _MESSAGE_HEADER + int.from_bytes(fragment[at + 1 : at + _MESSAGE_HEADER], "big")
        if fragment[at] == HandshakeType.SERVER_KEY_EXCHANGE.value and end <= len(fragment):
            return end
        at = end
    return None
