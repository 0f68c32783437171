from __future__ import annotations

from pathlib import Path

import pytest

from lab.todo.sqlite_store import SqliteStore
from lab.todo.store import MemoryStore, StoreUnavailable
from lab.todo.store_urls import checked_store_url, open_store


@pytest.mark.parametrize(
    "url", ["memory", "sqlite:todo.db", "sqlite:/srv/a b.db", "sqlite:sqlite:"]
)
def test_what_names_a_store(url: str) -> None:
    assert checked_store_url(url) == url


@pytest.mark.parametrize("url", ["", "sqlite", "sqlite:", "memory:", "SQLITE:x", "/srv/todo.db"])
def test_what_names_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not a store; use memory or sqlite:PATH"):
        checked_store_url(url)


async def test_the_store_that_was_chosen_is_opened(tmp_path: Path) -> None:
    assert isinstance(await open_store("memory", max_items=9), MemoryStore)
    path = tmp_path / "sqlite:todo.db"
    store = await open_store(f"sqlite:{path}", max_items=9)
    assert isinstance(store, SqliteStore)
    await store.close()
    await store.close()
    assert path.is_file()
    with pytest.raises(StoreUnavailable):
        await open_store(f"sqlite:{tmp_path}", max_items=9)
