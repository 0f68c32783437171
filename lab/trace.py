"""``python -m lab.trace``: where exactly is the client refused, and why?"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from lab.cli.command_line import CommandLine, Example, seconds
from lab.cli.identity_options import (
    ADDRESS_HELP,
    CERT_HELP,
    KEY_HELP,
    named_authorities,
    named_identity,
)
from lab.cli.run import (
    complete,
    refuse,
    refuse_os_error,
    run,
    say,
)
from lab.pki.errors import PkiError
from lab.pki.files.lab_set import (
    DEFAULT_DIRECTORY,
    Role,
    SetPaths,
    load_role,
)
from lab.pki.files.set_writing import ensure_set
from lab.pki.requests import KeyType, SetPlan
from lab.serving.temporary_server import HOST, temporary_server
from lab.show.documents.trace_json import document
from lab.show.text.comparison import print_comparison
from lab.show.text.sequence import print_trace
from lab.stream.contexts import (
    ClientTls,
    IdentityFiles,
    ServerTls,
    TlsVersion,
)
from lab.tracing.connection import NoConnection
from lab.tracing.results import Trace
from lab.tracing.target import (
    Target,
    TargetError,
    default_target,
    parse_target,
    requested_path,
)
from lab.tracing.trace_server import (
    NoTrace,
    Plan,
    PlanRefused,
    conclude,
    listens,
    watch,
)

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
    "  0  the trace was made, whether the client was accepted or not\n"
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
    """The command line."""
    made = CommandLine(
        door=DOOR,
        prog=prog,
        operands="[HOST:PORT]",
        description="Connect to a TLS server and show the handshake message by message: "
        "by default as a client without a certificate, in TLS 1.2 and in TLS 1.3.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    made.add_argument("target", nargs="?", metavar="HOST:PORT", help=ADDRESS_HELP)
    for version in TlsVersion:
        made.add_argument(
            f"--tls{version.value}",
            dest="versions",
            action="append_const",
            const=version,
            help=f"trace TLS {version.value} (default: both versions, and compare them)",
        )
    _add_certificates(made)
    _add_requests(made)
    return made


def _add_requests(made: CommandLine) -> None:
    made.add_argument(
        "--sni",
        metavar="NAME",
        help="the name to ask for and to find in the server's certificate (default: HOST)",
    )
    made.add_argument("--alpn", metavar="LIST", help="protocols to offer, such as h2,http/1.1")
    made.add_argument(
        "--request",
        metavar="PATH",
        help="what to GET after the handshake (default: the path of the URL, else /; of the lab's "
        "own server: /todo)",
    )
    made.add_argument(
        "--write-first",
        action="store_true",
        help="send the request without waiting for what the server has to say first; a client "
        "that does so may lose the alert",
    )
    made.add_argument(
        "--json",
        action="store_true",
        help="print one JSON document, as lab/show/trace.schema.json describes it",
    )
    made.add_argument(
        "--keylog",
        type=Path,
        metavar="FILE",
        help="append the TLS secrets to FILE, for Wireshark (default: on Linux they stay in "
        "memory)",
    )
    made.add_argument(
        "--timeout",
        type=seconds,
        default=10.0,
        metavar="S",
        help="seconds for each step: connect, handshake, answer (default: %(default)g)",
    )


def _add_certificates(made: CommandLine) -> None:
    who = made.add_mutually_exclusive_group()
    who.add_argument("--cert", type=Path, metavar="FILE", help=CERT_HELP)
    who.add_argument(
        "--with-cert",
        action="store_true",
        help="present the lab's client certificate, certs/client.crt (default: none)",
    )
    made.add_argument("--key", type=Path, metavar="FILE", help=KEY_HELP)
    trust = made.add_mutually_exclusive_group()
    trust.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        help="CA file (PEM) to verify the server with (default: certs/ca.crt; for a server that "
        "is named, the CAs of the system too)",
    )
    trust.add_argument("--insecure", action="store_true", help="do not verify the server")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOptions:
    """Where to trace: a server that runs, or the lab's own to start here (``own``)."""

    target: Target
    own: ServerTls | None
    trust: ClientTls
    certs: Path
    notice: str


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.trace") -> int:
    """Run it; returns the exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)
    try:
        with tempfile.TemporaryDirectory(prefix="mtls-lab-") as scratch:
            setting = _setting(options, Path(scratch))
            plan = _plan(options, setting)
            if not options.json:
                say([textwrap.fill(setting.notice, 80), ""])
            traces = complete(_traces(plan, setting.own, options.versions or list(TlsVersion)))
        _report(traces, as_json=options.json)
    except (TargetError, PlanRefused, PkiError, NoConnection, NoTrace) as error:
        return refuse(DOOR, str(error))
    except ssl.SSLError as error:
        return refuse(DOOR, f"OpenSSL cannot use the certificates given: {error}")
    except OSError as error:
        return refuse_os_error(DOOR, error)
    except KeyboardInterrupt:
        return 130
    return 0


def _setting(options: argparse.Namespace, scratch: Path) -> TraceOptions:
    """The target, and for the lab's own servers the CA that they use."""
    lab_ca = DEFAULT_DIRECTORY / "ca.crt"
    known = lab_ca if lab_ca.exists() else None
    if options.target is not None:
        target = parse_target(options.target)
        trust = ClientTls(server_ca=known, system_trust=True)
        notice = f"Tracing {target.authority}."
        return TraceOptions(
            target=target, own=None, trust=trust, certs=DEFAULT_DIRECTORY, notice=notice
        )
    lab = default_target(os.environ)
    if lab.host != HOST or listens(lab.host, lab.port):
        trust = ClientTls(server_ca=known)
        notice = f"Tracing the server that listens at {lab.authority}."
        if lab.host != HOST:
            notice = f"Tracing {lab.authority}, which MTLS_SERVER_HOST names."
        return TraceOptions(
            target=lab, own=None, trust=trust, certs=DEFAULT_DIRECTORY, notice=notice
        )
    certs = DEFAULT_DIRECTORY if SetPaths(directory=DEFAULT_DIRECTORY).existing() else scratch
    now = datetime.now(timezone.utc)
    ensure_set(certs, now=now, plan=SetPlan(key_type=KeyType.EC))
    files = load_role(certs, Role.SERVER, now=now)
    own = ServerTls(
        identity=IdentityFiles(certificate=files.certificate_path, key=files.key_path),
        client_ca=files.ca_path,
    )
    made = "certificates made for the occasion" if certs == scratch else f"those in {certs}"
    notice = (
        f"Nothing listens at {lab.authority}: tracing the lab's own server, started in this "
        f"process, with {made}. Both ends are shown."
    )
    trust = ClientTls(server_ca=files.ca_path)
    return TraceOptions(target=lab, own=own, trust=trust, certs=certs, notice=notice)


