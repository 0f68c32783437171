"""Which store a server is to use, as its user says it: ``memory`` or ``sqlite:PATH``.

This module must not know what the store is for, nor how one works.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.service.sqlite_store import SqliteStore
from lab.service.store import MemoryStore, TodoStore

_SQLITE = "sqlite:"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChoice:
    """A SQLite file at ``path``, or memory where that is None."""

    path: Path | None = None


def store_choice(text: str) -> StoreChoice:
    """``memory`` or ``sqlite:PATH`` as an argument; ValueError for anything else."""
    if text == "memory":
        return StoreChoice()
    if not text.startswith(_SQLITE) or text == _SQLITE:
        raise ValueError(f"a store is memory or sqlite:PATH, not {text!r}")
    return StoreChoice(path=Path(text.removeprefix(_SQLITE)))


async def open_store(choice: StoreChoice) -> TodoStore:
    """The store chosen, open, to be closed by the caller. Raises StoreUnavailable."""
    return MemoryStore() if choice.path is None else await SqliteStore.open(choice.path)
