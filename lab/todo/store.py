"""The TODO items: a protocol for stores, and the store in memory.

Rules: an item never changes; ids count up without gaps and are never given twice.

This module must not know HTTP, JSON or clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class TodoItem:
    """One item. ``id`` is unique in its store and at least 1."""

    id: int
    task: str
    done: bool


SEEDS = (
    TodoItem(id=1, task="Set up local CA", done=True),
    TodoItem(id=2, task="Issue server certificate", done=True),
    TodoItem(id=3, task="Issue client certificate", done=True),
    TodoItem(id=4, task="Configure mTLS server", done=True),
    TodoItem(id=5, task="Validate mutual auth", done=False),
)


class StoreUnavailable(Exception):
    """Items cannot be read or kept just now, and nothing was. Its message says why, in one line."""


class TodoStore(Protocol):
    """Where items are kept. All of it may raise StoreUnavailable."""

    async def add(self, *, task: str, done: bool) -> TodoItem:
        """Keeps a new item under the next free id, and returns it."""
        ...

    async def list(self) -> tuple[TodoItem, ...]:
        """All items by ascending id; the same tuple object as long as nothing was added."""
        ...

    async def close(self) -> None:
        """Let go of what the store holds. After that only another ``close`` may follow."""
        ...


class MemoryStore:
    """Items in memory, gone with the process. One lock guards every access."""

    def __init__(self, items: Iterable[TodoItem] = SEEDS) -> None:
        self._lock = asyncio.Lock()
        self._items = [*items]
        self._snapshot = tuple(self._items)

    async def add(self, *, task: str, done: bool) -> TodoItem:
        """Keeps a new item under the next free id, and returns it."""
        async with self._lock:
            last = self._items[-1].id if self._items else 0
            item = TodoItem(id=last + 1, task=task, done=done)
            self._items.append(item)
            return item

    async def list(self) -> tuple[TodoItem, ...]:
        """All items by ascending id; the same tuple object as long as nothing was added."""
        async with self._lock:
            if len(self._snapshot) != len(self._items):
                self._snapshot = tuple(self._items)
            return self._snapshot

    async def close(self) -> None:
        """There is nothing to let go of."""
