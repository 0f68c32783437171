"""The one place that feeds an observer: a wire that shows what passes over it.

``ObservedWire`` carries bytes and shows them, ``ObserverFeed`` decides when the observer decodes
them and hands its events to a sink. Both belong to one connection, as one of its ends sees it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from lab.stream.key_log_source import KeyLogSource
from lab.stream.wire import Wire
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import (
    Endpoint,
    Event,
    Fact,
    LocalFact,
    StreamEnd,
)
from lab.tls.observer import Observer
from lab.tls.reader import Budget
from lab.tls.record_log import RecordLog

EventSink = Callable[[Event], None]
# A call of the observer, which returns events: a method and its arguments.
_Call = tuple[Callable[..., Iterable[Event]], tuple[object, ...]]

# What is held back of a handshake at most; beyond it the observer decodes at once.
_HELD_BYTES = 65536
_HELD_ITEMS = 256
_DECIDING = (Fact.HANDSHAKE_RETURNED, Fact.HANDSHAKE_FAILED, Fact.TIMED_OUT, Fact.CLOSED)


class Recorder(Protocol):
    """Takes what passes over a connection as it passes, and its secrets: for a capture file."""

    def sent(self, sender: Endpoint, data: bytes, time: float) -> None:
        """Take the next bytes that ``sender`` sent."""
        ...

    def ended(self, sender: Endpoint, end: StreamEnd, time: float) -> None:
        """Take that TCP ended for what ``sender`` sends."""
        ...

    def learned(self, key_log: str) -> None:
        """Take secrets, as lines of a key log."""
        ...

    def closed(self) -> None:
        """Take that nothing more comes."""
        ...


class ObserverFeed:
    """Feed a connection's bytes and secrets to an observer, and hand its events to ``sink``.

    ``endpoint`` is this end, ``key_log`` the source of its secrets (None: the handshake is decoded
    as far as it is in the clear), ``clock`` gives seconds.

    A handshake is decoded in one go, when its call returns or fails, with the times at which things
    happened; from then on everything is decoded at once. Between the steps of a handshake the
    processor does other things, and decoding each step by itself costs twice as much. With ``live``
    nothing is held back.

    With ``failures_only`` an accepted handshake is told by its facts alone, without its bytes, and
    then the watch is over.

    With a ``budget`` no more than that is decoded of either end, on the whole connection; beyond
    it, events are the local facts and what the other end sends.

    A ``recorder`` gets all bytes, ends and secrets as they come, a ``record_log`` the records with
    their bytes, opened as far as that is possible.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sink: EventSink,
        *,
        key_log: KeyLogSource | None = None,
        clock: Callable[[], float] = time.monotonic,
        live: bool = False,
        failures_only: bool = False,
        budget: Budget | None = None,
        recorder: Recorder | None = None,
        record_log: RecordLog | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.over = False
        self._sink = sink
        self._key_log = key_log
        self._failures_only = failures_only
        self._budget = budget
        self._recorder = recorder
        self._record_log = record_log
        self._observer: Observer | None = None
        self._held: list[_Call | Event] | None = None if live else []
        self._held_bytes = 0
        self._closed = False
        if key_log is None:
            self.no_more_secrets()

    def received(self, data: bytes, at: float, content: bytes = b"") -> None:
        """Take bytes that came from the peer, and the application data that OpenSSL found there."""
        self._bytes(self.endpoint.other, data, at, content)

    def sent(self, data: bytes, at: float, content: bytes = b"") -> None:
        """Take bytes that go to the peer, and the application data that OpenSSL made them of."""
        self._bytes(self.endpoint, data, at, content)

    def learn(self) -> None:
        """Fetch the secrets that OpenSSL may have made in its last step."""
        if self._key_log is not None and (lines := self._key_log.read()):
            if self._recorder is not None:
                self._recorder.learned(lines)
            self._take((Observer.learn, (lines,)))

    def no_more_secrets(self) -> None:
        """Take that no secrets follow: what cannot be decrypted now stays encrypted."""
        self._take((Observer.finish, ()))

    def unfinished(self) -> None:
        """Take that this end waits no longer: records that came in part become events."""
        self._take((Observer.unfinished, (self.clock(),)))

    def ended(self, sender: Endpoint, end: StreamEnd) -> None:
        """Take that one direction of TCP has ended."""
        at = self.clock()
        if self._recorder is not None:
            self._recorder.ended(sender, end, at)
        self._take((Observer.end, (sender, end, at)))

    def fact(
        self,
        fact: Fact,
        reason: str = "",
        *,
        code: int | None = None,
        certificate: bytes | None = None,
        version: ProtocolVersion | None = None,
    ) -> None:
        """Report something that happened at this end and that no byte shows."""
        event = LocalFact(
            time=self.clock(),
            endpoint=self.endpoint,
            fact=fact,
            reason=reason,
            code=code,
            certificate=certificate,
            version=version,
        )
        if fact is Fact.HANDSHAKE_RETURNED and self._failures_only:
            self.over = True
            self._held = [held for held in self._held or () if isinstance(held, Event)]
        self._take(event)
        if fact in _DECIDING:
            self.release()

    def closed(self) -> None:
        """Report that the connection is closed. Later calls do nothing."""
        if not self._closed:
            self._closed = True
            self.no_more_secrets()
            self.fact(Fact.CLOSED)
            if self._recorder is not None:
                self._recorder.ended(self.endpoint, StreamEnd.FIN, self.clock())
                self._recorder.closed()

    def _bytes(self, sender: Endpoint, data: bytes, at: float, content: bytes) -> None:
        if self._recorder is not None:
            self._recorder.sent(sender, data, at)
        if self._held is None:
            for event in self._decoder().feed(sender, data, at, content):
                self._sink(event)
        else:
            self._held.append((Observer.feed, (sender, data, at, content)))
            self._held_bytes += len(data)
            if self._held_bytes > _HELD_BYTES or len(self._held) > _HELD_ITEMS:
                self.release()

    def _take(self, item: _Call | Event) -> None:
        """Hand an event, or those that a call of the observer returns, to the sink or hold it."""
        if self._held is not None:
            self._held.append(item)
        elif isinstance(item, Event):
            self._sink(item)
        else:
            method, arguments = item
            for event in method(self._decoder(), *arguments):
                self._sink(event)

    def _decoder(self) -> Observer:
        if self._observer is None:
            self._observer = Observer(self._budget, record_log=self._record_log)
        return self._observer

    def release(self) -> None:
        """Decode what was held back, and hold back nothing from here on."""
        held, self._held = self._held, None
        for item in held or ():
            self._take(item)


