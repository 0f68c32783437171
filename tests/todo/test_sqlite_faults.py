"""What can go wrong with a file: a clear line, nothing half written, and work again afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.todo import sqlite_store
from lab.todo.sqlite_store import APPLICATION_ID, SqliteConnection
from lab.todo.store import SEEDS, StoreUnavailable
from tests.support.doors import environment
from tests.todo.test_sqlite_store import opened, rows

PATIENCE = 60.0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "BUSY_SECONDS", 0.2)


async def filled(path: Path, items: int = 300) -> None:
    """A file of several pages, closed."""
    async with opened(path) as store:
        await asyncio.gather(*(store.add(task=f"{n} " * 100, done=False) for n in range(items)))


async def attempted(path: Path) -> None:
    """Open a file that will not open."""
    async with opened(path):
        raise AssertionError("it was opened")


def overwrite(path: Path, data: bytes, at: int) -> None:
    """Change a file as a failing disk does. In another process: closing it drops locks."""
    code = "import sys; f = open(sys.argv[1], 'r+b'); f.seek(int(sys.argv[2]))\n"
    code += "f.write(sys.stdin.buffer.read()); f.close()"
    subprocess.run([sys.executable, "-c", code, path, str(at)], input=data, check=True)


def contents(path: Path) -> bytes:
    """Read a file that is in use; in another process too."""
    code = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    return done.stdout


@contextlib.contextmanager
def held(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that keeps the file to itself."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield other


def no_folder(path: Path) -> None:
    path.parent.rmdir()


def folder_is_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.touch()


def a_folder(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def no_database(path: Path) -> None:
    path.write_bytes(b"These are notes of mine.\n" * 500)


def another_program(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE todo (id INTEGER)")


def another_application(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA application_id = 1")


def newer(path: Path) -> None:
    asyncio.run(filled(path, 1))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 2")


def damaged(path: Path) -> None:
    asyncio.run(filled(path))
    overwrite(path, b"\xa5" * 20_000, path.stat().st_size // 2)


def cut_short(path: Path) -> None:
    asyncio.run(filled(path))
    os.truncate(path, path.stat().st_size // 2)


def edited(path: Path) -> None:
    asyncio.run(filled(path, 1))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE todo SET done = 7 WHERE id = 3")


REFUSED = {
    no_folder: r"cannot be created: there is no folder .*folder; create it",
    folder_is_a_file: r"cannot be created: Not a directory; choose another file with --store",
    a_folder: r"is not a regular file; choose another one with --store",
    dangling: r"is not a regular file; choose another one with --store",
    no_database: r"is not an SQLite database, or is damaged; choose another file",
    another_program: r"is a database of another program; choose another file with --store",
    another_application: r"is a database of another program; choose another file with --store",
    newer: r"has schema version 2, and this program supports 1; use the",
    damaged: r"is damaged; stop the server, then restore a backup or move the file away",
    cut_short: r"is damaged; stop the server, then",
    edited: r"is damaged; stop the server, then",
}


@pytest.mark.parametrize(
    ("spoil", "says"), REFUSED.items(), ids=lambda it: getattr(it, "__name__", "")
)
def test_a_file_that_cannot_be_used_is_refused_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "folder" / "todo.db"
    path.parent.mkdir()
    spoil(path)
    before = path.read_bytes() if path.is_file() else None

    async def attempt() -> None:
        with pytest.raises(StoreUnavailable, match=says) as caught:
            await attempted(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(attempt())
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a user whom file modes can stop"
)
async def test_a_file_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    await filled(path, 1)
    path.chmod(0o400)
    with pytest.raises(StoreUnavailable, match="this user must be able to read and write it"):
        await attempted(path)
    path.chmod(0o000)
    with pytest.raises(StoreUnavailable, match="this user must be able to read and write it"):
        await attempted(path)
    path.unlink()
    tmp_path.chmod(0o500)
    with pytest.raises(StoreUnavailable, match="cannot be created: Permission denied"):
        await attempted(path)
    tmp_path.chmod(0o700)


async def test_a_file_of_ours_without_its_table_is_told_when_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
    async with opened(path) as store:
        with pytest.raises(StoreUnavailable, match="fails: no such table: todo"):
            await store.add(task="x", done=False)


@pytest.mark.usefixtures("impatient")
async def test_a_locked_file_is_refused_and_taken_once_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    await filled(path, 1)
    with held(path), pytest.raises(StoreUnavailable, match="is locked by another process; end"):
        await attempted(path)
    async with opened(path) as store:
        assert len(await store.list()) == 6


@pytest.mark.usefixtures("impatient")
async def test_while_the_file_is_locked_items_are_read_and_none_is_added(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    async with opened(path) as store:
        with held(path):
            adding = [asyncio.create_task(store.add(task=str(n), done=False)) for n in range(3)]
            assert await store.list() == SEEDS
            for task in adding:
                with pytest.raises(StoreUnavailable, match="is locked by another process"):
                    await task
        assert (await store.add(task="then", done=False)).id == 6
        assert len(await store.list()) == 6
    assert [task for _, task, _ in rows(path)[5:]] == ["then"]


async def test_a_lock_of_a_moment_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    async with opened(path) as store:
        with held(path) as other:
            adding = asyncio.create_task(store.add(task="patient", done=False))
            await store.list()  # by then the writer has met the lock, or is about to
            assert not adding.done()
            other.execute("INSERT INTO todo (task, done) VALUES ('first', 0)")
            other.execute("COMMIT")
            assert (await adding).id == 7
        assert [item.task for item in (await store.list())[5:]] == ["first", "patient"]


async def test_damage_that_is_met_while_running_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    await filled(path)
    async with opened(path) as store:
        # Another process's commit makes this one look at the disk again.
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("INSERT INTO todo (task, done) VALUES ('other', 0)")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole = contents(path)
        overwrite(path, b"\xa5" * (len(whole) - 4096), 4096)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="is damaged; stop the server, then"):
                await store.add(task="x", done=False)
            with pytest.raises(StoreUnavailable, match="is damaged; stop the server, then"):
                await store.list()
        overwrite(path, whole, 0)
        added = await store.add(task="mended", done=False)
        listed = await store.list()
        assert (listed[-2].task, listed[-1]) == ("other", added)
        assert [item.id for item in listed] == list(range(1, 308))
    assert len(rows(path)) == 307


async def test_an_error_that_is_not_sqlites_leaves_no_transaction_open(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    async with opened(path) as store:
        with pytest.raises(UnicodeEncodeError):
            await store.add(task="half \ud800", done=False)
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        assert (await store.add(task="x", done=False)).id == 6


async def unprepared(connection: SqliteConnection) -> None:
    """Leave a connection as SQLite opens it."""


@pytest.mark.parametrize(
    "said", ["database is locked", "database or disk is full", "disk I/O error"]
)
async def test_whatever_sqlite_says_within_a_transaction_undoes_it(
    tmp_path: Path, said: str
) -> None:
    """For most errors SQLite does so itself, but promises it for none."""
    path = tmp_path / "todo.db"
    async with opened(path):
        connection = SqliteConnection(path, unprepared)
        with pytest.raises(StoreUnavailable):
            async with connection.use():
                await connection.execute("BEGIN IMMEDIATE")
                await connection.execute("INSERT INTO todo (task, done) VALUES ('x', 0)")
                raise sqlite3.OperationalError(said)
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        async with connection.use():
            assert await connection.execute("SELECT count(*) FROM todo") == [(5,)]
        await connection.close()


@pytest.mark.parametrize("turns", [0, 1, 2, 10, 100, 1000])
async def test_an_opening_that_is_cancelled_leaves_nothing_open(tmp_path: Path, turns: int) -> None:
    path = tmp_path / "todo.db"
    await filled(path, 1)
    with held(path):
        opening = asyncio.create_task(attempted(path))
        for _ in range(turns):  # another moment of the work each time
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    assert [file.name for file in tmp_path.iterdir()] == ["todo.db"]
    assert len(rows(path)) == 6


_FILL = """
import asyncio, os, sys
from pathlib import Path
from lab.todo.sqlite_store import SqliteStore
from lab.todo.store import StoreUnavailable

