"""``python -m lab.probe``: does a server refuse every bad client certificate?"""

from __future__ import annotations

import argparse
import getpass
import json
import ssl
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from lab.door import complete, plain_text, refuse, run, say
from lab.inspection import Extent, explain, probe_own, probe_target
from lab.pki import pem
from lab.pki.ca_files import ensure_revocation_lists, load_authority
from lab.pki.errors import PkiError
from lab.pki.files import DEFAULT_DIRECTORY, Role, SetPaths
from lab.pki.workshop import Workshop, new_workshop
from lab.probing.campaign import NothingSelected, selection
from lab.probing.connection import NoConnection
from lab.probing.scenarios import SCENARIOS, UnknownScenario
from lab.probing.survey import NotProbable
from lab.probing.target import Target, TargetError, parse_target
from lab.probing.tracing import NoTrace, PlanRefused
from lab.probing.trial import Approach, NotLoaded
from lab.probing.verdicts import lesson
from lab.show.explanation import print_explanation
from lab.show.junit import junit
from lab.show.probe_document import probe_document
from lab.show.probe_table import print_list, print_report
from lab.show.progress import progress
from lab.stream.contexts import TlsVersion
from lab.tls.findings import Report

DOOR = "lab.probe"
LAB = SetPaths(directory=DEFAULT_DIRECTORY)
LIMIT = 5.0
STDOUT = Path("-")

_DESCRIPTION = (
    "Connect with good and bad client certificates, in TLS 1.2 and in TLS 1.3: to "
    "the lab's own server, compared with what was measured, or to the server at HOST:PORT, "
    "compared with what any server should do. The certificates are issued by a CA that the "
    "server trusts, with a key that it takes."
)
_EXIT_CODES = (
    "Exit code: 0 all is as it should be; 1 the server does something wrong; 2 "
    "inconclusive: something that matters could not be tried or told, or the probe could not "
    "be made."
)
_CRL = "CRL that the server has loaded: what it revokes must be refused; made if it is not there"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m lab.probe",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        allow_abbrev=False,
    )
    _add_server_options(made)
    _add_run_options(made)
    return made


def _add_server_options(made: argparse.ArgumentParser) -> None:
    """Which server, and how it is reached and verified."""
    made.add_argument("target", nargs="?", metavar="HOST:PORT")
    ca, key = LAB.certificate(Role.CA), LAB.key(Role.CA)
    add = made.add_argument
    add("--ca-cert", type=Path, metavar="FILE", help=f"CA to issue client certificates with ({ca})")
    add("--ca-key", type=Path, metavar="FILE", help=f"private key of that CA ({key})")
    add(
        "--ca-key-password-file",
        type=Path,
        metavar="FILE",
        help="password of --ca-key, if it is encrypted",
    )
    trust = made.add_mutually_exclusive_group()
    trust.add_argument(
        "--server-ca", type=Path, metavar="FILE", help="CA file to verify the server by (--ca-cert)"
    )
    trust.add_argument("--insecure", action="store_true", help="do not verify the server")
    add(
        "--sni",
        type=plain_text,
        metavar="NAME",
        help="server name to ask for and to verify (default: HOST)",
    )
    add("--request", type=plain_text, metavar="PATH", help="path to GET (default: /)")
    add("--crl", type=Path, metavar="FILE", help=_CRL)


