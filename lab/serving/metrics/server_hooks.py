"""What a server reports of its work, to whoever counts it."""

from __future__ import annotations

from typing import Protocol

from lab.http.connection_hooks import RequestHooks
from lab.stream.observed_wire import EventSink


class ServerHooks(RequestHooks, Protocol):
    """Who is told of all that a server does. No method waits or raises, nor does the sink."""

    def handshake_sink(self) -> EventSink:
        """Return where the events of a new connection go."""
        ...