def _plan(options: argparse.Namespace, setting: TraceOptions) -> Plan:
    tls = setting.trust
    if options.insecure:
        tls = ClientTls(verify_server=False)
    elif options.ca:
        tls = ClientTls(server_ca=named_authorities(options.ca))
    if options.alpn is not None:
        tls = replace(tls, alpn=tuple(options.alpn.split(",")))
    identity = named_identity(options.cert, options.key)
    if options.with_cert:
        now = datetime.now(timezone.utc)
        identity = load_role(setting.certs, Role.CLIENT, now=now).identity
    return Plan(
        target=setting.target,
        tls=tls,
        identity=identity,
        sni=options.sni,
        request=_request(options),
        write_first=options.write_first,
        limit=options.timeout,
        key_log=options.keylog,
    )


def _request(options: argparse.Namespace) -> str:
    if options.request is not None:
        return str(options.request)
    return "/todo" if options.target is None else requested_path(options.target) or "/"


async def _traces(plan: Plan, own: ServerTls | None, versions: Sequence[TlsVersion]) -> list[Trace]:
    traces = []
    for version in versions:
        one = replace(plan, tls=replace(plan.tls, minimum=version, maximum=version))
        if own is None:
            traces.append(conclude(one, await watch(one)))
            continue
        async with temporary_server(own) as server:
            one = replace(one, target=Target(host=HOST, port=server.port))
            seen = await watch(one)
        # Behind the block the server has closed its connection, so its view is whole.
        traces.append(conclude(one, seen, server.events[0]))
    return traces


def _report(traces: Sequence[Trace], *, as_json: bool) -> None:
    if as_json:
        say([json.dumps(document(traces), indent=2)])
        return
    for trace in traces:
        print_trace(trace, sys.stdout)
        print()
    if len(traces) > 1:
        print_comparison(traces, sys.stdout)


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
