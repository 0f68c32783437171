"""The stores, each chosen by a URL: ``memory``, ``sqlite:PATH`` or ``postgresql://...``."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from lab.todo.sqlite_store import SqliteStore
from lab.todo.store import MemoryStore, StoreUnavailable, TodoStore

MEMORY = "memory"
STORE_URLS = (MEMORY, "sqlite:PATH", "postgresql://...")
_POSTGRES = ("postgresql://", "postgres://")


def checked_store_url(url: str) -> str:
    """Return ``url`` if it names a store; raise ValueError if not."""
    if url.startswith(_POSTGRES):
        try:
            _postgres().database_name(url)
        except ValueError as error:
            raise ValueError(f"not a URL of PostgreSQL: {error}; see --help") from None
        except StoreUnavailable as error:
            raise ValueError(str(error)) from None
    elif url != MEMORY and not _path(url):
        raise ValueError(f"{url!r} is not a store; use {', '.join(STORE_URLS)}")
    return url


async def open_store(url: str, *, max_items: int) -> TodoStore:
    """Open the store that ``url`` names, to be closed by the caller. Raises StoreUnavailable."""
    if url == MEMORY:
        return MemoryStore(max_items=max_items)
    if url.startswith(_POSTGRES):
        store: TodoStore = await _postgres().PostgresStore.open(url, max_items=max_items)
        return store
    return await SqliteStore.open(Path(_path(url)), max_items=max_items)


def _postgres() -> ModuleType:
    """Return the module of that store, which needs a library that need not be installed."""
    try:
        return importlib.import_module("lab.todo.postgres_store")
    except ImportError as error:
        raise StoreUnavailable(
            f"{error.name} is missing; install it: pip install 'mtls-lab[postgres]'"
        ) from error


def _path(url: str) -> str:
    scheme, _, path = url.partition(":")
    return path if scheme == "sqlite" else ""
