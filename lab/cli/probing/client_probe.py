"""``lab.probe --client -- COMMAND``: its options, and what becomes of them.

This module must not know how a server is run, nor how a verdict is come to.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.cli.command_line import CommandLine, complete, output, refuse, say, seconds
from lab.cli.route_options import ROUTE_OPTIONS
from lab.cli.session_options import OF_SESSIONS
from lab.probing.clients.client_verdict import exit_words
from lab.probing.clients.probe_client import ClientProbePlan, probe_client
from lab.probing.clients.results import (
    GOOD,
    ClientFinding,
    ClientReport,
    ClientVerdict,
)
from lab.probing.clients.server_selection import (
    TESTED_SERVERS,
    UnknownServer,
    find_server,
    servers_to_try,
)
from lab.probing.clients.tested_server import ServerUnderTest
from lab.show.documents.client_probe_documents import client_junit, client_probe_document
from lab.show.text.client_probe_text import (
    print_client_report,
    print_server,
    print_servers,
)
from lab.show.text.paper import progress
from lab.stream.contexts import TlsVersion
from lab.tracing.tap.tap_command import NoCommand

DOOR = "lab.probe"
TIMEOUT = 15.0
_STDOUT = Path("-")
# What is about a server to be probed, or about clients of the lab's own.
_OF_SERVERS = (
    "ca_cert",
    "ca_key",
    "ca_key_password_file",
    "server_ca",
    "insecure",
    "sni",
    "alpn",
    "request",
    "after",
    "crl",
    "html",
    "pcapng",
    "sessions",
    *ROUTE_OPTIONS,
    *OF_SESSIONS,
)

CLIENT_NOTE = (
    "With --client -- COMMAND the client is under test: COMMAND is run against servers on loopback "
    "that are each wrong in one way (--client --list), the good one first, and should accept those "
    "that are in order and refuse the others. In its words {url} stands for https://HOST:PORT, "
    "{host} and {port} for its parts, {ca} for the file of the CA that a good server chains to, "
    "{cert} and {key} for a good client's; so do LAB_URL, LAB_HOST, LAB_PORT, LAB_CA, LAB_CERT and "
    "LAB_KEY in its environment. It should end with 0 where it was answered, and with another code "
    "where not. It runs with no input, in a process group of its own, which is ended with it; "
    "proxies are told to leave loopback alone. The options --only, --skip, --tls1.2, --tls1.3, "
    "--timeout, --concurrency, --list, --explain, --json and --junit go with it. Exit code: 0 "
    "if the good server was accepted and all that should be refused were, 1 if not, 2 if nothing "
    "can be told. It does not run on Windows."
)


def add_client(command_line: CommandLine) -> None:
    """Add ``--client``, and ``--timeout``, which goes with it."""
    command_line.add_argument(
        "--client",
        action="store_true",
        help="put the client behind -- to the test, see below",
    )
    command_line.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help=f"with --client: seconds for each run of the command (default: {TIMEOUT:g})",
    )


def misfit_of_client(options: argparse.Namespace) -> str:
    """What does not go with ``--client``, or goes only with it; "" if all fits."""
    if not options.client:
        if options.command:
            return "a command behind -- needs --client"
        return "--timeout needs --client" if options.timeout is not None else ""
    if sys.platform == "win32":
        return "--client does not run on Windows: it ends the process group of the command"
    if options.target is not None:
        return (
            f"--client starts its own servers, so it takes no HOST:PORT: leave {options.target} out"
        )
    for name in _OF_SERVERS:
        if getattr(options, name):
            return f"--{name.replace('_', '-')} is not for --client"
    if options.repeat != 1:
        return "--repeat is not for --client"
    if not options.command and not options.list and not options.explain:
        return "--client needs a command: add -- COMMAND, such as -- curl --cacert {ca} {url}"
    return ""


def probe_the_client(options: argparse.Namespace) -> int:
    """Run what ``options`` ask for; return the exit code. Raises OSError, of a report."""
    try:
        if options.list:
            with output() as file:
                print_servers(TESTED_SERVERS, file)
            return 0
        if options.explain:
            return _explain(options, find_server(options.explain))
        return _probe(options)
    except (UnknownServer, NoCommand) as error:
        return refuse(DOOR, str(error))


def _plan(options: argparse.Namespace, servers: Sequence[ServerUnderTest]) -> ClientProbePlan:
    versions = tuple(TlsVersion(version) for version in dict.fromkeys(options.versions or ()))
    return ClientProbePlan(
        command=tuple(options.command),
        servers=tuple(servers),
        versions=versions or (None,),
        limit=options.timeout or TIMEOUT,
        concurrency=options.concurrency,
    )


def _explain(options: argparse.Namespace, server: ServerUnderTest) -> int:
    findings: Sequence[ClientFinding] = ()
    if options.command:
        servers = servers_to_try([server.name], [])
        with progress(sys.stderr) as begin:
            report = complete(probe_client(_plan(options, servers), begin))
        findings = [each for each in report.findings if each.server.name == server.name]
        if not findings:
            return _nothing_told(report)
    with output() as file:
        print_server(server, findings, file)
    return 0


def _probe(options: argparse.Namespace) -> int:
    plan = _plan(options, servers_to_try(options.only, options.skip))
    with progress(sys.stderr) as begin:
        report = complete(probe_client(plan, begin))
    if not report.good_accepted and not report.faulty:
        return _nothing_told(report)
    _write(report, options)
    if report.passed:
        return 0
    return 1 if report.faulty else 2


def _write(report: ClientReport, options: argparse.Namespace) -> None:
    text = json.dumps(client_probe_document(report), indent=2)
    if options.json == _STDOUT:
        say([text])
    else:
        with output() as file:
            print_client_report(report, file)
    if options.json and options.json != _STDOUT:
        options.json.write_text(text + "\n", encoding="utf-8")
    if options.junit:
        options.junit.write_bytes(client_junit(report))


def _nothing_told(report: ClientReport) -> int:
    good = next(
        finding
        for finding in report.findings
        if finding.server.name == GOOD and finding.verdict is not ClientVerdict.RIGHT
    )
    said = next((line.strip() for line in reversed(good.output.splitlines()) if line.strip()), "")
    why = [*good.notes] or [f"with the good server: {good.by}"]
    if good.exit_code is not None and exit_words(good.exit_code) not in why[-1]:
        why.append(exit_words(good.exit_code))
    if said:
        why.append(f"it said: {said}")
    return refuse(DOOR, f"nothing can be told of this client: {'; '.join(why)}")