class ObservedWire:
    """A wire whose bytes and whose end go to ``feed``; with None, nobody observes it.

    Bytes that are sent are shown as they are sent. Bytes that are received are shown by
    ``show_received``, once OpenSSL has worked on them: the secret that opens a message exists only
    then. ``peer_end`` is how the peer's direction of TCP ended, None while it is open.
    """

    def __init__(self, wire: Wire, endpoint: Endpoint, feed: ObserverFeed | None) -> None:
        self.feed = feed
        self.peer_end: StreamEnd | None = None
        self._wire = wire
        self._endpoint = endpoint
        self._unseen: tuple[bytes, float] | None = None
        self.fact(Fact.CONNECTED)

    @property
    def has_unseen(self) -> bool:
        """Whether received bytes are still to be shown."""
        return self._unseen is not None

    @property
    def pending(self) -> bool:
        """Whether bytes are here that ``receive`` has not returned."""
        return self._wire.pending

    def fact(self, fact: Fact, reason: str = "") -> None:
        """Report what no byte shows."""
        if self.feed is not None:
            self.feed.fact(fact, reason)

    async def receive(self) -> bytes:
        """Return some bytes, b"" once the peer has sent FIN. Raises ConnectionError on RST."""
        try:
            data = await self._wire.receive()
        except ConnectionError:
            self._peer_ended(StreamEnd.RESET)
            raise
        if data:
            if self.feed is not None:
                self._unseen = (data, self.feed.clock())
        elif self.peer_end is None:
            self._peer_ended(StreamEnd.FIN)
        return data

    def show_received(self, *, learn: bool, content: bytes = b"") -> None:
        """Show what was received last; with ``learn``, first the secrets that may open it.

        ``content`` is the application data that OpenSSL found in it.
        """
        if self.feed is None or self._unseen is None:
            return
        if learn:
            self.feed.learn()
        (data, at), self._unseen = self._unseen, None
        self.feed.received(data, at, content)

    async def send(self, data: bytes, content: bytes = b"") -> None:
        """Show ``data``, made of ``content``, and send it. Raises ConnectionError."""
        if self.feed is not None:
            self.feed.sent(data, self.feed.clock(), content)
        try:
            await self._wire.send(data)
        except ConnectionError as error:
            self.fact(Fact.WRITE_FAILED, error.strerror or str(error))
            raise

    def finish_sending(self) -> None:
        """Send FIN and keep reading."""
        self._wire.finish_sending()
        if self.feed is not None:
            self.feed.ended(self._endpoint, StreamEnd.FIN)

    async def close(self, limit: float) -> None:
        """Let go of the connection, after ``limit`` seconds at the latest."""
        try:
            await self._wire.close(limit)
        finally:  # a server that stops may cancel this
            if self.feed is not None:
                self.feed.closed()

    def _peer_ended(self, end: StreamEnd) -> None:
        self.peer_end = end
        if self.feed is not None:
            self.feed.ended(self._endpoint.other, end)
