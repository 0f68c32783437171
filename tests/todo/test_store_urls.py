from __future__ import annotations

import sys
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
    with pytest.raises(ValueError, match="is not a store; use memory, sqlite:PATH, postgresql:"):
        checked_store_url(url)


def test_a_url_of_postgresql_that_is_none() -> None:
    assert checked_store_url("postgresql://me@a,b:1/todo?sslmode=require")
    with pytest.raises(ValueError, match=r"not a URL of PostgreSQL: .*nosuch"):
        checked_store_url("postgresql://a/b?nosuch=1")


def test_without_the_library_of_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lab.todo.postgres_store", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        ValueError, match=r"psycopg is missing; .*pip install 'mtls-lab\[postgres\]'"
    ):
        checked_store_url("postgresql://a/b")


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