def _add_run_options(made: argparse.ArgumentParser) -> None:
    """What is tried, and what is written."""
    add = made.add_argument
    which = made.add_mutually_exclusive_group()
    which.add_argument("--only", type=_names, default=[], metavar="NAME,…", help="try only these")
    which.add_argument("--skip", type=_names, default=[], metavar="NAME,…", help="do not try these")
    for version in TlsVersion:
        add(
            f"--tls{version.value}",
            dest="versions",
            action="append_const",
            const=version,
            help=f"use TLS {version.value} (default: 1.2 and 1.3)",
        )
    add(
        "--repeat",
        type=_count,
        default=1,
        metavar="N",
        help="connections for each scenario (default: 1)",
    )
    add(
        "--concurrency",
        type=_count,
        default=4,
        metavar="N",
        help="scenarios at a time (default: 4)",
    )
    add("--json", type=Path, metavar="FILE", help="write JSON; - for stdout, instead of the table")
    add("--junit", type=Path, metavar="FILE", help="write JUnit XML, for CI")
    add("--list", action="store_true", help="list the scenarios")
    add("--explain", metavar="NAME", help="draw one scenario, with cause and fix")


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if not names:
        raise argparse.ArgumentTypeError("names no scenario")
    return names


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    options = parser().parse_args(argv)
    if options.list:
        print_list([lesson(scenario) for scenario in SCENARIOS], sys.stdout)
        return 0
    if problem := _misfit(options):
        return refuse(DOOR, problem)
    try:
        return _run(options)
    except (
        TargetError,
        PlanRefused,
        PkiError,
        NoConnection,
        NoTrace,
        NotLoaded,
        NotProbable,
    ) as error:
        return refuse(DOOR, str(error))
    except (UnknownScenario, NothingSelected) as error:
        return refuse(DOOR, f"{error}; --list shows all")
    except ssl.SSLError as error:
        return refuse(DOOR, f"OpenSSL cannot use the certificates given: {error}")
    except OSError as error:
        return refuse(DOOR, f"{error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return 130


def _misfit(options: argparse.Namespace) -> str:
    """What does not fit together, before anything is tried; "" if all does."""
    if options.target is None:
        for name in ("ca_cert", "ca_key", "server_ca", "insecure", "sni", "request", "crl"):
            if getattr(options, name):
                option = "--" + name.replace("_", "-")
                return f"{option} needs a server to probe: add HOST:PORT"
    for file in (options.json, options.junit):
        if file is not None and file != STDOUT and not file.absolute().parent.is_dir():
            return f"{file}: no such directory; nothing was tried"
    return "--junit needs a file name, not -" if options.junit == STDOUT else ""


def _run(options: argparse.Namespace) -> int:
    own = options.target is None
    only = [options.explain] if options.explain else options.only
    extent = Extent(
        scenarios=selection(only, [] if options.explain else options.skip, own=own),
        versions=options.versions or list(TlsVersion),
        repeat=options.repeat,
        concurrency=options.concurrency,
    )
    target = None if own else parse_target(options.target)
    shop = _shop(options)
    approach = _approach(options, target) if target else None
    prepared = options.crl is not None
    if prepared and ensure_revocation_lists(options.crl, shop):
        print(f"{DOOR}: wrote {options.crl}: let the server load it", file=sys.stderr)
    if options.explain:
        shown, traces = complete(explain(extent, approach, shop))
        print_explanation(shown, traces, sys.stdout)
        return 0
    with progress(sys.stderr) as begin:
        if approach is None:
            report = complete(probe_own(extent, shop, begin))
        else:
            probing = probe_target(extent, approach, shop, begin, prepared=prepared)
            report = complete(probing)
    _report(report, options)
    if report.passed:
        return 0
    return 1 if report.faulty else 2


def _shop(options: argparse.Namespace) -> Workshop:
    now = datetime.now(timezone.utc)
    if options.target is None:
        return new_workshop(now)
    certificate = options.ca_cert or LAB.certificate(Role.CA)
    key = options.ca_key or LAB.key(Role.CA)
    password: pem.Password = _ask_password if sys.stdin.isatty() else None
    if options.ca_key_password_file:
        data = pem.read_input(options.ca_key_password_file, remedy="Name a file that is there")
        password = data.rstrip(b"\r\n")
    return Workshop(authority=load_authority(certificate, key, password, now=now), now=now)


def _ask_password() -> bytes:
    try:
        return getpass.getpass("Password of the CA's key: ").encode()
    except EOFError:  # Ctrl+D: there is none
        return b""


def _approach(options: argparse.Namespace, target: Target) -> Approach:
    approach = Approach(
        target=target,
        server_ca=None,
        sni=options.sni,
        request=options.request or "/",
        limit=LIMIT,
    )
    if options.insecure:
        return approach
    trusted = options.server_ca or options.ca_cert or LAB.certificate(Role.CA)
    # Read here first: OpenSSL would not say which file it is that it cannot read.
    pem.certificates_in(pem.read_file(trusted, remedy="Name a file that is there"), trusted)
    return replace(approach, server_ca=trusted)


def _report(report: Report, options: argparse.Namespace) -> None:
    if options.json == STDOUT:
        say([json.dumps(probe_document(report), indent=2)])
    else:
        say([])
        print_report(report, sys.stdout)
    if options.json and options.json != STDOUT:
        text = json.dumps(probe_document(report), indent=2) + "\n"
        options.json.write_text(text, encoding="utf-8")
    if options.junit:
        options.junit.write_bytes(junit(report))


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
