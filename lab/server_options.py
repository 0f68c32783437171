"""The command line of ``lab.server``: its options, and what they mean as values."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

from lab.door import seconds
from lab.pki.files import DEFAULT_DIRECTORY
from lab.service.limits import Limits
from lab.service.stores import store_choice
from lab.stream.contexts import ClientAuth, TlsVersion

_TIMES = {
    "handshake_timeout": "from TCP's connection to the end of the handshake",
    "header_timeout": "for a request's head",
    "body_timeout": "for a request's body",
    "idle_timeout": "without a request",
    "write_timeout": "for the client to take an answer",
    "shutdown_timeout": "for requests in flight when the server stops",
}
_COUNTS = {
    "max_header": ("BYTES", "of a request's head"),
    "max_header_fields": ("N", "fields of a request's head"),
    "max_body": ("BYTES", "of a request's body"),
    "max_connections": ("N", "at a time, by each worker"),
    "max_handshakes_per_peer": ("N", "of one address at a time; the oldest makes room"),
    "max_pipelined": ("N", "requests in a row that do not wait for an answer"),
}


def port_number(text: str) -> int:
    """A TCP port; 0 means any free one."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


def per_cent(text: str) -> float:
    """A number of per cent from 0 to 100, as a share from 0 to 1. Raises ArgumentTypeError."""
    try:
        share = float(text) / 100
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of per cent from 0 to 100")
    return share


def count(text: str) -> int:
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def parser() -> argparse.ArgumentParser:
    """The command line. The environment gives the defaults of host and port."""
    made = argparse.ArgumentParser(
        prog="python -m lab.server",
        description="Serve GET /todo and POST /todo over mutual TLS.",
        epilog="Environment: MTLS_SERVER_HOST and MTLS_SERVER_PORT stand in for --host and "
        "--port. Exit code: 0 stopped by Ctrl+C or SIGTERM; 2 could not start.",
        allow_abbrev=False,
    )
    made.add_argument("--host", default=os.environ.get("MTLS_SERVER_HOST") or "127.0.0.1")
    made.add_argument(
        "--port",
        # A default that is text goes through ``type`` as an argument does.
        default=os.environ.get("MTLS_SERVER_PORT") or "8443",
        type=port_number,
        help="0 takes a free one (default: 8443)",
    )
    _add_tls(made)
    _add_clients(made)
    _add_log(made)
    _add_process(made)
    _add_limits(made)
    return made


def _add_tls(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--certs",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help="ca.crt, server.crt and server.key; made if there are none, and loaded anew when they "
        "change or at SIGHUP (default: %(default)s)",
    )
    made.add_argument(
        "--crl",
        type=Path,
        metavar="FILE",
        help="revocation lists (PEM), loaded anew as above: refuse clients that are on one, and "
        "those of a CA that has no current one (default: revocation is not checked)",
    )
    versions = [each.value for each in TlsVersion]
    made.add_argument("--min-tls", choices=versions, default="1.2", help="default: %(default)s")
    made.add_argument("--max-tls", choices=versions, default="1.3", help="default: %(default)s")


def _add_clients(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--client-auth",
        choices=[each.value for each in ClientAuth],
        default=ClientAuth.REQUIRED.value,
        help="what to make of client certificates (default: %(default)s)",
    )
    made.add_argument(
        "--allow-cn",
        action="append",
        default=[],
        metavar="NAME",
        help="serve only clients with this commonName, or another allowed name; may be repeated",
    )
    made.add_argument(
        "--allow-san",
        action="append",
        default=[],
        metavar="TYPE:NAME",
        help="the same by subjectAltName: DNS:HOST, URI:URI (SPIFFE IDs too) or email:ADDRESS",
    )


def _add_log(made: argparse.ArgumentParser) -> None:
    made.add_argument("--log-format", choices=["text", "json"], default="text")
    made.add_argument("-v", "--verbose", action="store_true", help="a line for each TLS message")
    made.add_argument(
        "--decode-share",
        type=per_cent,
        default="0.3",
        metavar="PERCENT",
        help="of the time, at most, for decoding accepted handshakes for the log; refused ones, "
        "and with -v all, are always decoded (default: %(default)s)",
    )


def _add_process(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--store",
        type=store_choice,
        default="memory",
        metavar="memory|sqlite:PATH",
        help="where items are kept: gone with the process, or in a file that is made if there is "
        "none (default: %(default)s)",
    )
    made.add_argument(
        "--loop",
        choices=["asyncio", "uvloop"],
        default="asyncio",
        help="the event loop; uvloop needs to be installed (default: %(default)s)",
    )
    made.add_argument(
        "--workers",
        type=count,
        default=1,
        metavar="N",
        help="processes that share the port, and the items in --store sqlite:PATH "
        "(default: %(default)d)",
    )
    made.add_argument(
        "--monitor-port",
        type=port_number,
        metavar="PORT",
        help="serve /metrics and /healthz over plain HTTP on 127.0.0.1; 0 takes a free port "
        "(default: not at all)",
    )


def _add_limits(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group(
        "limits", "What clients may take; a log line tells who met one."
    )
    defaults = Limits()
    for name, meaning in _TIMES.items():
        group.add_argument(
            "--" + name.replace("_", "-"),
            type=seconds,
            default=getattr(defaults, name),
            metavar="S",
            help=f"{meaning} (default: %(default)g)",
        )
    for name, (unit, meaning) in _COUNTS.items():
        group.add_argument(
            "--" + name.replace("_", "-"),
            type=count,
            default=getattr(defaults, name),
            metavar=unit,
            help=f"{meaning} (default: %(default)d)",
        )


def limits_of(options: argparse.Namespace) -> Limits:
    """The limits that the options set."""
    return dataclasses.replace(
        Limits(), **{name: getattr(options, name) for name in (*_TIMES, *_COUNTS)}
    )
