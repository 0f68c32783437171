"""``python -m lab.probe``: does a server refuse every bad client certificate?"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.api import (
    BOTH_VERSIONS,
    ConnectionFailedError,
    Explanation,
    LabCA,
    LabError,
    Report,
    ScenarioError,
    explain_scenario_async,
    list_scenarios,
    probe_server_async,
)
from lab.cli.command_line import (
    CommandLine,
    CommandLineBefore,
    Example,
    complete,
    output,
    plain_text,
    refuse,
    refuse_os_error,
    run,
    say,
)
from lab.cli.identity_options import password_or_ask
from lab.cli.picture_files import PictureFiles, SameFileError, picture_files
from lab.cli.probing.client_probe import (
    CLIENT_NOTE,
    add_client,
    misfit_of_client,
    probe_the_client,
)
from lab.cli.route_options import ROUTE_OPTIONS, add_route, named_route, with_proxy_note
from lab.cli.session_options import OF_SESSIONS, add_sessions, sessions_of
from lab.cli.tls_options import (
    SERVER_HELP,
    add_after,
    add_password_file,
    add_pcapng,
    add_server_trust,
    add_versions,
)
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, Role, SetPaths
from lab.probing.resumption.session_scenarios import SESSION_SCENARIOS
from lab.probing.scenarios.trends import NAMED_SCENARIOS
from lab.show.documents.probe_documents import junit, probe_document
from lab.show.text.paper import progress
from lab.show.text.probe_text import print_explanation, print_list, print_report
from lab.tracing.target import TargetError, parse_target, without_password

DOOR = "lab.probe"
_LAB = SetPaths(directory=DEFAULT_DIRECTORY)
LAB_CA, LAB_KEY = _LAB.certificate(Role.CA), _LAB.key(Role.CA)
STDOUT = Path("-")
_OF_SERVER = (
    "ca_cert",
    "ca_key",
    "server_ca",
    "insecure",
    "sni",
    "alpn",
    "request",
    "after",
    "crl",
)

NOTES = (
    "Without HOST:PORT the lab's own server is started in this process, anew for each attempt, and "
    "compared with what was measured. A server elsewhere is compared with what any server should "
    "do: the probe issues the clients' certificates itself, under a CA that the server trusts, "
    "with keys that the server takes. A server that serves one client at a time can be probed too.",
    "The column 'call' is the client's handshake call: where it returned, the client believes that "
    "it is connected, whatever became of it. A verdict rests on who ended the connection and how, "
    "never on the number of an alert. With --repeat the worst of N results counts.",
    "verdicts, with the exit code that they lead to:\n"
    "  0  as it should be\n"
    "  0  refused by HTTP: the handshake completed, and the answer was 400, 401, 403, 495\n"
    "     or 496, or another 4xx where the good certificate gets 2xx\n"
    "  0  refused by the application: the handshake completed, and what is spoken inside TLS\n"
    "     (--after) answered no, or asked for another login, where a good certificate gets in\n"
    "  0  refused without an alert: by the end of the TCP connection; hard to debug\n"
    "  0  inconclusive: no CRL loaded: a revoked certificate got in, and there is no --crl\n"
    "  0  let in by an older session: the certificate has expired since, and most servers do\n"
    "     not look at its dates again\n"
    "  1  should have been refused; should have been accepted\n"
    "  1  not as measured: of the lab's own server only\n"
    "  2  inconclusive: no answer, or a good certificate gets the same answer\n"
    "  2  could not be tried: the certificate was not presented; 0 where the scenario is\n"
    "     about a key type that the server does not take, or either outcome is in order",
    "No probe can see whether a server has loaded a CRL. --crl FILE settles it: load FILE into the "
    "server, and what it revokes must be refused. FILE belongs to the CA, not to one run.",
    "A session that a server resumes stands for the certificate that it began with. With "
    "--sessions, what a session gets is compared with what the same client gets in a full "
    "handshake at the same place: only where that is refused, and the session lets the client "
    "in, the server is wrong.",
    CLIENT_NOTE,
    "exit code:\n"
    "  0  all is as it should be, and what must be refused is\n"
    "  1  the server does something wrong\n"
    "  2  inconclusive: something that matters could not be tried or told, or the probe could\n"
    "     not be made",
)
EXAMPLES = (
    Example(
        does="your server, with a CA that it trusts; a report for CI",
        arguments="localhost:9443 --ca-cert ca.crt --ca-key ca.key --junit report.xml",
    ),
    Example(does="one scenario: pictures, cause, fix, command", arguments="--explain expired"),
    Example(
        does="your client",
        arguments="--client -- curl -sS --cacert {ca} --cert {cert} --key {key} {url}",
    ),
)


def parser(prog: str = "python -m lab.probe") -> CommandLine:
    """Return the command line."""
    command_line = CommandLineBefore(
        door=DOOR,
        prog=prog,
        operands="[HOST:PORT | --client -- COMMAND ...]",
        description="Check that a server refuses every client that it should refuse: try each "
        "scenario (a certificate or a setting that is wrong in one way) in TLS 1.2 and in "
        "TLS 1.3.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    command_line.add_argument("target", nargs="?", metavar="HOST:PORT", help=SERVER_HELP)
    _add_server(command_line)
    _add_extent(command_line)
    add_sessions(command_line)
    add_client(command_line)
    add = command_line.add_argument
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="write the report as JSON, as lab/show/documents/probe.schema.json describes it; - "
        "writes it to stdout, in place of the table",
    )
    add("--junit", type=Path, metavar="FILE", help="write the report as JUnit XML, for CI")
    add(
        "--html",
        type=Path,
        metavar="FILE",
        help="write the report to FILE as a page for a browser: a summary, all results with "
        "filters, and each handshake; with --explain, the scenario with every byte. It needs no "
        "other file and no network; it shows what was decrypted, so only its owner can read it "
        "(mode 0600)",
    )
    add_pcapng(command_line, "all connections")
    add("--list", action="store_true", help="list the scenarios and exit")
    add(
        "--explain",
        metavar="NAME",
        help="show one scenario: its traces, the cause, the fix, and an openssl command",
    )
    return command_line


def _add_server(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--ca-cert",
        type=Path,
        metavar="FILE",
        help="certificate of the CA that the server trusts, to issue the clients with "
        f"(default: {LAB_CA})",
    )
    add("--ca-key", type=Path, metavar="FILE", help=f"private key of that CA (default: {LAB_KEY})")
    add_password_file(command_line, "--ca-key-password-file", "--ca-key")
    add_server_trust(command_line, "--server-ca", "--ca-cert")
    add_route(command_line)
    add(
        "--sni",
        type=plain_text,
        metavar="NAME",
        help="the name to ask for and to find in the server's certificate (default: HOST)",
    )
    add("--alpn", type=plain_text, metavar="LIST", help="protocols to offer, such as h2,http/1.1")
    add(
        "--request",
        type=plain_text,
        metavar="PATH",
        help="what to GET: something that a good client may read (default: the path of the URL, "
        "else /)",
    )
    add_after(command_line)
    add(
        "--crl",
        type=Path,
        metavar="FILE",
        help="the server has loaded this revocation list, so what it revokes must be refused; "
        "where there is no such file, it is written",
    )


def _add_extent(command_line: CommandLine) -> None:
    add = command_line.add_argument
    which = command_line.add_mutually_exclusive_group()
    which.add_argument(
        "--only", type=_names, default=[], metavar="NAME,...", help="these scenarios only"
    )
    which.add_argument(
        "--skip", type=_names, default=[], metavar="NAME,...", help="all scenarios but these"
    )
    add_versions(command_line, "both versions")
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
    """Run the command; return its exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)
    if problem := misfit_of_client(options):
        return refuse(DOOR, problem)
    if options.list and not options.client:
        with output() as file:
            print_list((*list_scenarios(), *NAMED_SCENARIOS, *SESSION_SCENARIOS), file)
        return 0
    if problem := _misfit(options):
        return refuse(DOOR, problem)
    try:
        if options.client:
            return probe_the_client(options)
        with picture_files(options) as pages:
            return _run(options, pages, _again(options, prog))
    except ScenarioError as error:
        return refuse(DOOR, f"{error}; --list shows all")
    except ConnectionFailedError as error:
        return refuse(DOOR, with_proxy_note(error, options))
    except (TargetError, LabError, SameFileError) as error:
        return refuse(DOOR, str(error))
    except OSError as error:  # of a report
        return refuse_os_error(DOOR, error)
    except KeyboardInterrupt:
        return 130


