"""A connection to an SQLite file: opened when it is first used, and again after an error.

Every error of SQLite becomes StoreUnavailable here, with the file, what is wrong with it and what
to do. After an error no transaction is left open.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from lab.todo.store import StoreUnavailable

BUSY_SECONDS = 5.0
"""How long a statement waits for another process to unlock the file."""

# SQLite's own waiting sleeps for up to 100 ms between two tries. Measured with four processes that
# write all the time and 10 ms a commit, one of them then gets no turn for over 4 s; with tries as
# close as these, each had one within half a second.
_RETRY_SECONDS = 0.002

_LOCKED = "database is locked"
_FULL = "database or disk is full"

# Parts of SQLite's messages, and what they mean here.
_MEANINGS = (
    (_LOCKED, "is locked by another process; end that process or its transaction"),
    (_FULL, "cannot grow: the disk is full; free some space"),
    ("disk I/O error", "cannot be read or written (disk I/O error); check the disk and its quota"),
    ("malformed", "is damaged; stop the server, then restore a backup or move the file away"),
    (
        "not a database",
        "is not an SQLite database, or is damaged; choose another file with --store",
    ),
    ("readonly", "is read-only; this user must be able to write the file and its folder"),
    ("unable to open", "cannot be opened; this user must be able to write the file and its folder"),
)

Prepare = Callable[["SqliteConnection"], Awaitable[None]]


class SqliteConnection:
    """One connection to the file at ``path``, for one user at a time.

    ``prepare`` runs on each new connection.
    """

    def __init__(self, path: Path, prepare: Prepare) -> None:
        self._path = path
        self._prepare = prepare
        self._connection: aiosqlite.Connection | None = None

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[None]:
        """Open the connection; inside the block statements may run. Raises StoreUnavailable."""
        try:
            if self._connection is None:
                await self._open()
            yield
        except sqlite3.Error as error:
            await self._recover(error)
            raise StoreUnavailable(f"{self._path} {_meaning(error)}") from error
        except BaseException:
            await self.close()
            raise

    async def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Run one statement and return its rows; wait where the file is locked."""
        assert self._connection is not None, "only within use()"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BUSY_SECONDS
        while True:
            try:
                return [*await self._connection.execute_fetchall(sql, parameters)]
            except sqlite3.OperationalError as error:
                if _LOCKED not in str(error) or loop.time() >= deadline:
                    raise
            await asyncio.sleep(_RETRY_SECONDS)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row, within a transaction that has begun."""
        assert self._connection is not None, "only within use()"
        await self._connection.executemany(sql, rows)

    async def close(self) -> None:
        """Close the file, without an error; a transaction that is open is undone."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with contextlib.suppress(sqlite3.Error):
                await connection.close()

    async def _open(self) -> None:
        self._connection = await _connect(self._path)
        try:
            await self._prepare(self)
        except BaseException:
            await self.close()
            raise

    async def _recover(self, error: sqlite3.Error) -> None:
        """Undo what was begun. Keep the connection where the file is only locked or full."""
        if self._connection is not None and any(part in str(error) for part in (_LOCKED, _FULL)):
            with contextlib.suppress(sqlite3.Error):
                await self._connection.rollback()
                return
        await self.close()


async def _connect(path: Path) -> aiosqlite.Connection:
    """Connect to a file that exists. Raises sqlite3.Error."""
    # mode=rw: SQLite creates no file. Python begins no transactions (isolation_level), and
    # execute() waits instead of SQLite (timeout).
    connecting = asyncio.ensure_future(
        aiosqlite.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=0)
    )
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        # aiosqlite, cancelled while it connects, would leave the connection open.
        with contextlib.suppress(sqlite3.Error):
            await (await connecting).close()
        raise


def _meaning(error: sqlite3.Error) -> str:
    text = str(error)
    return next((meaning for part, meaning in _MEANINGS if part in text), f"fails: {text}")
