"""The kinds of stores, each chosen by a URL: ``memory`` or ``sqlite:PATH``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from lab.todo.sqlite_store import SqliteStore
from lab.todo.store import MemoryStore, TodoStore


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreKind:
    """A kind of store.

    ``form`` is how its URLs look: a scheme, then a colon and more, or nothing. ``shared`` tells
    whether several processes may use one store. ``open`` opens the store of a URL; it may raise
    StoreUnavailable.
    """

    form: str
    shared: bool
    open: Callable[[str], Awaitable[TodoStore]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChoice:
    """The store that ``url`` names, and its kind."""

    url: str
    kind: StoreKind

    async def open(self) -> TodoStore:
        """Open the store, to be closed by the caller. Raises StoreUnavailable."""
        return await self.kind.open(self.url)


async def _open_memory(url: str) -> TodoStore:
    return MemoryStore()


async def _open_sqlite(url: str) -> TodoStore:
    return await SqliteStore.open(Path(url.removeprefix("sqlite:")))


STORE_KINDS = (
    StoreKind(form="memory", shared=False, open=_open_memory),
    StoreKind(form="sqlite:PATH", shared=True, open=_open_sqlite),
)


def store_choice(url: str) -> StoreChoice:
    """Return the store that ``url`` names. ValueError where it names none."""
    scheme, colon, rest = url.partition(":")
    for kind in STORE_KINDS:
        known_scheme, known_colon, _ = kind.form.partition(":")
        if (scheme, colon) == (known_scheme, known_colon) and bool(rest) == bool(colon):
            return StoreChoice(url=url, kind=kind)
    forms = " or ".join(kind.form for kind in STORE_KINDS)
    raise ValueError(f"{url!r} is not a store; use {forms}")