def _misfit(options: argparse.Namespace) -> str:
    """What does not fit together, before anything is tried; "" if all does."""
    if options.target is None and not options.client:
        for name in (*_OF_SERVER, *ROUTE_OPTIONS, *OF_SESSIONS):
            if getattr(options, name):
                option = "--" + name.replace("_", "-")
                return f"{option} needs a server to probe: add HOST:PORT"
    for file in (options.json, options.junit):
        if file is not None and file != STDOUT and not file.absolute().parent.is_dir():
            return f"{file}: no such directory; nothing was tried"
        if file is not None and file.is_dir():
            return f"{file}: is a directory, not a file; nothing was tried"
    return "--junit needs a file name, not -" if options.junit == STDOUT else ""


def _again(options: argparse.Namespace, prog: str) -> str:
    """Return the command line that makes the same probe, for a shell, without what it writes."""
    words: list[str] = [] if options.target is None else [options.target]
    for name in (
        "ca_cert",
        "ca_key",
        "ca_key_password_file",
        "server_ca",
        "sni",
        "alpn",
        "request",
        "after",
        *ROUTE_OPTIONS,
        *OF_SESSIONS,
    ):
        if (value := getattr(options, name)) is not None:
            shown = without_password(value) if name == "proxy" else str(value)
            words += [f"--{name.replace('_', '-')}", shown]
    words += [f"--{name}" for name in ("insecure", "sessions") if getattr(options, name)]
    words += [f"--tls{version}" for version in options.versions or ()]
    return " ".join([prog, *map(shlex.quote, words)])


