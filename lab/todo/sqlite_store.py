"""The TODO items in an SQLite file, which several processes may share.

``add`` returns after the item is on the disk. Items added while a commit is written share the next
commit. Items never change, so a listing reads only what came after the last one. Reading and
writing have a connection each: a listing waits neither for a commit nor for another process's lock.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from lab.todo.batching import Batching
from lab.todo.sqlite_connection import SqliteConnection
from lab.todo.store import SEEDS, StoreUnavailable, TodoItem

APPLICATION_ID = 0x6D544C53  # "mTLS", in the header of the file
VERSION = 1  # of the schema in it

_TABLE = """
CREATE TABLE todo (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- so that no id is given twice, whatever is deleted
    task TEXT NOT NULL CHECK (typeof(task) = 'text'),
    done INTEGER NOT NULL CHECK (done IN (0, 1))
)
"""


class SqliteStore:
    """A TodoStore in a file; made by ``open``.

    After StoreUnavailable from ``add``, the item is not there. One exception: if the disk failed
    in the moment of the commit, it may turn up later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = SqliteConnection(path, self._prepare_writer)
        self._reader = SqliteConnection(path, self._prepare_reader)
        self._adding = Batching(self._add)
        self._listing = Batching(self._list)
        self._items: tuple[TodoItem, ...] = ()

    @classmethod
    async def open(cls, path: Path) -> SqliteStore:
        """Open the file at ``path``; create it, with the seeds, if there is none.

        Raises StoreUnavailable, with one line that says what is wrong and what to do.
        """
        path = path.absolute()
        _create(path)
        store = cls(path)
        async with store._writer.use():
            return store

    async def add(self, *, task: str, done: bool) -> TodoItem:
        """Keep a new item under the next free id, and return it once it is on the disk."""
        return await self._adding.ask((task, done))

    async def list(self) -> tuple[TodoItem, ...]:
        """Return all items by ascending id; the same tuple object until something is added."""
        return await self._listing.ask(None)

    async def close(self) -> None:
        """Finish what is in flight, and close the file."""
        await self._adding.finish()
        await self._listing.finish()
        await self._reader.close()
        await self._writer.close()

    async def _add(self, tasks: Sequence[tuple[str, bool]]) -> Sequence[TodoItem]:
        """Keep the items of one batch in one transaction."""
        writer = self._writer
        async with writer.use():
            await writer.execute("BEGIN IMMEDIATE")
            await writer.execute_many("INSERT INTO todo (task, done) VALUES (?, ?)", tasks)
            ((last,),) = await writer.execute("SELECT last_insert_rowid()")
            await writer.execute("COMMIT")
        # Nobody else can insert within the transaction, so its ids follow each other.
        first = last - len(tasks) + 1
        return [
            TodoItem(id=number, task=task, done=done)
            for number, (task, done) in enumerate(tasks, first)
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
