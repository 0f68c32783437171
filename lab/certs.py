"""``python -m lab.certs``: make the lab's certificates, verify them, and show what they are.

``inspect`` and ``issue`` are doors behind this one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from lab.cli import certs_inspect, certs_issue
from lab.cli.command_line import CommandLine, Example, did_you_mean, output, refuse, run, say
from lab.cli.identity_options import add_pfx_password, pfx_password
from lab.pki.errors import PkiError
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, SET_HEADERS, SetPaths, set_rows
from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from lab.pki.profiles import CA_DAYS, CLIENT_NAME, DEFAULT_PFX_PASSWORD, LEAF_DAYS
from lab.show.text.paper import print_table

DOOR = "lab.certs"
MORE = {"inspect": certs_inspect.main, "issue": certs_issue.main}


NOTES = (
    "The files: ca.crt and ca.key (the authority), server.crt and server.key, client.crt and "
    "client.key, and client.pfx for browsers (the client's key and certificate with the CA's). A "
    "set that is there is never overwritten without --force, and never left half written.",
    "subcommands (each has its own --help):\n"
    "  inspect FILE ...  show what is in certificate files, and what is wrong with it\n"
    "  issue --cn NAME   issue one more client certificate, good or broken in one way",
    "exit code:\n"
    "  0  written, read back and tried in a handshake\n"
    "  2  refused, nothing was changed, and one line says why",
)
EXAMPLES = (
    Example(does="a set in the folder certs", arguments=""),
    Example(
        does="another folder, another name for the server, keys that are made faster",
        arguments="--dir lab-certs --hostname todo.example 192.0.2.1 --key-type ec",
    ),
    Example(does="what is in a certificate", arguments="inspect certs/client.crt certs/ca.crt"),
)


def parser(prog: str = "python -m lab.certs") -> CommandLine:
    """The command line."""
    command_line = CommandLine(
        door=DOOR,
        prog=prog,
        description="Make a certificate authority, and under it a certificate for the server and "
        "one for the client; write all files, or none.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    _add_options(command_line)
    return command_line


def _add_options(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--dir",
        type=Path,
        default=DEFAULT_DIRECTORY,
        help="the folder to write to, made if there is none (default: %(default)s)",
    )
    add(
        "--key-type",
        choices=[each.value for each in KeyType],
        default=KeyType.RSA.value,
        help="rsa: RSA, 4096 bits for the CA and 2048 for the rest; ec: EC P-256 throughout, which "
        "is faster (default: %(default)s)",
    )
    add(
        "--hostname",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="host names and IP addresses for the server's certificate (SAN), besides localhost, "
        "127.0.0.1 and ::1, which it always has",
    )
    add(
        "--client-cn",
        default=CLIENT_NAME,
        metavar="NAME",
        help="commonName of the client, up to 64 bytes in UTF-8 (default: %(default)s)",
    )
    add(
        "--days",
        type=int,
        default=LEAF_DAYS,
        metavar="N",
        help="lifetime in days of the server's and the client's certificate, up to the CA's "
        f"{CA_DAYS} (default: %(default)s)",
    )
    add_pfx_password(command_line, "client.pfx")
    add("--force", action="store_true", help="replace the set that is there")


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.certs") -> int:
    """Run it; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in MORE:
        return MORE[words[0]](words[1:], prog=f"{prog} {words[0]}")
    if words and not words[0].startswith("-"):
        near = did_you_mean(words[0], tuple(MORE))
        more = f"--dir names a folder; see {prog} --help"
        return refuse(DOOR, f"there is no subcommand {words[0]}{near}; {more}")
    options = parser(prog).read(words)
    try:
        plan = SetPlan(
            key_type=KeyType(options.key_type),
            hostnames=tuple(options.hostname),
            client_cn=options.client_cn,
            days=options.days,
            pfx_password=pfx_password(options),
        )
        now = datetime.now(timezone.utc)
        written = write_set(options.dir, plan, now=now, replace=options.force)
    except PkiError as error:
        return refuse(DOOR, str(error))
    except KeyboardInterrupt:
        return 130
    paths = SetPaths(directory=options.dir)
    say([f"Wrote {len(paths.files())} files to {paths.directory}:", ""])
    with output() as file:
        print_table(SET_HEADERS, set_rows(paths, written), file)
    say(["", "Verified: read back; server and client shook hands in TLS 1.2 and in TLS 1.3."])
    say(["Keep secret: " + ", ".join(path.name for path in paths.secret_files()) + "."])
    if plan.pfx_password == DEFAULT_PFX_PASSWORD:
        say([f"The password of {paths.client_pfx.name} is {DEFAULT_PFX_PASSWORD}."])
    return 0


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
