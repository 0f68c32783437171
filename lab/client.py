"""``python -m lab.client``: add a TODO and read the list; or, without a certificate, be refused."""

from __future__ import annotations

import argparse
import os
import ssl
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from lab.api.lab_identities import LabError, library_errors
from lab.cli.command_line import CommandLine, Example, complete, plain_text, refuse, run, say
from lab.cli.identity_options import identity_of, named_authorities, named_folder
from lab.cli.tls_options import ADDRESS_HELP, add_identity, add_timeout
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, Role, SetPaths, load_authorities, load_role
from lab.pki.identity import Identity
from lab.show.text import client_text
from lab.stream.contexts import ClientTls, TlsVersion
from lab.stream.tls_stream import StreamError
from lab.tracing.applications.conversation import ExchangeError
from lab.tracing.connection import NoConnection
from lab.tracing.target import Target, TargetError, default_target, parse_target
from lab.tracing.todo_client import Admission, attempt_without_certificate, post_then_get
from lab.tracing.trace_server import presenting

DOOR = "lab.client"
DEFAULT_TASK = "Añadir endpoint POST"
_NAMED_BY = "; without HOST:PORT, MTLS_SERVER_HOST and MTLS_SERVER_PORT name it"


NOTES = (
    "Without HOST:PORT: the server that MTLS_SERVER_HOST and MTLS_SERVER_PORT name, which tell the "
    "lab's server where to listen (default: 127.0.0.1 and 8443; 0.0.0.0 and :: are reached by the "
    "address of loopback).",
    "With --no-cert the client waits for the server's verdict. In TLS 1.2 a refusal ends the "
    "handshake call; in TLS 1.3 it comes at the first read, after that call has returned.",
    "exit code:\n"
    "  0  created and listed; with --no-cert: the server refused the client in TLS\n"
    "  1  the server answered otherwise; with --no-cert: it let the client in\n"
    "  2  inconclusive, and one line says why: arguments, files, no connection",
)
EXAMPLES = (
    Example(does="create an item and fetch the list, with the lab's client", arguments=""),
    Example(does="check that a client without certificate is refused", arguments="--no-cert"),
    Example(
        does="another server, another certificate",
        arguments="localhost:9443 --cert alice.crt --key alice.key --ca ca.crt --tls1.2",
    ),
)


def parser(prog: str = "python -m lab.client") -> CommandLine:
    """Return the command line."""
    command_line = CommandLine(
        door=DOOR,
        prog=prog,
        operands="[HOST:PORT]",
        description="Create an item with POST /todo and fetch the list with GET /todo over mutual "
        "TLS; or, with --no-cert, check that the server refuses a client without a certificate.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    add = command_line.add_argument
    add("server", nargs="?", metavar="HOST:PORT", help=ADDRESS_HELP)
    add(
        "--certs",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help="the folder of client.crt, client.key and ca.crt (default: %(default)s)",
    )
    add_identity(command_line, "--no-cert", "the negative test: present no certificate")
    add(
        "--ca",
        type=Path,
        metavar="FILE",
        help="CA file (PEM) to verify the server with (default: ca.crt in --certs)",
    )
    add(
        "--task",
        type=plain_text,
        default=DEFAULT_TASK,
        metavar="TEXT",
        help="the task of the item to create (default: %(default)s)",
    )
    version = command_line.add_mutually_exclusive_group()
    for name in TlsVersion:
        version.add_argument(
            f"--tls{name.value}",
            dest="version",
            action="store_const",
            const=name,
            help=f"TLS {name.value} only (default: the highest that both have)",
        )
    add_timeout(command_line, "connect, handshake, each answer")
    return command_line


def _web_server(named: str) -> Target:
    target = parse_target(named)
    if target.scheme not in ("", "https"):
        raise TargetError(f"{named!r} is not an https URL, and this client speaks HTTP")
    return target


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.client") -> int:
    """Run the command; return its exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)
    named = options.server
    try:
        target = default_target(os.environ) if named is None else _web_server(named)
        with library_errors():
            context = presenting(_tls(options), _identity(options))
    except (TargetError, LabError) as error:
        return refuse(DOOR, str(error))
    try:
        if options.no_cert:
            return complete(_negative(target, context, options.timeout))
        return complete(_todo(target, context, options))
    except StreamError as error:
        trace = f"python -m lab.trace {target.address}"
        return refuse(DOOR, f"{target.address}: {error}; {trace} shows where and why")
    except NoConnection as error:
        return refuse(DOOR, f"{error}{_NAMED_BY if named is None else ''}")
    except ExchangeError as error:
        return refuse(DOOR, str(error))
    except TimeoutError:
        return refuse(DOOR, f"{target.address} did not answer within {options.timeout:g} s")
    except KeyboardInterrupt:
        return 130


def _identity(options: argparse.Namespace) -> Identity | None:
    named = identity_of(options)
    if named is not None:
        return named.identity
    if options.no_cert:
        return None
    return load_role(options.certs, Role.CLIENT, now=datetime.now(timezone.utc)).identity


def _tls(options: argparse.Namespace) -> ClientTls:
    named_folder(options.certs)
    if options.ca is not None:
        named_authorities(options.ca)
    else:
        load_authorities(options.certs, now=datetime.now(timezone.utc))
    return ClientTls(
        server_ca=_ca(options),
        minimum=options.version or TlsVersion.TLS12,
        maximum=options.version or TlsVersion.TLS13,
    )


def _ca(options: argparse.Namespace) -> Path:
    ca: Path = options.ca or SetPaths(directory=options.certs).certificate(Role.CA)
    return ca


async def _todo(target: Target, context: ssl.SSLContext, options: argparse.Namespace) -> int:
    certificate = options.cert or SetPaths(directory=options.certs).certificate(Role.CLIENT)
    say(client_text.heading(target.url, certificate.name, _ca(options).name))
    shows = iter((client_text.created, client_text.listed))
    statuses = []
    async for response in post_then_get(target, context, options.task, limit=options.timeout):
        say(next(shows)(response.status, response.body))
        statuses.append(response.status)
    return 0 if statuses == [201, 200] else 1


async def _negative(target: Target, context: ssl.SSLContext, limit: float) -> int:
    say(client_text.negative_heading(target.url))
    attempt = await attempt_without_certificate(target, context, limit=limit)
    if attempt.response is not None:
        say(client_text.admitted(attempt.response.status, attempt.response.body))
        return 1
    if attempt.admission is Admission.UNKNOWN:
        return refuse(DOOR, f"inconclusive: {target.authority}: {attempt.error}")
    how = client_text.moment(attempt.outcome, attempt.version)
    say(client_text.refused(attempt.error, how))
    return 0


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
