"""What the server reports to whoever counts its work.

Rules: reporting costs nothing where nobody listens, never waits and never raises (``shield``
sees to that). What is reported is the server's own view; whoever counts it bounds what a peer
chose.
"""

from __future__ import annotations

from typing import Protocol

from lab.http.connection_hooks import RequestHooks
from lab.stream.observed_wire import EventSink


class ServerHooks(RequestHooks, Protocol):
    """Who is told of all that a server does."""

    def handshake_sink(self) -> EventSink:
        """Where the events of a new connection go."""
        ...
