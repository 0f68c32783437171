"""What the files are that a user names for TLS: an identity, CAs, a folder of a set, passwords.

Rules: whatever is wrong with a file is said here, by its name, before OpenSSL would answer with a
code. A password comes from a file or the environment, as a list of processes shows what a command
line has; where neither gives one, a terminal asks for it.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from functools import partial
from pathlib import Path

from lab.api import ArgumentError, LabIdentity, Password, load_identity
from lab.api.lab_identities import library_errors
from lab.cli.command_line import CommandLine, did_you_mean
from lab.cli.tls_options import VARIABLE, add_password_file
from lab.pki.errors import MissingFileError
from lab.pki.files import pem
from lab.pki.files.file_contents import AskPassword
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, SetPaths
from lab.pki.profiles import DEFAULT_PFX_PASSWORD

PFX_VARIABLE = "MTLS_LAB_PFX_PASSWORD"


def identity_of(options: argparse.Namespace) -> LabIdentity | None:
    """Return the identity in the files of ``--cert`` and ``--key``, None where neither is given.

    Raises a ``LabError``.
    """
    if options.cert is not None:
        password = password_or_ask(options.password_file, "the client's key")
        return load_identity(options.cert, options.key, password)
    if options.key is not None:
        raise ArgumentError("--key goes with --cert. Give the certificate that it belongs to.")
    return None


def named_folder(path: Path) -> Path:
    """Return the folder of a set, once it is known to be there; the default one may be missing.

    Raises MissingFileError: a name that is mistyped must not become a new CA.
    """
    if path.is_dir() or path == DEFAULT_DIRECTORY:
        return path
    if path.exists() or path.is_symlink():
        raise MissingFileError("is no folder", remedy="Name the folder of ca.crt", path=path)
    near = did_you_mean(path.name, _sets_beside(path))
    raise MissingFileError(
        f"no such folder{near}",
        remedy=f"Name one that is there, or make a set in it: {SetPaths(directory=path).command()}",
        path=path,
    )


def _sets_beside(path: Path) -> list[str]:
    try:
        return [each.name for each in path.parent.iterdir() if (each / "ca.crt").exists()]
    except OSError:
        return []


def named_authorities(path: Path) -> Path:
    """The file of ``--ca`` itself, once it is known to hold certificates. Raises as above."""
    pem.certificate_blocks(pem.read_file(path, remedy="Name a file that is there"), path)
    return path


def given_password(file: Path | None, variable: str = VARIABLE) -> bytes | None:
    """Return the password in ``file``, else that in the environment; None where neither gives one.

    Raises a ``PkiError`` for a file that cannot be read.
    """
    if file is None:
        text = os.environ.get(variable)
        return None if text is None else text.encode()
    return pem.read_input(file, remedy="Name a file that is there").rstrip(b"\r\n")


def add_pfx_password(command_line: CommandLine, name: str) -> None:
    """Add the password of the PKCS#12 file ``name``: as text, or as a file."""
    command_line.add_argument(
        "--pfx-password",
        metavar="TEXT",
        help=f"the password of {name}, for all users of this machine to see (default: that of "
        f"--pfx-password-file, or {DEFAULT_PFX_PASSWORD})",
    )
    add_password_file(command_line, "--pfx-password-file", name, variable=PFX_VARIABLE)


def pfx_password(options: argparse.Namespace) -> str:
    """Return the password for a new PKCS#12 file. Raises a ``PkiError``."""
    text: str | None = options.pfx_password
    if text is not None:
        return text
    given = given_password(options.pfx_password_file, PFX_VARIABLE)
    return DEFAULT_PFX_PASSWORD if given is None else given.decode(errors="replace")


def password_or_ask(file: Path | None, of: str) -> Password:
    """Return the password of ``of``, or what asks for it on a terminal; None where none is.

    Raises a ``LabError``.
    """
    with library_errors():
        given = given_password(file)
    if given is None and sys.stdin.isatty():
        return partial(_ask, f"Password of {of}: ")
    return given


def password_of_files(file: Path | None) -> AskPassword | None:
    """Return what gives the password of any file, or asks for it on a terminal; None where none is.

    Raises a ``PkiError``.
    """
    given = given_password(file)
    if given is not None:
        return lambda _: given
    if sys.stdin.isatty():
        return lambda path: _ask(f"Password of {path}: ")
    return None


def _ask(prompt: str) -> bytes:
    try:
        return getpass.getpass(prompt).encode()
    except EOFError:  # Ctrl+D: there is none
        return b""
