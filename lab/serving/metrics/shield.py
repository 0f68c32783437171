"""The shield between the server's work and whoever counts it: a bug there harms no client.

Rules: what an observer raises is told in the journal with its traceback, once in a server's life,
as it would come with every request; counting goes on as well as it can.

This module must not know what is counted.
"""

from __future__ import annotations

from lab.http import log_entries
from lab.http.connection_hooks import AnsweredRequest
from lab.http.limits import Limit
from lab.serving import server_log_entries
from lab.serving.metrics.server_hooks import ServerHooks
from lab.stream.observed_wire import EventSink
from lab.tls.events import Event


class GuardedHooks:
    """An observer that hands on to ``observer``, and raises nothing."""

    def __init__(self, observer: ServerHooks) -> None:
        self._observer = observer
        self._told = False

    def handshake_sink(self) -> EventSink:
        """Where the events of a new connection go."""
        try:
            sink = self._observer.handshake_sink()
        except Exception as error:
            self._tell(error)
            return _nowhere

        def take(event: Event) -> None:
            try:
                sink(event)
            except Exception as error:
                self._tell(error)

        return take

    def request_answered(self, request: AnsweredRequest) -> None:
        """An answer is about to be sent."""
        try:
            self._observer.request_answered(request)
        except Exception as error:
            self._tell(error)

    def limit_struck(self, limit: Limit) -> None:
        """A client met a limit."""
        try:
            self._observer.limit_struck(limit)
        except Exception as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            log_entries.write(
                server_log_entries.task_failed(
                    what="updating the metrics failed; they may be inaccurate"
                ),
                error=error,
            )


def _nowhere(event: Event) -> None:
    """An event that nobody counts."""
