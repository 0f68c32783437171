"""``python -m lab.trace``: where exactly is the client refused, and why?"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from lab.api import (
    BOTH_VERSIONS,
    LabCA,
    LabError,
    LabIdentity,
    LabServer,
    Trace,
    Trust,
    trace_server_async,
)
from lab.cli.command_line import CommandLine, Example, complete, output, refuse, run, say
from lab.cli.identity_options import (
    ADDRESS_HELP,
    add_identity,
    add_pcapng,
    add_server_trust,
    add_timeout,
    add_versions,
    identity_of,
)
from lab.pki.errors import PkiError
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, Role, SetPaths, load_role
from lab.show.documents.trace_json import document
from lab.show.text.comparison import print_comparison
from lab.show.text.trace_text import print_brief, print_trace
from lab.tracing.target import LOOPBACK, TargetError, default_target, parse_target
from lab.tracing.trace_server import listens

DOOR = "lab.trace"


NOTES = (
    "The server's messages are decrypted with the client's own secrets. After them: how the "
    "connection ended (who ended it, by what, after which message, whether the handshake call had "
    "returned), then the causes that fit, best first, each with its evidence and its fix. A cause "
    "is never concluded from an alert's number alone. Where HTTP refuses the client, or the server "
    "asks for no certificate, that is said.",
    "Without HOST:PORT: the server that MTLS_SERVER_HOST and MTLS_SERVER_PORT name (default: "
    "127.0.0.1 and 8443; 0.0.0.0 and :: are reached by the address of loopback). Where nothing "
    "listens at that port of 127.0.0.1, the lab's own server is started in this process, with the "
    "certificates in certs or, where there are none, with new ones that are not kept; both ends "
    "are shown then.",
    "exit code:\n"
    "  0  the trace was made, whether the client was accepted or not; with --expect: as expected\n"
    "  1  with --expect: otherwise than expected\n"
    "  2  it could not be made, and one line says why: arguments, files, no connection",
)
EXAMPLES = (
    Example(does="the lab's server, as a client without a certificate", arguments=""),
    Example(does="the same, with the lab's client certificate", arguments="--with-cert --tls1.3"),
    Example(
        does="any server, with a certificate of its CA",
        arguments="example.org:443 --cert client.crt --key client.key --request /status",
    ),
)


def parser(prog: str = "python -m lab.trace") -> CommandLine:
    """Return the command line."""
    command_line = CommandLine(
        door=DOOR,
        prog=prog,
        operands="[HOST:PORT]",
        description="Connect to a TLS server and show the handshake message by message: "
        "by default as a client without a certificate, in TLS 1.2 and in TLS 1.3.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    command_line.add_argument("target", nargs="?", metavar="HOST:PORT", help=ADDRESS_HELP)
    add_versions(command_line, "both versions, and compare them")
    add_identity(
        command_line,
        "--with-cert",
        "present the lab's client certificate, certs/client.crt (default: none)",
    )
    add_server_trust(
        command_line, "--ca", "certs/ca.crt; for a server that is named, the CAs of the system too"
    )
    _add_requests(command_line)
    add_timeout(command_line, "connect, handshake, answer")
    return command_line


def _add_requests(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--sni",
        metavar="NAME",
        help="the name to ask for and to find in the server's certificate (default: HOST)",
    )
    add("--alpn", metavar="LIST", help="protocols to offer, such as h2,http/1.1")
    add(
        "--request",
        metavar="PATH",
        help="what to GET after the handshake (default: the path of the URL, else /; of the lab's "
        "own server: /todo)",
    )
    add(
        "--write-first",
        action="store_true",
        help="send the request without waiting for what the server has to say first; a client "
        "that does so may lose the alert",
    )
    add(
        "--no-post-handshake-auth",
        action="store_true",
        help="do not let a server ask for the certificate after a TLS 1.3 handshake; browsers and "
        "most libraries cannot be asked then",
    )
    add(
        "--security-level",
        type=int,
        choices=range(6),
        metavar="N",
        help="OpenSSL's security level of this client; 0 presents any certificate, however weak "
        "(default: the system's)",
    )
    _add_verdict(command_line)
    add(
        "--json",
        action="store_true",
        help="print one JSON document, as lab/show/documents/trace.schema.json describes it",
    )
    add("--brief", action="store_true", help="three lines a version: outcome, first cause, fix")
    add(
        "--keylog",
        type=Path,
        metavar="FILE",
        help="append the TLS secrets to FILE, for Wireshark (default: on Linux they stay in "
        "memory)",
    )
    add_pcapng(command_line, "the connections")


def _add_verdict(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--client-ca",
        type=Path,
        metavar="FILE",
        help="the CAs that the server is said to trust (PEM): OpenSSL judges the client's chain by "
        "them, here, and its verdict stands first",
    )
    add("--client-crl", type=Path, metavar="FILE", help="the CRLs that go with --client-ca (PEM)")
    add(
        "--expect",
        type=_expectation,
        metavar="accepted|refused|refused:NAME",
        help="exit with 0 if the server did so in each version, else with 1; NAME is that of the "
        "alert, an HTTP status, or the code of the first cause",
    )


def _expectation(text: str) -> str:
    if not re.fullmatch(r"accepted|refused(:[a-z0-9_-]+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted, refused or refused:NAME")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What to trace: a server that runs, or the lab's own, to be started here.

    ``trust`` is the default CA of the server, ``client`` the identity of ``--with-cert``.
    """

    server: str | LabServer
    trust: Trust | None
    client: Callable[[], LabIdentity]
    notice: str


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.trace") -> int:
    """Run the command; return its exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)
    try:
        subject = _subject(options.target)
        traces = complete(_traces(subject, options))
    except (TargetError, PkiError, LabError) as error:
        return refuse(DOOR, str(error))
    except KeyboardInterrupt:
        return 130
    if options.json:
        say([json.dumps(document(traces), indent=2)])
    elif options.brief:
        with output() as file:
            print_brief(traces, file)
    else:
        say([textwrap.fill(subject.notice, 80), ""])
        _report(traces)
    if options.expect is None or all(trace.meets(options.expect) for trace in traces):
        return 0
    print(f"{DOOR}: not as expected ({options.expect})", file=sys.stderr)
    return 1


def _subject(named: str | None) -> _Subject:
    lab_ca = DEFAULT_DIRECTORY / "ca.crt"
    trust = lab_ca if lab_ca.exists() else None
    if named is not None:
        notice = f"Tracing {parse_target(named).authority}."
        return _Subject(server=named, trust=trust, client=_lab_client, notice=notice)
    lab = default_target(os.environ)
    if lab.host != LOOPBACK:
        notice = f"Tracing {lab.authority}, which MTLS_SERVER_HOST names."
        return _Subject(server=lab.authority, trust=trust, client=_lab_client, notice=notice)
    if listens(lab.host, lab.port):
        notice = f"Tracing the server that listens at {lab.authority}."
        return _Subject(server=lab.authority, trust=trust, client=_lab_client, notice=notice)
    notice = (
        f"Nothing listens at {lab.authority}: tracing the lab's own server, started in this "
        "process, with {}. Both ends are shown."
    )
    if not SetPaths(directory=DEFAULT_DIRECTORY).existing():
        ca = LabCA()
        notice = notice.format("certificates made for the occasion")
        return _Subject(server=LabServer(trust=ca), trust=ca, client=ca.client, notice=notice)
    files = load_role(DEFAULT_DIRECTORY, Role.SERVER, now=datetime.now(timezone.utc))
    own = LabServer(trust=files.ca_path, identity=LabIdentity(identity=files.identity))
    notice = notice.format(f"those in {DEFAULT_DIRECTORY}")
    return _Subject(server=own, trust=files.ca_path, client=_lab_client, notice=notice)


def _lab_client() -> LabIdentity:
    files = load_role(DEFAULT_DIRECTORY, Role.CLIENT, now=datetime.now(timezone.utc))
    return LabIdentity(identity=files.identity)


async def _traces(subject: _Subject, options: argparse.Namespace) -> tuple[Trace, ...]:
    identity = subject.client() if options.with_cert else identity_of(options)
    own = subject.server if isinstance(subject.server, LabServer) else contextlib.nullcontext()
    async with own:
        return await trace_server_async(
            subject.server,
            identity=identity,
            trust=options.ca or subject.trust,
            system_trust=options.target is not None and not options.ca,
            verify=not options.insecure,
            versions=options.versions or BOTH_VERSIONS,
            sni=options.sni,
            alpn=() if options.alpn is None else options.alpn.split(","),
            request=options.request,
            write_first=options.write_first,
            post_handshake_auth=not options.no_post_handshake_auth,
            security_level=options.security_level,
            client_ca=options.client_ca,
            client_crl=options.client_crl,
            timeout=options.timeout,
            key_log=options.keylog,
            pcapng=options.pcapng,
        )


def _report(traces: Sequence[Trace]) -> None:
    with output() as file:
        for trace in traces:
            print_trace(trace, file)
            print(file=file)
        if len(traces) > 1:
            print_comparison(traces, file)


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
