"""The one place that feeds an observer: a wire that shows what passes over it.

``ObservedWire`` carries bytes and shows them, ``ObserverFeed`` decides when the observer decodes
them and hands its events to a sink. Both belong to one connection, as one of its ends sees it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

from lab.stream.allowance import Allowance
from lab.stream.key_log_source import KeyLogSource
from lab.stream.wire import Wire
from lab.tls.bounds import Budget
from lab.tls.code_points import ProtocolVersion
from lab.tls.events import (
    Endpoint,
    Event,
    Fact,
    LocalFact,
    StreamEnd,
)
from lab.tls.observer import Observer

EventSink = Callable[[Event], None]
# Something to tell the observer, which makes events of it: a method and its arguments.
_Told = tuple[Callable[..., Iterable[Event]], tuple[object, ...]]

# What a handshake may be before it is told in parts: then it is not held back any longer.
_HELD_BYTES = 65536
_HELD_PIECES = 256
_DECIDING = (Fact.HANDSHAKE_RETURNED, Fact.HANDSHAKE_FAILED, Fact.TIMED_OUT, Fact.CLOSED)


class ObserverFeed:
    """Feeds a connection's bytes and secrets to an observer and hands its events to ``sink``.

    ``endpoint`` is the end that watches, ``key_log`` the source of its secrets (None: the handshake
    is seen as far as it is in the clear), ``clock`` gives seconds.

    A handshake is told in one go, when its call returns or fails, with the times at which things
    happened; from then on everything is told at once. Between the steps of a handshake the
    processor does other things, and an observer that is called for each anew costs twice as much.
    With ``live`` nothing is held back.

    With an ``allowance`` the watch is over once the handshake was accepted, and an accepted
    handshake is decoded only while the allowance lasts: after that, its facts are told without its
    bytes. One that fails is always told, and costs the allowance nothing: or whoever is refused
    could keep others from being told.

    With a ``budget`` no more than that is decoded of either end: behind it, the handshake is told
    by its facts and by what the other end sends.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sink: EventSink,
        *,
        key_log: KeyLogSource | None = None,
        clock: Callable[[], float] = time.monotonic,
        live: bool = False,
        allowance: Allowance | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.over = False
        self._sink = sink
        self._key_log = key_log
        self._allowance = allowance
        self._budget = budget
        self._observer: Observer | None = None
        self._held: list[_Told | Event] | None = None if live else []
        self._held_bytes = 0
        self._closed = False
        if key_log is None:
            self.no_more_secrets()

    def received(self, data: bytes, at: float) -> None:
        """Bytes came from the peer."""
        self._bytes(self.endpoint.other, data, at)

    def sent(self, data: bytes, at: float) -> None:
        """Bytes are on their way to the peer."""
        self._bytes(self.endpoint, data, at)

    def learn(self) -> None:
        """OpenSSL has worked: fetch the secrets that it may have made."""
        if self._key_log is not None and (lines := self._key_log.read()):
            self._tell((Observer.learn, (lines,)))

    def no_more_secrets(self) -> None:
        """OpenSSL has come to an end with the handshake: what is still sealed stays sealed."""
        self._tell((Observer.finish, ()))

    def unfinished(self) -> None:
        """This end waits no longer: let what has come in part be told of."""
        self._tell((Observer.unfinished, (self.clock(),)))

    def ended(self, sender: Endpoint, end: StreamEnd) -> None:
        """One direction of TCP is over."""
        self._tell((Observer.end, (sender, end, self.clock())))

    def fact(
        self,
        fact: Fact,
        reason: str = "",
        *,
        code: int | None = None,
        certificate: bytes | None = None,
        version: ProtocolVersion | None = None,
    ) -> None:
        """Something happened here that no byte shows."""
        event = LocalFact(
            time=self.clock(),
            endpoint=self.endpoint,
            fact=fact,
            reason=reason,
            code=code,
            certificate=certificate,
            version=version,
        )
        if fact is Fact.HANDSHAKE_RETURNED and self._allowance is not None:
            self._accepted(event, self._allowance)
            return
        self._tell(event)
        if fact in _DECIDING:
            self._release()

    def _accepted(self, event: LocalFact, allowance: Allowance) -> None:
        """Tell of a handshake that was accepted what there is time for, and watch no longer."""
        self.over = True
        decoded = self._held is None or allowance.left
        if not decoded:
            # The facts alone, and that the bytes were not looked at.
            self._held = [told for told in self._held or () if isinstance(told, Event)]
            self.fact(Fact.NOT_DECODED)
        self._tell(event)
        with allowance.spent() if decoded else contextlib.nullcontext():
            self._release()

    def closed(self) -> None:
        """The connection is let go of. Later calls do nothing."""
        if not self._closed:
            self._closed = True
            self.no_more_secrets()
            self.fact(Fact.CLOSED)

    def _bytes(self, sender: Endpoint, data: bytes, at: float) -> None:
        self._tell((Observer.feed, (sender, data, at)))
        if self._held is not None:
            self._held_bytes += len(data)
            if self._held_bytes > _HELD_BYTES or len(self._held) > _HELD_PIECES:
                self._release()

    def _tell(self, told: _Told | Event) -> None:
        """Let the sink have an event, or what the observer makes of something, now or later."""
        if self._held is not None:
            self._held.append(told)
        elif isinstance(told, Event):
            self._sink(told)
        else:
            make, arguments = told
            if self._observer is None:
                self._observer = Observer(self._budget)
            for event in make(self._observer, *arguments):
                self._sink(event)

    def _release(self) -> None:
        """Tell what was held back, and hold back nothing from here on."""
        held, self._held = self._held, None
        for told in held or ():
            self._tell(told)


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

    def show_received(self, *, learn: bool) -> None:
        """Show what was received last; with ``learn``, first the secrets that may open it."""
        if self.feed is None or self._unseen is None:
            return
        if learn:
            self.feed.learn()
        (data, at), self._unseen = self._unseen, None
        self.feed.received(data, at)

    async def send(self, data: bytes) -> None:
        """Show ``data`` and send it. Raises ConnectionError."""
        if self.feed is not None:
            self.feed.sent(data, self.feed.clock())
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
