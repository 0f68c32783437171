"""The store in a file: what it keeps, for whom, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lab.todo import sqlite_store
from lab.todo.results import TodoItem
from lab.todo.sqlite_store import SqliteConnection, SqliteStore
from lab.todo.store import SEEDS
from tests.support.doors import environment

PATIENCE = 60.0  # seconds until a test that hangs fails


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(path)
    try:
        yield store
    finally:
        await store.close()


def rows(path: Path) -> list[tuple[int, str, int]]:
    """What another program finds in the file, once it has seen that the file is whole."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT id, task, done FROM todo ORDER BY id").fetchall()


async def test_a_new_file_has_the_seeds_and_what_is_added_outlives_the_store(
    tmp_path: Path,
) -> None:
    path = tmp_path / "todo.db"
    tasks = ["Añadir endpoint POST", " a\x00b ", "日本 🚀", "'); DROP TABLE todo; --", "x" * 60_000]
    async with opened(path) as store:
        assert await store.list() == SEEDS
        added = [await store.add(task=task, done=bool(i % 2)) for i, task in enumerate(tasks)]
        assert added == [
            TodoItem(id=6 + i, task=task, done=bool(i % 2)) for i, task in enumerate(tasks)
        ]
        assert await store.list() == (*SEEDS, *added)
    async with opened(path) as store:
        assert await store.list() == (*SEEDS, *added)
        assert (await store.add(task="next", done=False)).id == 6 + len(tasks)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a system with POSIX file modes")
async def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "todo.db") as store:
        await store.add(task="x", done=False)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"todo.db": 0o600, "todo.db-wal": 0o600, "todo.db-shm": 0o600}


async def test_an_empty_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    path.touch()
    async with opened(path) as store:
        assert await store.list() == SEEDS


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory", "a b%20ü#?.db"])
async def test_a_name_is_a_name_whatever_it_looks_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened(Path(name)) as store:
        monkeypatch.chdir("/")  # nor does it depend on where the process is later
        assert (await store.add(task="x", done=False)).id == 6
    assert len(rows(tmp_path / name)) == 6


class AskingConnection(SqliteConnection):
    """A connection that notes, of each that was prepared to write, what protects commits."""

    answers: ClassVar[list[object]] = []

    async def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        answer = await super().execute(sql, parameters)
        if sql.startswith("PRAGMA journal_mode"):
            for pragma in ("synchronous", "fullfsync", "journal_mode"):
                self.answers.extend(*await super().execute(f"PRAGMA {pragma}"))
        return answer


