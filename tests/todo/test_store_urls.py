from __future__ import annotations

from pathlib import Path

import pytest

from lab.todo.sqlite_store import SqliteStore
from lab.todo.store import MemoryStore, StoreUnavailable
from lab.todo.store_urls import store_choice


@pytest.mark.parametrize(
    ("url", "form", "shared"),
    [
        ("memory", "memory", False),
        ("sqlite:todo.db", "sqlite:PATH", True),
        ("sqlite:/srv/a b.db", "sqlite:PATH", True),
        ("sqlite:sqlite:", "sqlite:PATH", True),
    ],
)
def test_what_names_a_store(url: str, form: str, shared: bool) -> None:
    choice = store_choice(url)
    assert (choice.url, choice.kind.form, choice.kind.shared) == (url, form, shared)


@pytest.mark.parametrize("url", ["", "sqlite", "sqlite:", "memory:", "SQLITE:x", "/srv/todo.db"])
def test_what_names_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not a store; use memory or sqlite:PATH"):
        store_choice(url)


async def test_the_store_that_was_chosen_is_opened(tmp_path: Path) -> None:
    assert isinstance(await store_choice("memory").open(), MemoryStore)
    path = tmp_path / "sqlite:todo.db"
    store = await store_choice(f"sqlite:{path}").open()
    assert isinstance(store, SqliteStore)
    await store.close()
    await store.close()
    assert path.is_file()
    with pytest.raises(StoreUnavailable):
        await store_choice(f"sqlite:{tmp_path}").open()
