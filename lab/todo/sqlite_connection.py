"""A line to a SQLite file of TODO items: opened when it is needed, and anew after a failure.

Rules: every error of SQLite becomes StoreUnavailable here, with the file, what is wrong with it and
what to do. After an error no transaction is left open. A file is taken only if it is empty or ours
(``application_id``, ``user_version``), and is not touched otherwise. Whoever opens a file, or ends
a use of one, sees first that it is the one that was claimed. One that is not leaves nothing behind
at its name that would be taken for the log of another.

This module must not know who asks, nor what for.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from lab.todo.sqlite_file import (
    APPLICATION_ID,
    KIND,
    VERSION,
    StoreFile,
    check_kind,
)
from lab.todo.store import SEEDS

_TABLE = """
CREATE TABLE todo (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- so that no id is given twice, whatever is deleted
    task TEXT NOT NULL CHECK (typeof(task) = 'text'),
    done INTEGER NOT NULL CHECK (done IN (0, 1))
)
"""

BUSY_SECONDS = 5.0
"""How long a statement waits for another process to let go of the file."""

# SQLite's own waiting sleeps for up to 100 ms between two looks. Measured with four processes that
# write all the time and 10 ms a commit, one of them then gets no turn for over 4 s; with looks as
# close as these, each had one within half a second.
_LOOK_SECONDS = 0.002

_LOCKED = "database is locked"
_FULL = "database or disk is full"

# What SQLite says, of which a part is enough, and what that means here.
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
    """One connection to ``file``, for one user at a time.

    ``prepare`` is run on each new connection.
    """

    def __init__(self, file: StoreFile, prepare: Prepare) -> None:
        self.file = file
        self._prepare = prepare
        self._connection: aiosqlite.Connection | None = None

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[None]:
        """The line, open; inside, ``ask`` and ``tell``. Raises StoreUnavailable.

        What was committed inside counts only if the block ends without an error: SQLite goes on
        writing to a file that was deleted, and nobody would see it again.
        """
        try:
            self.file.check()
            if self._connection is None:
                await self._open()
            yield
            self.file.check()
        except sqlite3.Error as error:
            await self._recover(error)
            raise self.file.fault(_meaning(error)) from error
        except BaseException:
            await self.close()
            raise

    async def ask(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Runs one statement, and returns its rows; waits where the file is locked."""
        assert self._connection is not None, "only within use()"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BUSY_SECONDS
        while True:
            try:
                return [*await self._connection.execute_fetchall(sql, parameters)]
            except sqlite3.OperationalError as error:
                if _LOCKED not in str(error) or loop.time() >= deadline:
                    raise
            await asyncio.sleep(_LOOK_SECONDS)

    async def tell(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Runs one statement for each row, within a transaction that has begun."""
        assert self._connection is not None, "only within use()"
        await self._connection.executemany(sql, rows)

    async def close(self) -> None:
        """Let go of the file, without an error; a transaction that is open is undone."""
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        if not self.file.in_place:
            # SQLite would leave the log as it is, for whichever file comes to its place. Brought
            # into the file that it belongs to, and emptied, it is nobody's; where another process
            # is at it just now, that one does so when it closes.
            with contextlib.suppress(sqlite3.Error):
                await connection.rollback()
                await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        with contextlib.suppress(sqlite3.Error):
            await connection.close()

    async def _open(self) -> None:
        self._connection = await _connected(self.file.path)
        try:
            await self._prepare(self)
        except BaseException:
            await self.close()
            raise

    async def _recover(self, error: sqlite3.Error) -> None:
        """Undoes what was begun. The connection is kept where it is not what has failed."""
        if self._connection is not None and any(part in str(error) for part in (_LOCKED, _FULL)):
            with contextlib.suppress(sqlite3.Error):
                await self._connection.rollback()
                return
        await self.close()


async def _connected(path: Path) -> aiosqlite.Connection:
    """A connection to a file that is there. Raises sqlite3.Error."""
    # mode=rw: SQLite itself would make a file that vanished meanwhile. Python begins no
    # transactions (isolation_level), and ask() waits instead of SQLite (timeout).
    connecting = asyncio.ensure_future(
        aiosqlite.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=0)
    )
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        # aiosqlite, cancelled in here, would let the connection fall without closing it.
        with contextlib.suppress(sqlite3.Error):
            await (await connecting).close()
        raise


async def prepare_to_write(line: SqliteConnection) -> None:
    """Sees that the file is whole and ours, and makes its table and first items if it is empty."""
    # FULL: the log is on the disk before a commit returns. NORMAL, the usual companion of WAL,
    # would lose the last commits with the machine's power. macOS asks for fullfsync to mean it.
    await line.ask("PRAGMA synchronous = FULL")
    await line.ask("PRAGMA fullfsync = ON")
    ((verdict,),) = await line.ask("PRAGMA quick_check(1)")
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"malformed: {verdict}")
    # Under a lock, so that of several processes that open a new file, one makes the table.
    await line.ask("BEGIN IMMEDIATE")
    application, version, tables = [(await line.ask(each))[0][0] for each in KIND]
    if (application, version, tables) == (0, 0, 0):
        await line.ask(_TABLE)
        await line.tell(
            "INSERT INTO todo (id, task, done) VALUES (?, ?, ?)",
            [(item.id, item.task, item.done) for item in SEEDS],
        )
        await line.ask(f"PRAGMA application_id = {APPLICATION_ID}")
    else:
        check_kind(line.file.path, application, version)
    # Written in any case: without this, SQLite would let a file pass that may only be read.
    await line.ask(f"PRAGMA user_version = {VERSION}")
    await line.ask("COMMIT")
    await line.ask("PRAGMA journal_mode = WAL")


async def prepare_to_read(line: SqliteConnection) -> None:
    """Sees that nothing is written by this line."""
    await line.ask("PRAGMA query_only = ON")


def _meaning(error: sqlite3.Error) -> str:
    said = str(error)
    return next((meaning for part, meaning in _MEANINGS if part in said), f"fails: {said}")
