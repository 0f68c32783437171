"""Writing a set of certificates to disk: the whole set, or nothing.

A set is written into a folder of its own inside the target folder, read back and tested there, and
then moved into place (:mod:`lab.pki.files.replace_files`).

Rules: existing files are not changed before the new set has been tested.
This module must not know arguments, nor how a set is shown.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from lab.pki.errors import SetExistsError, SetWriteError
from lab.pki.files.lab_set import LabSet, Role, SetPaths
from lab.pki.files.replace_files import refuse, staging_folder, take_place
from lab.pki.files.secret_files import write_private, write_public
from lab.pki.files.verify_set import load_verified_set
from lab.pki.keys import KeySource, generate
from lab.pki.requests import SetPlan, make_set


def write_set(
    directory: Path,
    plan: SetPlan,
    *,
    now: datetime,
    replace: bool = False,
    new_key: KeySource = generate,
) -> LabSet:
    """Make a set, write it to ``directory`` (made where missing), and verify that it works.

    With ``replace`` an old set is replaced, in the last step. What comes back was read from disk.

    Raises a :class:`~lab.pki.errors.PkiError`, and then ``directory`` is as it was: where it has
    one of the set's files already and ``replace`` is false, or where it cannot be written to.
    """
    paths = SetPaths(directory=directory)
    try:
        refuse(paths, replace=replace)
        made = make_set(plan, now=now, new_key=new_key)
        with staging_folder(directory) as staging:
            _write_files(SetPaths(directory=staging), made, plan.pfx_password)
            verified = load_verified_set(
                SetPaths(directory=staging), now=now, pfx_password=plan.pfx_password
            )
            take_place(staging, paths, replace=replace)
    except OSError as error:
        raise SetWriteError(
            f"the set cannot be written: {error.strerror or error}",
            remedy="Name a writable directory, and close programs that use its files",
            path=directory,
        ) from error
    return verified


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
        return False  # another process was faster
    return True


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
