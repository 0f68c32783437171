"""The file of a store, for as long as a server runs: made once, and known from any other.

Rules: a file is made here only where a server claims it, at its very start; one that vanishes later
is an error, never an empty store in its place. The file claimed is the one at the path as long as
it is the same inode: another that was put there is not touched until the next start, because SQLite
finds logs by their name, and would write the old file's log over the new one. The same would befall
a file put there between two runs, beside a log that a killed server has left; so at the start what
SQLite would make of file and log is looked at first, and changes nothing.

This module must not know asyncio, nor when or for what the file is used.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.todo.store import StoreUnavailable

APPLICATION_ID = 0x6D544C53  # "mTLS", in the header of the file
VERSION = 1  # of the schema in it

_Inode = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFile:
    """A file that was claimed. ``path`` is absolute, ``inode`` its device and inode numbers."""

    path: Path
    inode: _Inode

    @property
    def in_place(self) -> bool:
        """Whether the file is still at its path."""
        try:
            self.check()
        except StoreUnavailable:
            return False
        return True

    def check(self) -> None:
        """Raises StoreUnavailable where the file is not at its path any more."""
        # Not in a thread: the file is on a local disk, as the WAL's shared memory asks for that.
        found = _found(self.path)
        if found is None:
            raise self.fault("was deleted; restore it, or restart the server to create a new one")
        if found != self.inode:
            raise self.fault(
                "was replaced while the server ran; restore the old file, or stop the server first"
            )

    def fault(self, what: str) -> StoreUnavailable:
        """An error that names the file."""
        return StoreUnavailable(f"{self.path} {what}")


KIND = (
    "PRAGMA application_id",
    "PRAGMA user_version",
    "SELECT count(*) FROM sqlite_master",
)
"""What to ask of a database, to see whether it is empty, and else to ``check_kind``."""


def check_kind(path: Path, application: int, version: int) -> None:
    """Raises StoreUnavailable where a database with these numbers is not one of ours."""
    if application != APPLICATION_ID:
        raise StoreUnavailable(
            f"{path} is a database of another program; choose another file with --store"
        )
    if version != VERSION:
        raise StoreUnavailable(
            f"{path} has schema version {version}, and this program supports {VERSION}; use the "
            "version of the program that created it"
        )


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[StoreFile]:
    """The file at ``path``, made if there is none, for a server that starts. StoreUnavailable.

    To be called while this process has no connection to the file: reading it apart from SQLite, and
    closing it, drops the locks of all of the process (sqlite.org/howtocorrupt.html, section 2.2).
    """
    path = path.absolute()
    log = Path(f"{os.path.realpath(path)}-wal")  # SQLite too follows links first
    if _size(log) and _is_foreign(path):
        raise StoreUnavailable(
            f"{path} would lose what is in it to {log.name} beside it, the log of another file; "
            f"delete {log.name} to use the file as it is, or put back the one that the log "
            "belongs to"
        )
    _make(path)
    inode = _found(path)
    if inode is None:
        raise StoreUnavailable(f"{path} was deleted at this moment; try again")
    # While it is held, no other file gets its inode number. O_PATH opens nothing, so that no lock
    # is dropped with it; systems without that are slower to give a number again.
    pin = os.open(path, os.O_PATH | os.O_CLOEXEC) if hasattr(os, "O_PATH") else None
    try:
        yield StoreFile(path=path, inode=inode)
    finally:
        if pin is not None:
            os.close(pin)


def _make(path: Path) -> None:
    """Makes an empty file for its owner's eyes alone where there is none; StoreUnavailable.

    SQLite gives the files beside it, ``-wal`` and ``-shm``, the same mode.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if path.is_symlink() and not path.exists():
            raise StoreUnavailable(
                f"{path} is a symbolic link to {os.readlink(path)}, which does not exist; remove "
                "the link, or choose another file with --store"
            ) from None
    except FileNotFoundError:
        raise StoreUnavailable(
            f"{path} cannot be created: there is no folder {path.parent}; create it"
        ) from None
    except OSError as error:
        why = error.strerror or error
        raise StoreUnavailable(
            f"{path} cannot be created: {why}; choose another file with --store"
        ) from None


def _found(path: Path) -> _Inode | None:
    """Which file is at the path now."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnavailable(f"{path} is not a regular file; choose another one with --store")
    return found.st_dev, found.st_ino


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_foreign(path: Path) -> bool:
    """Whether the log beside the file would take something from it that stands in it now.

    SQLite knows a log by its name alone, and replays whatever is whole in itself. But items are
    only ever added: with its own log, the file has all items that it has without, and is sound.
    """
    if _found(path) is None or not _size(path):
        return True  # SQLite would delete the log, which may be the only place of what is in it
    try:
        # With "immutable" SQLite looks at no log.
        with _reading(path, "immutable=1") as alone:
            if not _is_sound(alone):
                return False  # cut off while its log was written into it, which the log mends
            application, version, tables = (
                alone.execute(question).fetchone()[0] for question in KIND
            )
            if not tables:
                return False
            # Now, as opening it would bring the log into it, whosever that is.
            check_kind(path, application, version)
            # Who may only read builds an index of the log beside it, and writes nothing else.
            with _reading(path, "mode=ro") as together:
                return not _is_sound(together) or not _has_all(together, alone)
    except sqlite3.OperationalError:
        return False  # locked, or not to be opened at all: opening it for use says so


@contextlib.contextmanager
def _reading(path: Path, how: str) -> Iterator[sqlite3.Connection]:
    uri = f"{path.as_uri()}?{how}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection:
        yield connection


def _is_sound(connection: sqlite3.Connection) -> bool:
    try:
        return connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:  # damaged, or no database
        return False


def _has_all(together: sqlite3.Connection, alone: sqlite3.Connection) -> bool:
    """Whether all items that are in ``alone`` are in ``together``."""
    both = [
        connection.execute("SELECT id, task, done FROM todo ORDER BY id")
        for connection in (together, alone)
    ]
    pairs = itertools.zip_longest(*both)
    return all(kept == before for kept, before in pairs if before is not None)
