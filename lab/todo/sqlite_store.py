"""The TODO items in a SQLite file, which several processes may share.

Rules: ``add`` returns after the item is on the disk. Those who add while a commit is written share
the next one. Items never change, so a listing reads only what came after the last one. Reading and
writing have a connection each: a listing never waits for a commit or for another process's lock.

This module must not know files, locks and errors of SQLite beyond its statements.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.todo.batching import Batching
from lab.todo.sqlite_connection import SqliteConnection, prepare_to_read, prepare_to_write
from lab.todo.sqlite_file import StoreFile
from lab.todo.store import TodoItem


class SqliteStore:
    """A TodoStore in a file; made by ``open``.

    After StoreUnavailable from ``add``, the item is not there. One exception: if the file was
    deleted, or the disk failed, in the moment of the commit, it may turn up with the file.
    """

    def __init__(self, file: StoreFile) -> None:
        self._writer = SqliteConnection(file, prepare_to_write)
        self._reader = SqliteConnection(file, self._prepare_reader)
        self._adding = Batching(self._add)
        self._listing = Batching(self._list)
        self._items: tuple[TodoItem, ...] = ()

    @classmethod
    async def open(cls, file: StoreFile) -> SqliteStore:
        """Opens a file, which gets the seeds if it is empty.

        Raises StoreUnavailable, with one line that says what is wrong and what to do.
        """
        store = cls(file)
        async with store._writer.use():
            return store

    async def add(self, *, task: str, done: bool) -> TodoItem:
        """Keeps a new item under the next free id, and returns it once it is on the disk."""
        return await self._adding.ask((task, done))

    async def list(self) -> tuple[TodoItem, ...]:
        """All items by ascending id; the same tuple object as long as nothing was added."""
        return await self._listing.ask(None)

    async def close(self) -> None:
        """Finish what is in flight, and let go of the file."""
        await self._adding.finish()
        await self._listing.finish()
        await self._reader.close()
        await self._writer.close()

    async def _add(self, new: Sequence[tuple[str, bool]]) -> Sequence[TodoItem]:
        """Keeps the items of one round in one transaction."""
        writer = self._writer
        async with writer.use():
            await writer.ask("BEGIN IMMEDIATE")
            await writer.tell("INSERT INTO todo (task, done) VALUES (?, ?)", new)
            ((last,),) = await writer.ask("SELECT last_insert_rowid()")
            await writer.ask("COMMIT")
        # Nobody else can insert within the transaction, so its ids follow each other.
        first = last - len(new) + 1
        return [
            TodoItem(id=number, task=task, done=done)
            for number, (task, done) in enumerate(new, first)
        ]

    async def _list(self, askers: Sequence[None]) -> Sequence[tuple[TodoItem, ...]]:
        """Reads what was added since the last round. Ids are given in the order of commits."""
        reader = self._reader
        async with reader.use():
            last = self._items[-1].id if self._items else 0
            rows = await reader.ask(
                "SELECT id, task, done FROM todo WHERE id > ? ORDER BY id", (last,)
            )
        if rows:
            added = (TodoItem(id=id_, task=task, done=bool(done)) for id_, task, done in rows)
            self._items = (*self._items, *added)
        return [self._items] * len(askers)

    async def _prepare_reader(self, line: SqliteConnection) -> None:
        await prepare_to_read(line)
        self._items = ()  # what was read came from another connection, perhaps another file