async def test_commits_are_synced_and_the_log_is_write_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill shows nothing of syncing, so SQLite itself is asked."""
    monkeypatch.setattr(sqlite_store, "SqliteConnection", AskingConnection)
    monkeypatch.setattr(AskingConnection, "answers", [])
    async with opened(tmp_path / "todo.db"):
        assert AskingConnection.answers == [2, 1, "wal"]  # 2 is FULL


async def test_a_listing_is_the_same_object_until_something_is_added(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    async with opened(path) as store, opened(path) as other:
        before = await store.list()
        assert await store.list() is before
        mine = await store.add(task="mine", done=False)
        after = await store.list()
        assert after == (*before, mine)
        assert await store.list() is after
        theirs = await other.add(task="another process's", done=True)
        assert await store.list() == (*before, mine, theirs)
        assert len(before) == 5


async def test_a_listing_reads_only_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    async with opened(path) as store:
        before = await store.list()
        # Nothing but this store believes that items never change; what it has read shows that.
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE todo SET task = 'changed'")
        added = await store.add(task="new", done=False)
        assert await store.list() == (*before, added)


def commits(path: Path) -> int:
    """How many commits are in the write-ahead log (sqlite.org/fileformat2.html, section 4.1)."""
    log = path.with_name(path.name + "-wal").read_bytes()
    (page,) = struct.unpack_from(">I", log, 8)
    sizes = [struct.unpack_from(">I", log, at + 4)[0] for at in range(32, len(log), 24 + page)]
    return sum(size > 0 for size in sizes)  # the frame that ends a commit tells the file's size


async def test_those_who_add_at_a_time_share_commits(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    async with opened(path) as store:
        for number in range(3):
            await store.add(task=str(number), done=False)
        assert commits(path) == 3
        items = await asyncio.gather(
            *(store.add(task=str(number), done=False) for number in range(3, 100))
        )
        assert commits(path) == 4
        assert [(item.id, item.task) for item in items] == [(6 + n, str(n)) for n in range(3, 100)]
    assert len(rows(path)) == 105


async def test_a_caller_that_is_cancelled_harms_nobody(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    async with opened(path) as store:
        for turn in range(30):
            adding = [
                asyncio.create_task(store.add(task=f"{turn}.{n}", done=False)) for n in range(6)
            ]
            listing = asyncio.create_task(store.list())
            for _ in range(turn):  # another moment of the work each time
                await asyncio.sleep(0)
            for task in (*adding[::2], listing):
                task.cancel()
            kept = await asyncio.gather(*adding[1::2])
            assert [item.task for item in kept] == [f"{turn}.{n}" for n in (1, 3, 5)]
            await asyncio.gather(*adding, listing, return_exceptions=True)
        listed = await store.list()
        assert set(kept) <= set(listed)
        # No transaction was left open: another process may write at once.
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as connection:
            connection.execute("BEGIN IMMEDIATE")
    assert [id_ for id_, _, _ in rows(path)] == list(range(1, len(listed) + 1))


async def test_close_finishes_what_is_in_flight_and_leaves_no_thread_or_task(
    tmp_path: Path,
) -> None:
    before = set(threading.enumerate())
    path = tmp_path / "todo.db"
    store = await SqliteStore.open(path)
    asked = [asyncio.create_task(store.add(task=str(n), done=False)) for n in range(20)]
    listing = asyncio.create_task(store.list())
    await asyncio.sleep(0)
    own = set(threading.enumerate()) - before
    await store.close()
    assert sorted(item.id for item in await asyncio.gather(*asked)) == list(range(6, 26))
    assert len(await listing) >= 5
    assert asyncio.all_tasks() == {asyncio.current_task()}
    for thread in own | (set(threading.enumerate()) - before):
        thread.join(PATIENCE)  # its last act was to tell the loop
        assert not thread.is_alive()
    assert [file.name for file in tmp_path.iterdir()] == ["todo.db"]
    assert len(rows(path)) == 25


_WORKER = """
import asyncio, sys
from pathlib import Path
from lab.todo.sqlite_store import SqliteStore

async def main(path, name, count):
    print("ready", flush=True)
    sys.stdin.readline()
    store = await SqliteStore.open(Path(path))
    for turn in range(count):
        items = await asyncio.gather(
            *(store.add(task=f"{name}.{turn}.{n}", done=False) for n in range(5))
        )
        for item in items:
            print(item.id, item.task)
        seen = await store.list()
        assert set(items) <= set(seen), "an item of its own is not in its listing"
        assert [item.id for item in seen] == list(range(1, len(seen) + 1)), "a gap"
    await store.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def test_processes_that_share_a_new_file_agree_on_seeds_and_ids(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    count, turns = 5, 20
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(path), str(number), str(turns)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=environment(),
        )
        for number in range(count)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:  # all at once, so that they meet in making the file
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        ended = [worker.communicate(timeout=PATIENCE) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    assert [errors for _, errors in ended] == [""] * count
    assert [worker.returncode for worker in workers] == [0] * count
    answered = [line.split(" ", 1) for out, _ in ended for line in out.splitlines()]
    expected = count * turns * 5
    assert sorted(int(id_) for id_, _ in answered) == list(range(6, 6 + expected))
    found = rows(path)
    assert found[:5] == [(item.id, item.task, int(item.done)) for item in SEEDS]
    assert {(id_, task) for id_, task, _ in found[5:]} == {
        (int(id_), task) for id_, task in answered
    }


async def test_an_id_is_not_given_again_after_its_item_was_deleted(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    async with opened(path) as store:
        assert (await store.add(task="x", done=False)).id == 6
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DELETE FROM todo WHERE id = 6")
        assert (await store.add(task="y", done=False)).id == 7
