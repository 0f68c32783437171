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

from lab.credentials import CERT_HELP, KEY_HELP, named_authorities, named_identity
from lab.door import complete, refuse, run, say, seconds
from lab.pki.errors import PkiError
from lab.pki.files import DEFAULT_DIRECTORY, Role, SetPaths, load_role
from lab.pki.plan import KeyType, SetPlan
from lab.pki.writing import ensure_set
from lab.probing.connection import NoConnection
from lab.probing.target import Target, TargetError, parse_target
from lab.probing.tracing import NoTrace, Plan, PlanRefused, conclude, listens, watch
from lab.service.own import HOST, own_server
from lab.show.comparison import print_comparison
from lab.show.document import document
from lab.show.sequence import print_trace
from lab.stream.contexts import ClientTls, IdentityFiles, ServerTls, TlsVersion
from lab.tls.trace import Trace

DOOR = "lab.trace"
LAB_PORT = "8443"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m lab.trace",
        description="Connect to a TLS server and show the handshake message by message: "
        "by default as a client without a certificate, in TLS 1.2 and in TLS 1.3.",
        epilog="Without HOST:PORT: the lab's server at 127.0.0.1:8443 (MTLS_SERVER_PORT names "
        "another port) if one listens there, else one in this process. Exit code: 0 the trace was "
        "made; 2 it could not be.",
        allow_abbrev=False,
    )
    made.add_argument("target", nargs="?", metavar="HOST:PORT")
    for version in TlsVersion:
        made.add_argument(
            f"--tls{version.value}",
            dest="versions",
            action="append_const",
            const=version,
            help=f"trace TLS {version.value} (default: both)",
        )
    who = made.add_mutually_exclusive_group()
    who.add_argument("--cert", type=Path, metavar="FILE", help=CERT_HELP)
    who.add_argument("--with-cert", action="store_true", help="with the lab's client certificate")
    made.add_argument("--key", type=Path, metavar="FILE", help=KEY_HELP)
    trust = made.add_mutually_exclusive_group()
    trust.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        help="whom to trust (default: the lab's CA; for other servers the system's CAs too)",
    )
    trust.add_argument("--insecure", action="store_true", help="do not verify the server")
    made.add_argument("--sni", metavar="NAME", help="the name to ask for (default: HOST)")
    made.add_argument("--alpn", metavar="LIST", help="protocols to offer, such as h2,http/1.1")
    made.add_argument("--write-first", action="store_true", help="write before reading")
    made.add_argument("--request", metavar="PATH", help="what to GET (default: /, the lab: /todo)")
    made.add_argument("--json", action="store_true", help="one JSON document")
    made.add_argument("--keylog", type=Path, metavar="FILE", help="add the secrets, for Wireshark")
    made.add_argument("--timeout", type=seconds, default=10.0, metavar="S", help="for each step")
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where to trace: a server that runs, or the lab's own to start here (``own``)."""

    target: Target
    own: ServerTls | None
    trust: ClientTls
    certs: Path
    notice: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    options = parser().parse_args(argv)
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
        return refuse(DOOR, f"{error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return 130
    return 0


def _setting(options: argparse.Namespace, scratch: Path) -> Setting:
    """The target, and for the lab's own servers the CA that they use."""
    lab_ca = DEFAULT_DIRECTORY / "ca.crt"
    known = lab_ca if lab_ca.exists() else None
    if options.target is not None:
        target = parse_target(options.target)
        trust = ClientTls(server_ca=known, system_trust=True)
        notice = f"Tracing {target.authority}."
        return Setting(target=target, own=None, trust=trust, certs=DEFAULT_DIRECTORY, notice=notice)
    # The same variable tells the server where to listen.
    lab = parse_target(f"{HOST}:{os.environ.get('MTLS_SERVER_PORT') or LAB_PORT}")
    if listens(lab.host, lab.port):
        trust = ClientTls(server_ca=known)
        notice = f"Tracing the server that listens at {lab.authority}."
        return Setting(target=lab, own=None, trust=trust, certs=DEFAULT_DIRECTORY, notice=notice)
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
    return Setting(target=lab, own=own, trust=trust, certs=certs, notice=notice)


def _plan(options: argparse.Namespace, setting: Setting) -> Plan:
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
        request=("/" if options.target else "/todo")
        if options.request is None
        else options.request,
        write_first=options.write_first,
        limit=options.timeout,
        key_log=options.keylog,
    )


async def _traces(plan: Plan, own: ServerTls | None, versions: Sequence[TlsVersion]) -> list[Trace]:
    traces = []
    for version in versions:
        one = replace(plan, tls=replace(plan.tls, minimum=version, maximum=version))
        if own is None:
            traces.append(conclude(one, await watch(one)))
            continue
        async with own_server(own) as server:
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
