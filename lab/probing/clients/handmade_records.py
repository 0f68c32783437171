"""Records of TLS 1.3 that are written and read here, and shown to an observer as they pass.

Rules: one cipher suite, TLS_AES_128_GCM_SHA256. Whatever the client sends, reading ends in a
record, or in ``ClientLeft``; the rest of a stream that cannot be read is not looked at.

This module must not know what a record's content means.
"""

from __future__ import annotations

import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lab.stream.observed_wire import EventSink
from lab.stream.wire import Wire
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import ContentType
from lab.tls.events import Endpoint, Event, Fact, LocalFact, StreamEnd
from lab.tls.key_derivation import traffic_keys
from lab.tls.key_log import SecretLabel
from lab.tls.observer import Observer
from lab.tls.opener import SealBroken
from lab.tls.protection import TrafficOpener, traffic_opener
from lab.tls.reader import SERVER_BUDGET, BeyondLimit, WireError
from lab.tls.record_suites import suite_of
from lab.tls.records import MAX_PLAINTEXT, Record, RecordReader

SUITE_CODE = CipherSuite["TLS_AES_128_GCM_SHA256"]
SUITE = suite_of(SUITE_CODE)
_VERSION = b"\x03\x03"


class ClientLeft(Exception):
    """The client ended the connection, or sent what cannot be read."""


class _Sealer:
    """Protects records under a traffic secret (RFC 9846 section 5.2)."""

    def __init__(self, secret: bytes) -> None:
        key, iv = traffic_keys(secret, SUITE)
        self._aead, self._iv, self._sequence = AESGCM(key), int.from_bytes(iv, "big"), 0

    def seal(self, kind: ContentType, data: bytes) -> bytes:
        inner = data + bytes([kind.value])
        header = b"\x17" + _VERSION + (len(inner) + 16).to_bytes(2, "big")
        nonce = (self._iv ^ self._sequence).to_bytes(12, "big")
        self._sequence += 1
        return header + self._aead.encrypt(nonce, inner, header)


class HandmadeRecords:
    """The server's end of one connection: records out, records in, events to ``sink``."""

    def __init__(self, wire: Wire, sink: EventSink) -> None:
        self._wire = wire
        self._sink = sink
        self._observer = Observer(SERVER_BUDGET)
        self._reader = RecordReader()
        self._records: list[Record] = []
        self._sealer: _Sealer | None = None
        self._opener: TrafficOpener | None = None
        self.fact(Fact.CONNECTED)

    def fact(self, fact: Fact, reason: str = "") -> None:
        """Report what no byte shows."""
        self._sink(
            LocalFact(time=time.monotonic(), endpoint=Endpoint.SERVER, fact=fact, reason=reason)
        )

    def learn(self, label: SecretLabel, client_random: bytes, secret: bytes) -> None:
        """Show a secret to the observer, before what it protects passes."""
        self._show(self._observer.learn(f"{label.value} {client_random.hex()} {secret.hex()}\n"))

    def protect(self, secret: bytes) -> None:
        """Send under this traffic secret from now on."""
        self._sealer = _Sealer(secret)

    def expect(self, secret: bytes) -> None:
        """Read under this traffic secret from now on."""
        self._opener = traffic_opener(SUITE, secret)

    async def send(self, kind: ContentType, data: bytes) -> None:
        """Send content, in as many records as it takes. Raises ClientLeft."""
        whole = b""
        for at in range(0, len(data), MAX_PLAINTEXT):
            part = data[at : at + MAX_PLAINTEXT]
            if self._sealer is None or kind is ContentType.CHANGE_CIPHER_SPEC:
                whole += bytes([kind.value]) + _VERSION + len(part).to_bytes(2, "big") + part
            else:
                whole += self._sealer.seal(kind, part)
        self._show(self._observer.feed(Endpoint.SERVER, whole, time.monotonic()))
        try:
            await self._wire.send(whole)
        except ConnectionError as error:
            self.fact(Fact.WRITE_FAILED, error.strerror or str(error))
            raise ClientLeft from error

    async def receive(self) -> tuple[ContentType, bytes]:
        """Return the next record's content, ChangeCipherSpec left out. Raises ClientLeft."""
        while True:
            while not self._records:
                await self._more()
            record = self._records.pop(0)
            if record.content_type is ContentType.CHANGE_CIPHER_SPEC:
                continue
            if self._opener is None or record.content_type is not ContentType.APPLICATION_DATA:
                return record.content_type, record.fragment
            try:
                return self._opener.open(record)
            except SealBroken as error:
                raise ClientLeft from error

    async def _more(self) -> None:
        try:
            data = await self._wire.receive()
        except ConnectionError as error:
            self._end(StreamEnd.RESET)
            raise ClientLeft from error
        if not data:
            self._end(StreamEnd.FIN)
            raise ClientLeft
        self._show(self._observer.feed(Endpoint.CLIENT, data, time.monotonic()))
        self._reader.feed(data)
        try:
            self._records.extend(self._reader.records())
        except (WireError, BeyondLimit) as error:
            raise ClientLeft from error

    def _end(self, end: StreamEnd) -> None:
        self._show(self._observer.end(Endpoint.CLIENT, end, time.monotonic()))

    async def close(self, limit: float) -> None:
        """Send FIN, and let go; what was not decoded comes out as it is."""
        self._wire.finish_sending()
        self._show(self._observer.end(Endpoint.SERVER, StreamEnd.FIN, time.monotonic()))
        self._show(self._observer.unfinished(time.monotonic()))
        await self._wire.close(limit)
        self.fact(Fact.CLOSED)

    def _show(self, events: list[Event]) -> None:
        for event in events:
            self._sink(event)
