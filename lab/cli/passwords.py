"""Passwords: from a file or the environment, as a list of processes shows what a command line has.

Where neither gives one, a terminal asks for it.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from functools import partial
from pathlib import Path

from lab.api import Password
from lab.api.lab_identities import library_errors
from lab.cli.command_line import CommandLine
from lab.pki.files import pem
from lab.pki.profiles import DEFAULT_PFX_PASSWORD

VARIABLE = "MTLS_LAB_PASSWORD"
PFX_VARIABLE = "MTLS_LAB_PFX_PASSWORD"


def add_password_file(
    command_line: CommandLine, option: str, of: str, *, variable: str = VARIABLE
) -> None:
    """Add ``option``, a file with the password of what ``of`` says."""
    command_line.add_argument(
        option,
        type=Path,
        metavar="FILE",
        help=f"file with the password of {of} (default: what {variable} has in the environment)",
    )


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


def _ask(prompt: str) -> bytes:
    try:
        return getpass.getpass(prompt).encode()
    except EOFError:  # Ctrl+D: there is none
        return b""
