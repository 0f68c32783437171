"""Writing a set of certificates to disk: the whole set, or nothing.

A set is written into a folder of its own inside the target folder (so on the same file system),
read back and proved there. Then that folder is renamed to ``SetPaths.pending``, each old file is
moved aside into it and the new one out of it, and at the end it is renamed away again. If a move
fails, all are undone. If the process dies between two moves, the pending folder stays: whoever
loads the set sees it and says so, and the next replacement first brings the interrupted one to its
end. No portable call swaps seven files at once; this makes every state in between visible.

Rules: nothing that was there is changed before the new set is proved. Two replacements of the same
set at the same moment are the caller's to avoid; two first writings are told apart.
This module must not know arguments, nor how a set is shown.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from lab.pki.errors import SetExistsError, SetInterruptedError, SetWriteError
from lab.pki.files import LabSet, Role, SetPaths
from lab.pki.keys import KeySource, generate
from lab.pki.plan import SetPlan, make_set
from lab.pki.private import write_private, write_public
from lab.pki.proof import prove_set

_ASIDE = ".outgoing"
_INTERRUPTED = ".interrupted"


def write_set(
    directory: Path,
    plan: SetPlan,
    *,
    now: datetime,
    replace: bool = False,
    new_key: KeySource = generate,
) -> LabSet:
    """Make a set, write it to ``directory`` (made where missing), and prove that it works.

    With ``replace`` an old set is replaced, in the last step. What comes back was read from disk.

    Raises a :class:`~lab.pki.errors.PkiError`, and then ``directory`` is as it was: where it has
    one of the set's files already and ``replace`` is false, or where it cannot be written to.
    """
    paths = SetPaths(directory=directory)
    try:
        _refuse(paths, replace=replace)
        made = make_set(plan, now=now, new_key=new_key)
        with _staging(directory) as staging:
            _write_files(SetPaths(directory=staging), made, plan.pfx_password)
            proved = prove_set(SetPaths(directory=staging), now=now, pfx_password=plan.pfx_password)
            _take_place(staging, paths, replace=replace)
    except OSError as error:
        raise SetWriteError(
            f"the set cannot be written: {error.strerror or error}",
            remedy="Name a folder where this user may write, and close what holds its files open",
            path=directory,
        ) from error
    return proved


def ensure_set(
    directory: Path,
    *,
    now: datetime,
    plan: SetPlan | None = None,
    new_key: KeySource = generate,
) -> bool:
    """Make a set where ``directory`` has no file of one; tell whether it did.

    Where there is any file of a set nothing is written: it may be the user's own, and loading says
    what is wrong with it. Raises as :func:`write_set` does.
    """
    paths = SetPaths(directory=directory)
    if paths.existing() or paths.pending.exists():
        return False
    try:
        write_set(directory, plan or SetPlan(), now=now, new_key=new_key)
    except SetExistsError:
        return False  # another process was quicker
    return True


def _refuse(paths: SetPaths, *, replace: bool) -> None:
    """Raise where ``directory`` must not be written to."""
    if paths.directory.exists() and not paths.directory.is_dir():
        raise SetWriteError("is no folder", remedy="Name another one", path=paths.directory)
    for path in paths.files():
        if path.is_dir():
            raise SetWriteError(
                "is a folder, where a file of the set belongs",
                remedy="Move it away, or name another folder for the set",
                path=path,
            )
    if not replace:
        _refuse_pending(paths)
        _refuse_existing(paths)


def _refuse_pending(paths: SetPaths) -> None:
    if paths.pending.exists():
        raise SetInterruptedError(
            "a set is being written here right now, or writing it was interrupted",
            remedy=f"Try again; where this stays: {paths.command()}",
            path=paths.directory,
        )


def _refuse_existing(paths: SetPaths) -> None:
    if existing := paths.existing():
        names = ", ".join(path.name for path in existing)
        raise SetExistsError(
            f"holds {names} already, and nothing was touched",
            remedy=f"Name another folder, or replace the set: {paths.command()}",
            path=paths.directory,
        )


@contextmanager
def _staging(directory: Path) -> Iterator[Path]:
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
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # somebody put something there: it stays


def _write_files(paths: SetPaths, made: LabSet, pfx_password: str) -> None:
    for role in Role:
        identity = made.identity(role)
        write_public(paths.certificate(role), identity.chain_pem())
        write_private(paths.key(role), identity.key_pem())
    pfx = made.client.pkcs12(
        pfx_password.encode(),
        friendly_name=_client_name(made),
        authorities=[made.ca.certificate],
    )
    write_private(paths.client_pfx, pfx)


def _client_name(made: LabSet) -> str:
    (attribute,) = made.client.certificate.subject
    return str(attribute.value)


def _take_place(staging: Path, paths: SetPaths, *, replace: bool) -> None:
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
        # Should this fail too, the pending folder stays and tells of it.
        for source, target in reversed(moves):
            os.replace(target, source)
        os.rename(paths.pending, staging)
        raise


def _move_in(paths: SetPaths, moves: list[tuple[Path, Path]]) -> None:
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
