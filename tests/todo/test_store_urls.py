from __future__ import annotations

from pathlib import Path

import pytest

from lab.todo.sqlite_store import SqliteStore
from lab.todo.store import MemoryStore, StoreUnavailable
from lab.todo.store_urls import (
    StoreChoice,
    claimed_store,
    open_store,
    store_choice,
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("memory", None),
        ("sqlite:todo.db", Path("todo.db")),
        ("sqlite:/srv/a b.db", Path("/srv/a b.db")),
        ("sqlite:sqlite:", Path("sqlite:")),
    ],
)
def test_what_names_a_store(text: str, path: Path | None) -> None:
    assert store_choice(text) == StoreChoice(path=path)


@pytest.mark.parametrize("text", ["", "sqlite", "sqlite:", "memory:", "SQLITE:x", "/srv/todo.db"])
def test_what_names_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a store; use memory or sqlite:PATH"):
        store_choice(text)


async def test_the_store_that_was_chosen_is_opened(tmp_path: Path) -> None:
    with claimed_store(store_choice("memory")) as file:
        assert isinstance(await open_store(file), MemoryStore)
    with claimed_store(store_choice(f"sqlite:{tmp_path / 'todo.db'}")) as file:
        store = await open_store(file)
        assert isinstance(store, SqliteStore)
        await store.close()
        await store.close()
    assert (tmp_path / "todo.db").is_file()
    with pytest.raises(StoreUnavailable), claimed_store(StoreChoice(path=tmp_path)):
        pass
