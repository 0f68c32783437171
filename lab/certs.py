"""``python -m lab.certs``: make the lab's certificates, verify them, and show what they are.

``inspect`` and ``issue`` are doors behind this one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from lab import certs_inspect, certs_issue
from lab.door import refuse, run, say
from lab.pki.errors import PkiError
from lab.pki.files import DEFAULT_DIRECTORY, SET_HEADERS, SetPaths, set_rows
from lab.pki.plan import DEFAULT_PFX_PASSWORD, KeyType, SetPlan
from lab.pki.profiles import CA_DAYS, CLIENT_NAME, LEAF_DAYS
from lab.pki.writing import write_set
from lab.show.table import print_table

DOOR = "lab.certs"
MORE = {"inspect": certs_inspect.main, "issue": certs_issue.main}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m lab.certs",
        description="Make a certificate authority, a server and a client under it, and write "
        "ca.crt ca.key server.crt server.key client.crt client.key client.pfx: all, or none.",
        epilog="Exit code: 0 written and verified; 2 refused, and nothing was touched. "
        "python -m lab.certs inspect FILE... shows what is in files of certificates and what is "
        "wrong with it; python -m lab.certs issue --cn NAME makes one more client.",
        allow_abbrev=False,
    )
    made.add_argument("--dir", type=Path, default=DEFAULT_DIRECTORY, help="default: %(default)s")
    made.add_argument(
        "--key-type",
        choices=[each.value for each in KeyType],
        default=KeyType.RSA.value,
        help="rsa: 4096 bits for the CA, 2048 for the rest; ec: P-256 (default: %(default)s)",
    )
    made.add_argument(
        "--hostname",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="host names and IP addresses of the server, "
        "besides localhost, 127.0.0.1 and ::1, which it always has",
    )
    made.add_argument(
        "--client-cn",
        default=CLIENT_NAME,
        metavar="NAME",
        help="the client's name, up to 64 bytes in UTF-8 (default: %(default)s)",
    )
    made.add_argument(
        "--days",
        type=int,
        default=LEAF_DAYS,
        metavar="N",
        help=f"lifetime of the server's and the client's certificate, up to the CA's {CA_DAYS} "
        "(default: %(default)s)",
    )
    made.add_argument(
        "--pfx-password",
        default=DEFAULT_PFX_PASSWORD,
        metavar="TEXT",
        help="opens client.pfx (default: %(default)s)",
    )
    made.add_argument("--force", action="store_true", help="replace the set that is there")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in MORE:
        return MORE[words[0]](words[1:])
    options = parser().parse_args(words)
    try:
        plan = SetPlan(
            key_type=KeyType(options.key_type),
            hostnames=tuple(options.hostname),
            client_cn=options.client_cn,
            days=options.days,
            pfx_password=options.pfx_password,
        )
        now = datetime.now(timezone.utc)
        written = write_set(options.dir, plan, now=now, replace=options.force)
    except PkiError as error:
        return refuse(DOOR, str(error))
    except KeyboardInterrupt:
        return 130
    paths = SetPaths(directory=options.dir)
    say([f"Wrote {len(paths.files())} files to {paths.directory}:", ""])
    print_table(SET_HEADERS, set_rows(paths, written), sys.stdout)
    say(["", "Verified: read back; server and client shook hands in TLS 1.2 and in TLS 1.3."])
    say(["Keep secret: " + ", ".join(path.name for path in paths.secret_files()) + "."])
    if plan.pfx_password == DEFAULT_PFX_PASSWORD:
        say([f"The password of {paths.client_pfx.name} is {DEFAULT_PFX_PASSWORD}."])
    return 0


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
