"""The TODO items in an SQLite file, which several processes may share.

``add`` returns after the item is on the disk. Items added while a commit is written share the next
commit. Items never change, so a listing reads only what came after the last one. Reading and
writing have a connection each: a listing waits neither for a commit nor for another process's lock.

Every error of SQLite becomes StoreUnavailable, with the file, what is wrong with it and what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite

from lab.todo.batching import BatchedStore
from lab.todo.results import TodoItem
from lab.todo.store import SEEDS, StoreUnavailable

APPLICATION_ID = 0x6D544C53  # "mTLS", in the header of the file
VERSION = 1  # of the schema in it

_TABLE = """
CREATE TABLE todo (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- so that no id is given twice, whatever is deleted
    task TEXT NOT NULL CHECK (typeof(task) = 'text'),
    done INTEGER NOT NULL CHECK (done IN (0, 1))
)
"""

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


class SqliteStore(BatchedStore):
    """A TodoStore in a file; made by ``open``.

    After StoreUnavailable from ``add``, the item is not there. One exception: if the disk failed
    in the moment of the commit, it may turn up later.
    """

    def __init__(self, path: Path, *, max_items: int = sys.maxsize) -> None:
        self._path = path
        super().__init__(max_items=max_items)
        self._writer = SqliteConnection(path, self._prepare_writer)
        self._reader = SqliteConnection(path, self._prepare_reader)
        self._items: tuple[TodoItem, ...] = ()

    @classmethod
    async def open(cls, path: Path, *, max_items: int = sys.maxsize) -> SqliteStore:
        """Open the file at ``path``; create it, with the seeds, if there is none.

        Raises StoreUnavailable, with one line that says what is wrong and what to do.
        """
        path = path.absolute()
        _create(path)
        store = cls(path, max_items=max_items)
        async with store._writer.use():
            return store

    async def close(self) -> None:
        """Finish what is in flight, and close the file."""
        await self._finish()
        await self._reader.close()
        await self._writer.close()

    async def _add(self, asked: Sequence[tuple[str, bool] | None]) -> Sequence[TodoItem | None]:
        """Keep the items of one batch in one transaction; None stands for a check of the disk.

        Return the items, and None for each check and for what there is no room for.
        """
        writer, last = self._writer, 0
        async with writer.use():
            await writer.execute("BEGIN IMMEDIATE")
            ((count,),) = await writer.execute("SELECT count(*) FROM todo")
            tasks = [task for task in asked if task is not None]
            tasks = tasks[: max(0, self._max_items - count)]
            if tasks:
                await writer.execute_many("INSERT INTO todo (task, done) VALUES (?, ?)", tasks)
                ((last,),) = await writer.execute("SELECT last_insert_rowid()")
            else:
                await writer.execute(f"PRAGMA user_version = {VERSION}")  # as it is: a write
            await writer.execute("COMMIT")
        # Nobody else can insert within the transaction, so its ids follow each other.
        numbers = iter(range(last - len(tasks) + 1, last + 1))
        return [
            TodoItem(id=number, task=task[0], done=task[1])
            if task is not None and (number := next(numbers, None)) is not None
            else None
            for task in asked
        ]

    async def _list(self, askers: Sequence[None]) -> Sequence[tuple[TodoItem, ...]]:
        """Read what was added since the last batch. Ids are given in the order of commits."""
        reader = self._reader
        async with reader.use():
            last = self._items[-1].id if self._items else 0
            rows = await reader.execute(
                "SELECT id, task, done FROM todo WHERE id > ? ORDER BY id", (last,)
            )
        if rows:
            added = (TodoItem(id=id_, task=task, done=bool(done)) for id_, task, done in rows)
            self._items = (*self._items, *added)
        return [self._items] * len(askers)

    async def _prepare_reader(self, reader: SqliteConnection) -> None:
        await reader.execute("PRAGMA query_only = ON")
        self._items = ()  # read by another connection, before an error

    async def _prepare_writer(self, writer: SqliteConnection) -> None:
        """Check that the file is whole and ours; write table and seeds into an empty one."""
        # FULL: the log is on the disk before a commit returns. NORMAL, the usual companion of WAL,
        # would lose the last commits with the machine's power. macOS asks for fullfsync to mean it.
        await writer.execute("PRAGMA synchronous = FULL")
        await writer.execute("PRAGMA fullfsync = ON")
        ((verdict,),) = await writer.execute("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"malformed: {verdict}")
        # Locked, so that of several processes that open a new file, one creates the table.
        await writer.execute("BEGIN IMMEDIATE")
        if await self._is_empty(writer):
            await writer.execute(_TABLE)
            await writer.execute_many(
                "INSERT INTO todo (id, task, done) VALUES (?, ?, ?)",
                [(item.id, item.task, item.done) for item in SEEDS],
            )
            await writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        # Written in any case: without this, SQLite would accept a file that may only be read.
        await writer.execute(f"PRAGMA user_version = {VERSION}")
        await writer.execute("COMMIT")
        await writer.execute("PRAGMA journal_mode = WAL")

    async def _is_empty(self, writer: SqliteConnection) -> bool:
        """Return whether the database is empty. Raise StoreUnavailable for one that is not ours."""
        ((application,),) = await writer.execute("PRAGMA application_id")
        ((version,),) = await writer.execute("PRAGMA user_version")
        ((tables,),) = await writer.execute("SELECT count(*) FROM sqlite_master")
        if (application, version, tables) == (0, 0, 0):
            return True
        if application != APPLICATION_ID:
            raise StoreUnavailable(
                f"{self._path} is a database of another program; choose another file with --store"
            )
        if version != VERSION:
            raise StoreUnavailable(
                f"{self._path} has schema version {version}, and this program supports {VERSION}; "
                "use the version of the program that created it"
            )
        return False


def _create(path: Path) -> None:
    """Create an empty file that only its owner can read, where there is none.

    SQLite gives the files beside it, ``-wal`` and ``-shm``, the same mode. A file that exists is
    not opened here: closing it would drop the locks that this process has on it
    (sqlite.org/howtocorrupt.html, section 2.2).
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise StoreUnavailable(
                f"{path} is not a regular file; choose another one with --store"
            ) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise StoreUnavailable(
                f"{path} cannot be opened; this user must be able to read and write it"
            ) from None
    except FileNotFoundError:
        raise StoreUnavailable(
            f"{path} cannot be created: there is no folder {path.parent}; create it"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise StoreUnavailable(
            f"{path} cannot be created: {reason}; choose another file with --store"
        ) from None


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
