"""The TODO items: a protocol for stores, and the store in memory.

An item never changes; ids count up without gaps and are never given twice.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import Protocol

from lab.todo.results import TodoItem

SEEDS = (
    TodoItem(id=1, task="Set up local CA", done=True),
    TodoItem(id=2, task="Issue server certificate", done=True),
    TodoItem(id=3, task="Issue client certificate", done=True),
    TodoItem(id=4, task="Configure mTLS server", done=True),
    TodoItem(id=5, task="Validate mutual auth", done=False),
)


class StoreUnavailable(Exception):
    """Items cannot be read or kept now, and nothing was. The message says why, in one line."""


class StoreFull(Exception):
    """The store has as many items as it may have. The message says so, for the client."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the list has {most} items, and no more are kept (--max-items)")


class TodoStore(Protocol):
    """Where items are kept. Each method but ``close`` may raise StoreUnavailable.

    ``notice`` is a line for the log on where that is, "" for none.
    """

    notice: str

    async def add(self, *, task: str, done: bool) -> TodoItem:
        """Keep a new item under the next free id, and return it. Raises StoreFull."""
        ...

    async def check(self) -> None:
        """Raise StoreUnavailable where an item could not be kept now."""
        ...

    async def list(self) -> tuple[TodoItem, ...]:
        """Return all items by ascending id; the same tuple object until something is added."""
        ...

    async def close(self) -> None:
        """Finish what is in flight and release the store. Only another ``close`` may follow."""
        ...


class MemoryStore:
    """Items in memory, gone with the process. One lock guards every access."""

    notice = ""

    def __init__(self, items: Iterable[TodoItem] = SEEDS, *, max_items: int = sys.maxsize) -> None:
        self._lock = asyncio.Lock()
        self._max_items = max_items
        self._items = [*items]
        self._snapshot = tuple(self._items)

    async def add(self, *, task: str, done: bool) -> TodoItem:
        """Keep a new item under the next free id, and return it. Raises StoreFull."""
        async with self._lock:
            if len(self._items) >= self._max_items:
                raise StoreFull(self._max_items)
            last = self._items[-1].id if self._items else 0
            item = TodoItem(id=last + 1, task=task, done=done)
            self._items.append(item)
            return item

    async def list(self) -> tuple[TodoItem, ...]:
        """Return all items by ascending id; the same tuple object until something is added."""
        async with self._lock:
            if len(self._snapshot) != len(self._items):
                self._snapshot = tuple(self._items)
            return self._snapshot

    async def check(self) -> None:
        """Do nothing: memory can always be written."""

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""