def _run(options: argparse.Namespace, pages: PictureFiles, again: str) -> int:
    only = [options.explain] if options.explain else options.only
    skip = [] if options.explain else options.skip
    elsewhere, sessions = options.target is not None, sessions_of(options)
    list_scenarios(only=only, skip=skip, elsewhere=elsewhere, sessions=sessions)
    if options.target is not None:
        parse_target(options.target)
    ca = LabCA() if options.target is None else _named_ca(options)
    if options.crl is not None and ca.ensure_crl_file(options.crl):
        print(f"{DOOR}: wrote {options.crl}: let the server load it", file=sys.stderr)
    server: dict[str, Any] = {
        "route": named_route(options),
        "ca": ca,
        "trust": options.server_ca,
        "verify": not options.insecure,
        "versions": options.versions or BOTH_VERSIONS,
        "sni": options.sni,
        "alpn": options.alpn.split(",") if options.alpn else (),
        "request": options.request,
        "after": options.after,
        "pcapng": options.pcapng,
        "keep_records": pages.keep_records,
        "sessions": sessions,
    }
    if options.explain:
        explanation = complete(explain_scenario_async(options.explain, options.target, **server))
        with output() as file:
            print_explanation(explanation.scenario, explanation.traces, file)
        pages.write_page(lambda: _explanation_page(explanation, again))
        return 0
    with progress(sys.stderr) as begin:
        probing = probe_server_async(
            options.target,
            only=only,
            skip=skip,
            crl_loaded=options.crl is not None,
            repeat=options.repeat,
            concurrency=options.concurrency,
            progress=begin,
            **server,
        )
        report = complete(probing)
    _report(report, options)
    pages.write_page(lambda: _probe_page(report, again))
    if report.passed:
        return 0
    return 1 if report.faulty else 2


def _named_ca(options: argparse.Namespace) -> LabCA:
    certificate = options.ca_cert or LAB_CA
    key = options.ca_key or LAB_KEY
    password = password_or_ask(options.ca_key_password_file, "the CA's key")
    return LabCA.load(certificate, key, password)


def _probe_page(report: Report, again: str) -> str:
    from lab.show.html.probe_page import probe_page  # here: it takes long to load

    return probe_page(report, again)


def _explanation_page(explanation: Explanation, again: str) -> str:
    from lab.show.html.probe_page import explanation_page

    return explanation_page(explanation, f"{again} --explain {explanation.scenario.name}")


def _report(report: Report, options: argparse.Namespace) -> None:
    if options.json == STDOUT:
        say([json.dumps(probe_document(report), indent=2)])
    else:
        with output() as file:
            print_report(report, file)
    if options.json and options.json != STDOUT:
        text = json.dumps(probe_document(report), indent=2) + "\n"
        options.json.write_text(text, encoding="utf-8")
    if options.junit:
        options.junit.write_bytes(junit(report))


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