async def until_full(store):
    kept = []
    for number in range(200):
        tasks = [store.add(task=f"{number}.{n} " + "x" * 5000, done=False) for n in range(3)]
        for answer in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(answer, StoreUnavailable):
                reason = str(answer)
            else:
                kept.append(answer)
        if len(kept) < 3 * (number + 1):
            return kept, reason
    raise SystemExit("it never became full")

async def main(path, fill, empty):
    store = await SqliteStore.open(Path(path))
    seeds = await store.list()
    fill()
    kept, reason = await until_full(store)
    print(reason)
    assert await store.list() == (*seeds, *kept), "items that were refused, or lost"
    _, again = await until_full(store)
    assert again == reason
    kept = [*await store.list()][5:]
    empty()
    kept.append(await store.add(task="room again", done=False))
    assert await store.list() == (*seeds, *kept)
    assert [item.id for item in kept] == list(range(6, 6 + len(kept))), "a gap"
    await store.close()
"""

_BY_LIMIT = """
import resource

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

asyncio.run(main(sys.argv[1], lambda: limit(300_000), lambda: limit(resource.RLIM_INFINITY)))
"""

_BY_DISK = """
ballast = Path(sys.argv[1]).with_name("ballast")

def fill():
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass

asyncio.run(main(sys.argv[1], fill, ballast.unlink))
"""


def run_until_full(path: Path, how: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _FILL + how, path],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        env=environment(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    return line


@pytest.mark.skipif(sys.platform == "win32", reason="needs a system with limits of file sizes")
def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    assert run_until_full(path, _BY_LIMIT) == (
        f"{path} cannot be read or written (disk I/O error); check the disk and its quota"
    )
    assert rows(path)[-1][1] == "room again"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that is a file system of its own, of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    words = ["-t", "tmpfs", "-o", "size=1m,mode=700", "lab-full", str(folder)]
    if not mount or subprocess.run([mount, *words], capture_output=True).returncode != 0:
        pytest.skip("needs a user who may mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full(disk: Path) -> None:
    path = disk / "todo.db"
    assert run_until_full(path, _BY_DISK) == (
        f"{path} cannot grow: the disk is full; free some space"
    )
    assert rows(path)[-1][1] == "room again"


async def test_a_disk_that_takes_no_writes(disk: Path) -> None:
    path = disk / "todo.db"
    await filled(path, 1)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StoreUnavailable, match="cannot be opened; this user must be able to read"):
        await attempted(path)
    with pytest.raises(StoreUnavailable, match="cannot be created: Read-only file system; choose"):
        await attempted(disk / "another.db")


async def test_a_disk_that_is_full_at_the_start(disk: Path) -> None:
    path = disk / "todo.db"
    await filled(path, 1)
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    with pytest.raises(StoreUnavailable, match=r"cannot be read or written|cannot grow"):
        await attempted(path)
    ballast.unlink()
    async with opened(path) as store:
        assert len(await store.list()) == 6


async def test_a_check_finds_a_full_disk_without_an_item(disk: Path) -> None:
    path, ballast = disk / "todo.db", disk / "ballast"
    async with opened(path) as store:
        await store.check()
        items = await store.list()
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        with pytest.raises(StoreUnavailable, match=r"cannot be read or written|cannot grow"):
            for _ in range(100):  # the file of the log may have some room left
                await store.check()
        ballast.unlink()
        await store.check()
        assert await store.list() == items
