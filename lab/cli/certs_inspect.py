"""``python -m lab.certs inspect``: what is in files of certificates, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from lab.api import LabError, inspect_files
from lab.cli.command_line import CommandLine, Example, output, plain_text, refuse, say
from lab.cli.identity_options import password_of_files
from lab.cli.tls_options import add_password_file
from lab.inspecting.results import USES, Grade, Inspection
from lab.pki.errors import PkiError
from lab.show.documents.inspection_json import inspection_document
from lab.show.text.inspection_text import print_inspection
from lab.x509.problems import EXPIRES_SOON

DOOR = "lab.certs inspect"


NOTES = (
    "exit code, the first that applies:\n"
    "  2  a file could not be read, and one line says why\n"
    "  1  something is wrong: OpenSSL refuses it, it cannot be used as it is, or --as spiffe\n"
    "     and it breaks a rule of SPIFFE\n"
    "  4  something was not looked at, such as an encrypted key without its password\n"
    "  5  a certificate expires within --expires-within\n"
    "  3  advice only: OpenSSL accepts all of it, other implementations may not\n"
    "  0  all was looked at, and no problem was found",
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
        "(PEM, DER, PKCS#7, PKCS#12), what OpenSSL makes of it, and what is wrong with it for "
        "mutual TLS. Files that are given together are checked against each other.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    command_line.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a file of any of these kinds"
    )
    command_line.add_argument(
        "--as",
        dest="role",
        choices=[*USES],
        help="what the certificates are meant for; spiffe: identities of workloads, by the rules "
        "of X509-SVID (default: whatever they are fit for)",
    )
    command_line.add_argument(
        "--password",
        type=plain_text,
        metavar="TEXT",
        help="the password of PKCS#12 files and encrypted keys, for all users of this machine to "
        "see (default: that of --password-file, or ask, on a terminal)",
    )
    add_password_file(command_line, "--password-file", "PKCS#12 files and encrypted keys")
    command_line.add_argument(
        "--expires-within",
        type=span,
        metavar="TIME",
        help="report what expires within this time, such as 30d or 12h (default: 30d, or a third "
        "of the lifetime)",
    )
    command_line.add_argument(
        "--json",
        action="store_true",
        help="print one JSON document, as lab/show/documents/inspection.schema.json describes it",
    )
    return command_line


def span(text: str) -> timedelta:
    """Return a span of time such as 30d, 12h or 4w. Raises ArgumentTypeError."""
    found = re.fullmatch(r"([0-9]{1,5})([hdw])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30d, 12h or 4w")
    return timedelta(hours=int(found[1]) * {"h": 1, "d": 24, "w": 168}[found[2]])


def main(argv: Sequence[str], *, prog: str = "python -m lab.certs inspect") -> int:
    """Run the command; return its exit code."""
    options = parser(prog).read(argv)
    try:
        inspection = inspect_files(
            options.files,
            role=options.role,
            password=password_of_files(options.password_file)
            if options.password is None
            else options.password,
            expires_within=options.expires_within,
        )
    except (LabError, PkiError) as error:
        return refuse(DOOR, str(error))
    except KeyboardInterrupt:
        return 130
    if options.json:
        say([json.dumps(inspection_document(inspection), indent=2)])
    else:
        with output() as file:
            print_inspection(inspection, file)
    return _exit_code(inspection, asks_for_expiry=options.expires_within is not None)


def _exit_code(inspection: Inspection, *, asks_for_expiry: bool) -> int:
    found = [problem for _, problem in inspection.problems()]
    grades = {problem.grade for problem in found}
    if grades - {Grade.NOT_READ, Grade.ACCEPTED, Grade.AHEAD, Grade.VERSION, Grade.CONVERT}:
        return 1
    if Grade.NOT_READ in grades:
        return 4
    if asks_for_expiry and any(problem.code == EXPIRES_SOON.code for problem in found):
        return 5
    return 3 if found else 0
