"""The connections that are watched: bounded, the newest and those that were refused.

Rules: what somebody has not read is kept nowhere for him: the list has a version, each connection
the one at which it changed last, and whoever reads asks for what changed since the last version
that he has. So a slow reader costs nothing, and misses only what came and went meanwhile. Used on
the event loop alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from operator import attrgetter

from lab.diagnosis.results import Result
from lab.webapp.watch.watched_row import OPEN, WatchedConnection, WatchedRow

MOST = 300
"""How many connections are kept, those aside that were refused."""
MOST_REFUSED = 300
"""How many are kept that were rejected or failed."""
MOST_OCTETS = 32 * 2**20


STATES = (OPEN, *(result.value for result in Result))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed since a version.

    ``rows`` are in the order of their numbers; ``kept`` are the numbers of all that are kept, None
    where none was dropped. ``total`` connections there were in all, and ``counts`` of them in each
    state; ``missed`` is how many came and went since that version.
    """

    version: int
    total: int
    rows: tuple[WatchedRow, ...]
    kept: tuple[int, ...] | None
    counts: dict[str, int]
    missed: int


class ConnectionList:
    """The list. ``total`` counts all connections that there were, ``version`` the changes."""

    def __init__(
        self, *, most: int = MOST, most_refused: int = MOST_REFUSED, most_octets: int = MOST_OCTETS
    ) -> None:
        self._most = most
        self._most_refused = most_refused
        self._most_octets = most_octets
        self.version = self.total = 0
        self._read = 0  # the last version that anybody has
        # All that are kept, with their versions: the one that changed last comes last.
        self._kept: dict[int, tuple[WatchedConnection, int]] = {}
        self._sizes: dict[int, int] = {}
        self._octets = 0
        self._others: dict[int, None] = {}  # in the order of their numbers: not refused
        self._refused: dict[int, None] = {}
        self._counts: Counter[str] = Counter()
        self._counted: dict[int, str] = {}  # as what each that has not ended is counted
        self._dropped_at = 0
        self._readers: set[asyncio.Event] = set()

    def add(self, connection: WatchedConnection) -> None:
        """Take a new connection, and number it."""
        self.total += 1
        connection.number = number = self.total
        self._kept[number] = connection, 0
        self._others[number] = None
        self._counted[number] = OPEN
        self._counts[OPEN] += 1
        self.change(connection)

    def change(self, connection: WatchedConnection) -> None:
        """Note that a connection has another row than before; one that was dropped still counts."""
        number = connection.number
        kept = self._kept.get(number)
        if kept is not None and kept[1] > self._read and not self._is_news(connection):
            return  # whoever reads next gets the row as it is then
        self._count(connection)
        self.version += 1
        if self._kept.pop(number, None) is not None:
            self._kept[number] = connection, self.version
            self._octets += connection.octets - self._sizes.get(number, 0)
            self._sizes[number] = connection.octets
            if connection.is_refused and self._others.pop(number, 0) is None:
                self._refused[number] = None
            self._drop_surplus()
        for reader in self._readers:
            reader.set()

    def _is_news(self, connection: WatchedConnection) -> bool:
        """Tell whether more than its row has changed."""
        return connection.is_ended or connection.state != self._counted.get(connection.number)

    def _count(self, connection: WatchedConnection) -> None:
        before, now = self._counted.get(connection.number), connection.state
        if before is not None and before != now:
            self._counts[before] -= 1
            self._counts[now] += 1
            self._counted[connection.number] = now
        if connection.is_ended:
            self._counted.pop(connection.number, None)

    def _drop_surplus(self) -> None:
        """Drop the oldest: of those that were not refused first."""
        while len(self._others) > self._most:
            self._drop(self._others)
        while len(self._refused) > self._most_refused:
            self._drop(self._refused)
        while self._octets > self._most_octets and len(self._kept) > 1:
            self._drop(self._others if len(self._others) > 1 else self._refused)

    def _drop(self, numbers: dict[int, None]) -> None:
        number = next(iter(numbers))
        del numbers[number]
        connection, _ = self._kept.pop(number)
        self._octets -= self._sizes.pop(number)
        self._dropped_at = self.version
        connection.forget()

    def find(self, number: int) -> WatchedConnection | None:
        """Return the connection of a number, None where it is not kept."""
        found = self._kept.get(number)
        return None if found is None else found[0]

    def changes(self, since: int, seen: int) -> Changes:
        """Return what changed since a version, for a reader who knows the first ``seen`` of all."""
        self._read, rows = self.version, []
        for connection, version in reversed(self._kept.values()):
            if version <= since:
                break
            rows.append(connection.row())
        rows.sort(key=attrgetter("number"))
        new = sum(row.number > seen for row in rows)
        return Changes(
            version=self.version,
            total=self.total,
            rows=tuple(rows),
            kept=tuple(sorted(self._kept)) if self._dropped_at > since else None,
            counts={state: self._counts[state] for state in STATES},
            missed=self.total - seen - new,
        )

    async def wait(self, since: int) -> None:
        """Wait until the list has another version than ``since``."""
        reader = asyncio.Event()
        self._readers.add(reader)
        try:
            while self.version == since:
                await reader.wait()
        finally:
            self._readers.discard(reader)
