"""Taps that the page starts: each relays to one server, and its connections are in the list.

Rules: a connection that lasts is decoded now and then, in a thread, a few at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.capture.results import Address
from lab.tls.escape import printable
from lab.tracing.results import Trace
from lab.tracing.tap.tap_connection import TapConnection
from lab.tracing.tap.tap_listener import CannotTap, Tap, TapSettings
from lab.tracing.target import LOOPBACK, Target
from lab.webapp.jobs import Jobs
from lab.webapp.watch.connection_list import ConnectionList
from lab.webapp.watch.traced_connection import TracedConnection

MOST_TAPS = 4
_MOST_NOTICES = 10
_LOOK_SECONDS = 0.05
_MOST_LOOKS = 8  # connections that are decoded at a time, while they last
_PATIENCE = 3.0  # seconds for the trace of a connection that is over
_GRACE = 1.0  # seconds for connections in flight when a tap is stopped


@dataclass(slots=True, eq=False)
class WatchedTap:
    """A running tap: it listens at ``address`` and relays to ``target``; ``notices`` it made."""

    target: Target
    tap: Tap
    address: Address = field(default_factory=lambda: Address(LOOPBACK, 0))
    notices: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_NOTICES))
    open: dict[int, TracedConnection] = field(default_factory=dict)
    over_since: dict[int, float] = field(default_factory=dict)
    looking: asyncio.Task[None] | None = None


class WatchedTaps:
    """The taps of this process. Use ``start`` and ``stop``; ``close`` at the end."""

    def __init__(self, connections: ConnectionList, jobs: Jobs) -> None:
        self._connections = connections
        self._jobs = jobs
        self.running: dict[int, WatchedTap] = {}
        self._number = 0

    async def start(self, target: Target, port: int = 0) -> int:
        """Relay from a port of loopback to ``target``; return its number. Raises CannotTap."""
        if len(self.running) >= MOST_TAPS:
            raise CannotTap(f"{MOST_TAPS} taps run already; stop one of them first")
        loop = asyncio.get_running_loop()
        settings = TapSettings(
            listen=Target(host=LOOPBACK, port=port),
            target=target,
            on_connection=lambda connection: self._begin(watched, connection),
            keep_records=True,
        )
        tap = Tap(
            settings,
            lambda trace: _on(loop, lambda: self._end(watched, trace)),
            lambda line: _on(loop, lambda: watched.notices.append(printable(line))),
        )
        watched = WatchedTap(target=target, tap=tap)
        watched.address = await tap.open()
        watched.looking = loop.create_task(self._look_again(watched))
        self._number += 1
        self.running[self._number] = watched
        return self._number

    async def stop(self, number: int) -> None:
        """Stop a tap; one that does not run is no error."""
        watched = self.running.pop(number, None)
        if watched is not None:
            await self._stop(watched)

    async def close(self) -> None:
        """Stop all taps."""
        taps = [*self.running.values()]
        self.running.clear()
        await asyncio.gather(*map(self._stop, taps))

    async def _stop(self, watched: WatchedTap) -> None:
        try:
            await watched.tap.close(_GRACE)
        finally:
            assert watched.looking is not None
            watched.looking.cancel()
            await asyncio.wait((watched.looking,))
        for number in [*watched.open]:
            self._over(watched, number, None)

    def _begin(self, watched: WatchedTap, connection: TapConnection) -> None:
        traced = TracedConnection(connection, time.time())
        watched.open[connection.number] = traced
        self._connections.add(traced)

    def _end(self, watched: WatchedTap, trace: Trace) -> None:
        assert trace.flow is not None
        self._over(watched, trace.flow.number, trace)

    def _over(self, watched: WatchedTap, number: int, trace: Trace | None) -> None:
        watched.over_since.pop(number, None)
        traced = watched.open.pop(number, None)
        if traced is not None:
            traced.end(trace)
            self._connections.change(traced)

    async def _look_again(self, watched: WatchedTap) -> None:
        """Decode what lasts and has news, and give up what is over and has no trace."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            news = [traced for traced in watched.open.values() if traced.has_news]
            for traced in news[:_MOST_LOOKS]:
                traced.take(await self._jobs.in_thread(traced.look()))
                if not traced.is_ended:
                    self._connections.change(traced)
            for number in [n for n, traced in watched.open.items() if traced.is_over]:
                if now - watched.over_since.setdefault(number, now) > _PATIENCE:
                    self._over(watched, number, None)


def _on(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call on the loop from a tap's thread; a loop that has ended wants nothing."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
