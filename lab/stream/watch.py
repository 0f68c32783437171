"""What a stream tells the observer, and whom the observer's events reach.

A watch belongs to one connection, as one of its ends sees it. A stream without a watch does the
same work and tells nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from lab.stream.keylog import KeyLogSource
from lab.tls.events import Endpoint, Event, Fact, LocalFact, StreamEnd
from lab.tls.observer import HandshakeObserver

EventSink = Callable[[Event], None]


class Watch:
    """Feeds a connection's bytes and secrets to an observer and hands its events to ``sink``.

    ``endpoint`` is the end that watches, ``key_log`` the source of its secrets (None: the handshake
    is seen as far as it is in the clear), ``clock`` gives seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sink: EventSink,
        *,
        key_log: KeyLogSource | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self._sink = sink
        self._key_log = key_log
        self._observer = HandshakeObserver()
        self._closed = False
        if key_log is None:
            self.no_more_secrets()

    @property
    def observer(self) -> HandshakeObserver:
        """The observer itself, for what it has learnt so far of the connection."""
        return self._observer

    def received(self, data: bytes, at: float) -> None:
        """Bytes came from the peer."""
        self._pass_on(self._observer.feed(self.endpoint.other, data, at))

    def sent(self, data: bytes, at: float) -> None:
        """Bytes are on their way to the peer."""
        self._pass_on(self._observer.feed(self.endpoint, data, at))

    def learn(self) -> None:
        """OpenSSL has worked: fetch the secrets that it may have made."""
        if self._key_log is not None and (lines := self._key_log.read()):
            self._pass_on(self._observer.learn(lines))

    def no_more_secrets(self) -> None:
        """OpenSSL has come to an end with the handshake: what is still sealed stays sealed."""
        self._pass_on(self._observer.finish())

    def ended(self, sender: Endpoint, end: StreamEnd) -> None:
        """One direction of TCP is over."""
        self._pass_on(self._observer.end(sender, end, self.clock()))

    def fact(
        self,
        fact: Fact,
        reason: str = "",
        *,
        code: int | None = None,
        certificate: bytes | None = None,
    ) -> None:
        """Something happened here that no byte shows."""
        self._sink(
            LocalFact(
                time=self.clock(),
                endpoint=self.endpoint,
                fact=fact,
                reason=reason,
                code=code,
                certificate=certificate,
            )
        )

    def closed(self) -> None:
        """The connection is let go of. Later calls do nothing."""
        if not self._closed:
            self._closed = True
            self.no_more_secrets()
            self.fact(Fact.CLOSED)

    def _pass_on(self, events: Iterable[Event]) -> None:
        for event in events:
            self._sink(event)
