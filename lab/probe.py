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

from lab.cli.command_line import CommandLine, Example, plain_text
from lab.cli.identity_options import ADDRESS_HELP
from lab.cli.run import (
    complete,
    refuse,
    refuse_os_error,
    run,
    say,
)
from lab.pki.errors import PkiError
from lab.pki.files import pem
from lab.pki.files.ca_files import ensure_revocation_lists, load_authority
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, Role, SetPaths
from lab.pki.lab_ca import LabAuthority, new_lab_authority
from lab.probing.attempt import Approach, NotLoaded
from lab.probing.preflight import NotProbable
from lab.probing.probe_server import (
    Extent,
    explain,
    probe_own,
    probe_target,
)
from lab.probing.results import Report
from lab.probing.runner import NothingSelected, selection
from lab.probing.scenarios.catalogue_order import SCENARIOS, UnknownScenario
from lab.probing.verdict import lesson
from lab.show.documents.junit import junit
from lab.show.documents.probe_json import probe_document
from lab.show.text.explanation import print_explanation
from lab.show.text.probe_table import print_list, print_report
from lab.show.text.progress import progress
from lab.stream.contexts import TlsVersion
from lab.tracing.connection import NoConnection
from lab.tracing.target import (
    Target,
    TargetError,
    parse_target,
    requested_path,
)
from lab.tracing.trace_server import NoTrace, PlanRefused

DOOR = "lab.probe"
LAB = SetPaths(directory=DEFAULT_DIRECTORY)
LIMIT = 5.0
STDOUT = Path("-")

NOTES = (
    "Without HOST:PORT the lab's own server is started in this process, anew for each attempt, and "
    "compared with what was measured. A server elsewhere is compared with what any server should "
    "do: the probe issues the clients' certificates itself, under a CA that the server trusts, "
    "with keys that the server takes. A server that serves one client at a time can be probed too.",
    "The column 'handshake call' is the client's: where it returned, the client believes that it "
    "is connected, whatever became of it. A verdict rests on who ended the connection and how, "
    "never on the number of an alert. With --repeat the worst of N results counts.",
    "verdicts, with the exit code that they lead to:\n"
    "  0  as it should be\n"
    "  0  refused by HTTP: the handshake completed, and the answer was 400, 401, 403, 495\n"
    "     or 496, or another 4xx where the good certificate gets 2xx\n"
    "  0  refused without an alert: by the end of the TCP connection; hard to debug\n"
    "  0  inconclusive: no CRL loaded: a revoked certificate got in, and there is no --crl\n"
    "  1  should have been refused; should have been accepted\n"
    "  1  not as measured: of the lab's own server only\n"
    "  2  inconclusive: no answer, or a good certificate gets the same answer\n"
    "  2  could not be tried: the certificate was not presented; 0 where the scenario is\n"
    "     about a key type that the server does not take, or either outcome is in order",
    "No probe can see whether a server has loaded a CRL. --crl FILE settles it: load FILE into the "
    "server, and what it revokes must be refused. FILE belongs to the CA, not to one run.",
    "exit code:\n"
    "  0  all is as it should be, and what must be refused is\n"
    "  1  the server does something wrong\n"
    "  2  inconclusive: something that matters could not be tried or told, or the probe could\n"
    "     not be made",
)
EXAMPLES = (
    Example(does="the lab's own server", arguments=""),
    Example(
        does="your server, with a CA that it trusts; a report for CI",
        arguments="localhost:9443 --ca-cert ca.crt --ca-key ca.key --junit report.xml",
    ),
    Example(does="one scenario: pictures, cause, fix, command", arguments="--explain expired"),
)


def parser(prog: str = "python -m lab.probe") -> CommandLine:
    """The command line."""
    made = CommandLine(
        door=DOOR,
        prog=prog,
        operands="[HOST:PORT]",
        description="Check that a server refuses every client that it should refuse: try each "
        "scenario (a certificate or a setting that is wrong in one way) in TLS 1.2 and in "
        "TLS 1.3.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    made.add_argument("target", nargs="?", metavar="HOST:PORT", help=ADDRESS_HELP)
    _add_server(made)
    _add_extent(made)
    add = made.add_argument
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the report as JSON; - writes it to stdout, in place of the table",
    )
    add("--junit", type=Path, metavar="FILE", help="write the report as JUnit XML, for CI")
    add("--list", action="store_true", help="list the scenarios and exit")
    add(
        "--explain",
        metavar="NAME",
        help="show one scenario: its traces, the cause, the fix, and an openssl command",
    )
    return made


def _add_server(made: CommandLine) -> None:
    add = made.add_argument
    ca, key = LAB.certificate(Role.CA), LAB.key(Role.CA)
    add(
        "--ca-cert",
        type=Path,
        metavar="FILE",
        help="certificate of the CA that the server trusts, to issue the clients with "
        f"(default: {ca})",
    )
    add("--ca-key", type=Path, metavar="FILE", help=f"private key of that CA (default: {key})")
    add(
        "--ca-key-password-file",
        type=Path,
        metavar="FILE",
        help="file with the password of --ca-key (default: ask, on a terminal)",
    )
    trust = made.add_mutually_exclusive_group()
    trust.add_argument(
        "--server-ca",
        type=Path,
        metavar="FILE",
        help="CA file (PEM) to verify the server with (default: --ca-cert)",
    )
    trust.add_argument("--insecure", action="store_true", help="do not verify the server")
    add(
        "--sni",
        type=plain_text,
        metavar="NAME",
        help="the name to ask for and to find in the server's certificate (default: HOST)",
    )
    add(
        "--request",
        type=plain_text,
        metavar="PATH",
        help="what to GET: something that a good client may read (default: the path of the URL, "
        "else /)",
    )
    add(
        "--crl",
        type=Path,
        metavar="FILE",
        help="the server has loaded this revocation list, so what it revokes must be refused; "
        "where there is no such file, it is written",
    )


def _add_extent(made: CommandLine) -> None:
    add = made.add_argument
    which = made.add_mutually_exclusive_group()
    which.add_argument(
        "--only", type=_names, default=[], metavar="NAME,...", help="these scenarios only"
    )
    which.add_argument(
        "--skip", type=_names, default=[], metavar="NAME,...", help="all scenarios but these"
    )
    for version in TlsVersion:
        add(
            f"--tls{version.value}",
            dest="versions",
            action="append_const",
            const=version,
            help=f"in TLS {version.value} (default: in both versions)",
        )
    add("--repeat", type=_count, default=1, metavar="N", help="try each N times (default: 1)")
    add("--concurrency", type=_count, default=4, metavar="N", help="N at a time (default: 4)")


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if not names:
        raise argparse.ArgumentTypeError("names no scenario")
    return names


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return int(text)


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.probe") -> int:
    """Run it; returns the exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)
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
        return refuse_os_error(DOOR, error)
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


def _shop(options: argparse.Namespace) -> LabAuthority:
    now = datetime.now(timezone.utc)
    if options.target is None:
        return new_lab_authority(now)
    certificate = options.ca_cert or LAB.certificate(Role.CA)
    key = options.ca_key or LAB.key(Role.CA)
    password: pem.Password = _ask_password if sys.stdin.isatty() else None
    if options.ca_key_password_file:
        data = pem.read_input(options.ca_key_password_file, remedy="Name a file that is there")
        password = data.rstrip(b"\r\n")
    return LabAuthority(authority=load_authority(certificate, key, password, now=now), now=now)


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
        request=options.request or requested_path(options.target) or "/",
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
