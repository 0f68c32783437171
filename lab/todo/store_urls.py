"""The stores, each chosen by a URL: ``memory`` or ``sqlite:PATH``."""

from __future__ import annotations

from pathlib import Path

from lab.todo.sqlite_store import SqliteStore
from lab.todo.store import MemoryStore, TodoStore

MEMORY = "memory"
STORE_URLS = (MEMORY, "sqlite:PATH")


def checked_store_url(url: str) -> str:
    """Return ``url`` if it names a store; raise ValueError if not."""
    if url != MEMORY and not _path(url):
        raise ValueError(f"{url!r} is not a store; use {' or '.join(STORE_URLS)}")
    return url


async def open_store(url: str, *, max_items: int) -> TodoStore:
    """Open the store that ``url`` names, to be closed by the caller. Raises StoreUnavailable."""
    if url == MEMORY:
        return MemoryStore(max_items=max_items)
    return await SqliteStore.open(Path(_path(url)), max_items=max_items)


def _path(url: str) -> str:
    scheme, _, path = url.partition(":")
    return path if scheme == "sqlite" else ""
