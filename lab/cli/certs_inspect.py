"""``python -m lab.certs inspect``: what is in files of certificates, and what is wrong with it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.api import LabError, inspect_files
from lab.cli.command_line import CommandLine, Example, plain_text
from lab.cli.run import output, refuse
from lab.inspecting.results import TlsRole
from lab.pki.files.file_contents import AskPassword
from lab.show.text.inspection_text import print_inspection

DOOR = "lab.certs inspect"


NOTES = (
    "exit code:\n"
    "  0  no problem was found\n"
    "  1  something is, and it is shown\n"
    "  2  a file could not be read, and one line says why",
)
EXAMPLES = (
    Example(does="one certificate", arguments="certs/client.crt"),
    Example(
        does="does the key fit, is the chain complete?",
        arguments="certs/client.crt certs/client.key certs/ca.crt --as client",
    ),
    Example(does="a file for browsers", arguments="certs/client.pfx --password changeit"),
)


def parser(prog: str = "python -m lab.certs inspect") -> CommandLine:
    """Return the command line."""
    command_line = CommandLine(
        door=DOOR,
        prog=prog,
        operands="FILE ...",
        description="Show what is in files of certificates, keys, requests and revocation lists "
        "(PEM, DER, PKCS#12), and what is wrong with it for mutual TLS. Files that are given "
        "together are checked against each other.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    command_line.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a file of any of these kinds"
    )
    command_line.add_argument(
        "--as",
        dest="role",
        choices=[role.value for role in TlsRole],
        help="what the certificates are meant for (default: whatever they are fit for)",
    )
    command_line.add_argument(
        "--password",
        type=plain_text,
        metavar="TEXT",
        help="the password of PKCS#12 files and encrypted keys (default: ask, on a terminal)",
    )
    return command_line


def main(argv: Sequence[str], *, prog: str = "python -m lab.certs inspect") -> int:
    """Run the command; return its exit code."""
    options = parser(prog).read(argv)
    try:
        inspection = inspect_files(
            options.files, role=options.role, password=_asking(options.password)
        )
    except LabError as error:
        return refuse(DOOR, str(error))
    except KeyboardInterrupt:
        return 130
    with output() as file:
        print_inspection(inspection, file)
    return 1 if any(inspection.problems()) else 0


def _asking(password: str | None) -> str | AskPassword | None:
    if password is None and sys.stdin.isatty():
        return lambda path: getpass.getpass(f"Password of {path}: ").encode()
    return password
