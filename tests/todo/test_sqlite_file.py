"""Files that take the place of a store's: while it is used, and beside a log that was left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.todo.sqlite_file import claimed
from lab.todo.sqlite_store import SqliteStore
from lab.todo.store import StoreUnavailable
from tests.todo.test_sqlite_faults import attempted, contents, filled
from tests.todo.test_sqlite_store import opened, rows

on_posix = pytest.mark.skipif(
    sys.platform == "win32", reason="needs a system where an open file can be replaced"
)
REPLACED = "was replaced while the server ran; restore the old file, or stop the server first"


def by_name(_: Path, backup: Path, path: Path) -> None:
    os.replace(backup, path)


def after_a_deletion(folder: Path, backup: Path, path: Path) -> None:
    """Where a file system gives the number of a deleted inode to the next one."""
    path.unlink()
    shutil.copy(backup, path)


def without_the_log(folder: Path, backup: Path, path: Path) -> None:
    for file in folder.glob("todo.db*"):
        file.unlink()
    os.replace(backup, path)


@on_posix
@pytest.mark.parametrize("replace", [by_name, after_a_deletion, without_the_log])
async def test_a_backup_put_in_place_is_left_alone_and_served_from_the_next_start(
    tmp_path: Path, replace: Callable[[Path, Path, Path], None]
) -> None:
    path, backup = tmp_path / "todo.db", tmp_path / "backup.db"
    await filled(backup, 400)
    before, kept = backup.read_bytes(), rows(backup)
    with claimed(path) as file:
        store, other = [await SqliteStore.open(file) for _ in range(2)]
        for number in range(20):
            await store.add(task=f"mine {number}", done=False)
        assert len(await other.list()) == 25
        replace(tmp_path, backup, path)
        for each in (store, other, store):
            with pytest.raises(StoreUnavailable, match=REPLACED):
                await each.list()
            with pytest.raises(StoreUnavailable, match=REPLACED):
                await each.add(task="x", done=False)
            assert contents(path) == before
        await store.close()
        assert contents(path) == before
        await other.close()
    assert path.read_bytes() == before
    async with opened(path) as store:
        assert [(item.id, item.task, item.done) for item in await store.list()] == kept


@on_posix
async def test_a_file_that_was_moved_away_has_all_that_was_in_its_log(tmp_path: Path) -> None:
    path, moved = tmp_path / "todo.db", tmp_path / "moved.db"
    async with opened(path) as store:
        added = [await store.add(task=str(number), done=False) for number in range(20)]
        listed = await store.list()
        path.rename(moved)
        with pytest.raises(StoreUnavailable, match="was deleted"):
            await store.add(task="x", done=False)
        with pytest.raises(StoreUnavailable, match="was deleted"):
            await store.list()
        assert [task for _, task, _ in rows(moved)[5:]] == [item.task for item in added]
        moved.rename(path)
        assert await store.list() == listed
        assert (await store.add(task="back", done=False)).id == 26
    assert len(rows(path)) == 26


async def left_by_a_kill(path: Path) -> None:
    """A file, and beside it a log with what was added last."""
    store = path.with_name("running")
    async with opened(store) as running:
        for number in range(20):
            await running.add(task=f"mine {number}", done=False)
        path.write_bytes(contents(store))
        log(path).write_bytes(contents(log(store)))


def log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def larger(path: Path) -> None:
    asyncio.run(filled(path, 400))


def of_another_program(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE todo (id INTEGER, task TEXT, done INTEGER)")


def empty(path: Path) -> None:
    path.touch()


def copied_by_sqlite(path: Path) -> None:
    """A backup with the same first items and another layout."""
    larger(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE todo SET task = 'shorter' WHERE id > 5")
        connection.execute("VACUUM")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (larger, r"would lose what is in it to todo\.db-wal beside it"),
        (copied_by_sqlite, r"would lose what is in it to todo\.db-wal beside it"),
        (empty, r"would lose what is in it to todo\.db-wal beside it"),
        (of_another_program, "is a database of another program; choose another file"),
    ],
)
def test_a_log_of_another_file_is_not_taken_for_this_ones(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    """SQLite itself would replay it: a log is whole in itself, and known by its name alone."""
    path, backup = tmp_path / "todo.db", tmp_path / "backup.db"
    asyncio.run(left_by_a_kill(path))
    make(backup)
    os.replace(backup, path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=says):
            asyncio.run(attempted(path))
        assert path.read_bytes() == before
    log(path).unlink()
    if make is larger:
        asyncio.run(_served_in_full(path))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def _served_in_full(path: Path) -> None:
    async with opened(path) as store:
        assert len(await store.list()) == 405


def test_what_sqlite_itself_makes_of_a_log_of_another_file(tmp_path: Path) -> None:
    path, backup = tmp_path / "todo.db", tmp_path / "backup.db"
    asyncio.run(left_by_a_kill(path))
    larger(backup)
    os.replace(backup, path)
    before = path.read_bytes()
    with contextlib.suppress(sqlite3.DatabaseError):
        rows(path)
    assert path.read_bytes() != before


async def test_a_log_that_is_the_files_own_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    await left_by_a_kill(path)
    async with opened(path) as store:
        assert [item.task for item in (await store.list())[5:]] == [f"mine {n}" for n in range(20)]


async def test_a_file_cut_off_in_the_middle_of_taking_up_its_log_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    await filled(path, 400)
    async with opened(path) as store:
        for number in range(300):
            await store.add(task=f"{number} " * 50, done=False)
        whole, beside = contents(path), contents(log(path))
    torn = tmp_path / "torn.db"
    torn.write_bytes(path.read_bytes()[: len(whole) + 4096])  # a page of the log came through
    log(torn).write_bytes(beside)
    async with opened(torn) as store:
        assert len(await store.list()) == 705


async def test_a_log_without_its_file_is_not_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    await left_by_a_kill(path)
    path.unlink()
    before = log(path).read_bytes()
    with pytest.raises(StoreUnavailable, match="put back the one that the log belongs to"):
        await attempted(path)
    assert (path.exists(), log(path).read_bytes()) == (False, before)
