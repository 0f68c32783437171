"""Which store a server is to use, as its user says it: ``memory`` or ``sqlite:PATH``.

This module must not know what the store is for, nor how one works.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.todo.sqlite_file import StoreFile, claimed
from lab.todo.sqlite_store import SqliteStore
from lab.todo.store import MemoryStore, TodoStore

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
        raise ValueError(f"{text!r} is not a store; use memory or sqlite:PATH")
    return StoreChoice(path=Path(text.removeprefix(_SQLITE)))


@contextlib.contextmanager
def claimed_store(choice: StoreChoice) -> Iterator[StoreFile | None]:
    """The file of the store chosen, if it has one, for a server that starts. StoreUnavailable.

    Once for a server: processes that share the store share the claim, and are forked within it.
    """
    if choice.path is None:
        yield None
        return
    with claimed(choice.path) as file:
        yield file


async def open_store(file: StoreFile | None) -> TodoStore:
    """The store in ``file``, or in memory, to be closed by the caller. Raises StoreUnavailable."""
    return MemoryStore() if file is None else await SqliteStore.open(file)
