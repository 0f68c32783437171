"""``python -m lab.client``: add a TODO and read the list; or, without a certificate, be refused."""

from __future__ import annotations

import argparse
import asyncio
import ssl
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from lab.credentials import CERT_HELP, KEY_HELP, named_authorities, named_identity
from lab.door import complete, plain_text, refuse, run, say, seconds
from lab.pki.errors import PkiError
from lab.pki.files import DEFAULT_DIRECTORY, Role, SetPaths, load_authorities, load_role
from lab.pki.identity import Identity
from lab.probing.connection import NoConnection
from lab.probing.exchange import ExchangeError
from lab.probing.refusal import Admission, attempt_without_certificate
from lab.probing.target import Target, TargetError, parse_target
from lab.probing.todo import post_then_get
from lab.probing.tracing import presenting
from lab.show import client_text
from lab.stream.contexts import ClientTls, TlsVersion
from lab.stream.errors import StreamError

DOOR = "lab.client"
DEFAULT_TASK = "Añadir endpoint POST"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m lab.client",
        description="Create a TODO and fetch the list over mutual TLS; "
        "with --no-cert, check that the server refuses a client without a certificate.",
        epilog="Exit code: 0 as it should be; 1 the server answered otherwise "
        "(with --no-cert: it let the client in); 2 nothing could be told.",
        allow_abbrev=False,
    )
    made.add_argument("server", nargs="?", default="https://127.0.0.1:8443")
    made.add_argument(
        "--certs",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help="where client.crt, client.key and ca.crt are (default: %(default)s)",
    )
    who = made.add_mutually_exclusive_group()
    who.add_argument("--cert", type=Path, metavar="FILE", help=CERT_HELP)
    who.add_argument("--no-cert", action="store_true", help="the negative test")
    made.add_argument("--key", type=Path, metavar="FILE", help=KEY_HELP)
    made.add_argument("--ca", type=Path, metavar="FILE", help="whom to trust")
    made.add_argument(
        "--task",
        type=plain_text,
        default=DEFAULT_TASK,
        metavar="TEXT",
        help="what is to be done",
    )
    version = made.add_mutually_exclusive_group()
    for name in TlsVersion:
        version.add_argument(
            f"--tls{name.value}",
            dest="version",
            action="store_const",
            const=name,
            help=f"speak TLS {name.value} and nothing else",
        )
    made.add_argument("--timeout", type=seconds, default=10.0, metavar="S", help="for each step")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    options = parser().parse_args(argv)
    try:
        target = parse_target(options.server)
    except TargetError as error:
        return refuse(DOOR, str(error))
    try:
        context = presenting(_tls(options), _identity(options))
    except PkiError as error:
        return refuse(DOOR, str(error))
    except ssl.SSLError as error:
        return refuse(DOOR, f"OpenSSL cannot use the certificates given: {error}")
    try:
        if options.no_cert:
            return complete(_negative(target, context, options.timeout))
        return complete(_todo(target, context, options))
    except StreamError as error:
        return refuse(DOOR, f"{target.authority}: {error}; python -m lab.trace shows where and why")
    except (NoConnection, ExchangeError) as error:
        return refuse(DOOR, str(error))
    except (asyncio.TimeoutError, TimeoutError):
        return refuse(DOOR, f"{target.authority} did not answer within {options.timeout:g} s")
    except KeyboardInterrupt:
        return 130


def _identity(options: argparse.Namespace) -> Identity | None:
    identity = named_identity(options.cert, options.key)
    if identity is not None or options.no_cert:
        return identity
    return load_role(options.certs, Role.CLIENT, now=datetime.now(timezone.utc)).identity


def _tls(options: argparse.Namespace) -> ClientTls:
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
    if attempt.admission is Admission.UNTOLD:
        return refuse(DOOR, f"nothing can be told of {target.authority}: {attempt.error}")
    how = client_text.moment(
        attempt.alert, attempt.version, handshake_returned=attempt.handshake_returned
    )
    say(client_text.refused(attempt.error, how))
    return 0


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
