"""The rows as they change, as Server-Sent Events (HTML Living Standard, section 9.2).

Rules: an event's id says what its reader has, so that a browser that connects again gets what has
changed since. Few streams at a time, as a browser has few connections: the newest counts.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator

from lab.stream.wire import within
from lab.webapp.watch.connection_list import Changes, ConnectionList
from lab.webapp.watch.watched_row import as_json

MOST_STREAMS = 3
"""How many pages may watch at a time; browsers have six connections to a server."""
_PACE = 0.025  # seconds from one event to the next, at least
_HEARTBEAT = 5.0  # seconds without an event, after which a comment finds out who has gone
_RETRY = b"retry: 1000\n\n"


class RowStreams:
    """Makes the streams of one list, and ends the oldest where they are too many."""

    def __init__(self, connections: ConnectionList) -> None:
        self._connections = connections
        self._epoch = secrets.token_hex(4)  # ids of another process's list mean nothing here
        self._ending: list[asyncio.Event] = []

    def open(self, last_id: str) -> AsyncGenerator[bytes, None]:
        """Return the stream for a reader who has read up to ``last_id``, "" for nothing."""
        return self._stream(*self._position(last_id))

    def _position(self, last_id: str) -> tuple[int, int]:
        epoch, _, rest = last_id.partition("-")
        version, _, seen = rest.partition("-")
        known = epoch == self._epoch and version.isdecimal() and seen.isdecimal()
        return (int(version), int(seen)) if known and len(rest) < 30 else (0, 0)

    async def _stream(self, since: int, seen: int) -> AsyncGenerator[bytes, None]:
        over = asyncio.Event()
        self._ending.append(over)
        while len(self._ending) > MOST_STREAMS:
            self._ending.pop(0).set()
        is_new = since == 0
        try:
            yield _RETRY
            while not over.is_set():
                changes = self._connections.changes(since, seen)
                since, seen = changes.version, changes.total
                yield self._event(changes, is_new=is_new)
                is_new = False
                await asyncio.sleep(_PACE)
                while not over.is_set() and not await self._changed(since):
                    yield b":\n\n"
            yield b"event: over\ndata: another page watches\n\n"
        finally:
            if over in self._ending:
                self._ending.remove(over)

    async def _changed(self, since: int) -> bool:
        try:
            await within(_HEARTBEAT, self._connections.wait(since))
        except TimeoutError:
            return False
        return True

    def _event(self, changes: Changes, *, is_new: bool) -> bytes:
        data = {
            "rows": [as_json(row) for row in changes.rows],
            "kept": changes.kept,
            "counts": changes.counts,
            "total": changes.total,
            "missed": 0 if is_new else changes.missed,
            "new": is_new,
        }
        text = json.dumps(data, separators=(",", ":"))  # ASCII, on one line
        position = f"{self._epoch}-{changes.version}-{changes.total}"
        return f"id: {position}\ndata: {text}\n\n".encode("ascii")
