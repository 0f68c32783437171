"""Putting a set of files in the place of another: all of it, or nothing.

A set is written into a folder of its own inside the target folder (so on the same file system).
Then that folder is renamed to ``pending``, each old file is moved aside into it and the new one out
of it, and at the end it is renamed away again. If a move fails, all are undone. If the process dies
between two moves, the pending folder stays, and the next replacement first brings the interrupted
one to its end. No portable call swaps several files at once; this makes every state in between
visible.

Rules: two replacements of the same set at the same moment are the caller's to avoid; two first
writings are told apart.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from lab.pki.errors import SetExistsError, SetInterruptedError, SetWriteError

_ASIDE = ".outgoing"
_INTERRUPTED = ".interrupted"


class FileSet(Protocol):
    """Files of one folder that belong together."""

    @property
    def directory(self) -> Path:
        """The folder."""
        ...

    @property
    def pending(self) -> Path:
        """A folder in it that is there only while a new set takes its place."""
        ...

    def files(self) -> tuple[Path, ...]:
        """Return all of them, whether they exist or not."""
        ...

    def existing(self) -> tuple[Path, ...]:
        """Return the files that exist, dangling links included."""
        ...

    def command(self) -> str:
        """Return what to do in order to replace them."""
        ...


@contextmanager
def replacing(paths: FileSet, *, replace: bool) -> Iterator[Path]:
    """Yield a private folder; the files in it take the place of those of ``paths`` at the end.

    Raises a :class:`~lab.pki.errors.PkiError` where there are files and ``replace`` is false, or
    where they cannot be written. Whatever is raised, in the block too: the files are as they were.
    """
    try:
        _refuse(paths, replace=replace)
        with _staging_folder(paths.directory) as staging:
            yield staging
            written = {path.name for path in staging.iterdir()}
            _take_place(staging, paths, replace=replace)
            for stale in paths.existing():
                if stale.name not in written:
                    stale.unlink()
    except OSError as error:
        raise SetWriteError(
            f"the files cannot be written: {error.strerror or error}",
            remedy="Name a writable directory, and close programs that use its files",
            path=paths.directory,
        ) from error


def _refuse(paths: FileSet, *, replace: bool) -> None:
    """Raise where ``directory`` must not be written to."""
    if paths.directory.exists() and not paths.directory.is_dir():
        raise SetWriteError("is not a directory", remedy="Name another one", path=paths.directory)
    for path in paths.files():
        if path.is_dir():
            raise SetWriteError(
                "is a directory, where a file of the set belongs",
                remedy="Move it away, or name another directory for the set",
                path=path,
            )
    if not replace:
        _refuse_pending(paths)
        _refuse_existing(paths)


def _refuse_pending(paths: FileSet) -> None:
    if paths.pending.exists():
        raise SetInterruptedError(
            "a set is being written here, or writing it was interrupted",
            remedy=f"Try again; if this persists: {paths.command()}",
            path=paths.directory,
        )


def _refuse_existing(paths: FileSet) -> None:
    if existing := paths.existing():
        names = ", ".join(path.name for path in existing)
        raise SetExistsError(
            f"holds {names} already, and nothing was touched",
            remedy=f"Name another directory, or replace the set: {paths.command()}",
            path=paths.directory,
        )


@contextmanager
def _staging_folder(directory: Path) -> Iterator[Path]:
    """A private folder inside ``directory``, which is made where missing, and left on success."""
    made = _make_folders(directory)
    try:
        with tempfile.TemporaryDirectory(
            prefix=".new-", dir=directory, ignore_cleanup_errors=True
        ) as staging:
            yield Path(staging)
    except BaseException:
        for folder in made:
            _remove_if_empty(folder)
        raise


def _make_folders(directory: Path) -> list[Path]:
    """Make ``directory`` and what is missing above it; tell which were made, deepest first."""
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # not empty: it stays


def _take_place(staging: Path, paths: FileSet, *, replace: bool) -> None:
    """Put the proved set of ``staging`` in the place of what is in the target folder.

    Afterwards ``staging`` holds what is to be thrown away: the old files, or the new ones.
    """
    if replace and paths.pending.is_dir():
        _move_in(paths, [])
        os.rename(paths.pending, staging / _INTERRUPTED)
    try:
        os.rename(staging, paths.pending)
    except OSError:
        _refuse_pending(paths)  # another process was quicker
        raise
    moves: list[tuple[Path, Path]] = []
    try:
        if not replace:
            _refuse_existing(paths)
        _move_in(paths, moves)
        os.rename(paths.pending, staging)
    except BaseException:
        # If this fails too, the pending folder stays and is reported.
        for source, target in reversed(moves):
            os.replace(target, source)
        os.rename(paths.pending, staging)
        raise


def _move_in(paths: FileSet, moves: list[tuple[Path, Path]]) -> None:
    """Move each pending file in and the old one aside; what is in already is left alone.

    Each move that was made is appended to ``moves``, as source and target.
    """
    aside = paths.pending / _ASIDE
    aside.mkdir(exist_ok=True)
    for path in paths.files():
        new = paths.pending / path.name
        if not new.exists():
            continue
        steps = [(path, aside / path.name)] if path in paths.existing() else []
        for source, target in (*steps, (new, path)):
            os.replace(source, target)
            moves.append((source, target))
