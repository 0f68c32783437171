"""The options for the way to a server before TLS: STARTTLS, proxies, the PROXY protocol.

This module must not load what dials: it is loaded where no server is dialled, too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.cli.command_line import CommandLine

if TYPE_CHECKING:
    from lab.api import LabError
    from lab.tracing.route import Route

PROXY_VARIABLE = "MTLS_LAB_PROXY_PASSWORD"
ROUTE_OPTIONS = {
    "starttls": "--starttls",
    "proxy": "--proxy",
    "proxy_protocol": "--proxy-protocol",
}
"""What the options are called in a namespace, and on a command line."""
_PROTOCOLS = (
    "postgres",
    "mysql",
    "smtp",
    "lmtp",
    "imap",
    "pop3",
    "ftp",
    "ldap",
    "xmpp",
    "nntp",
    "sieve",
    "rdp",
)
_IGNORED = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def add_route(command_line: CommandLine) -> None:
    """Add ``--starttls``, ``--proxy`` and ``--proxy-protocol``."""
    command_line.add_argument(
        "--starttls",
        choices=_PROTOCOLS,
        metavar="PROTOCOL",
        help=f"begin in the clear, and change to TLS by the protocol's command: one of "
        f"{', '.join(_PROTOCOLS)}; a URL with such a scheme (smtp://HOST) says it by itself",
    )
    add_proxies(command_line, "as a load balancer does, with the addresses of this connection")


def add_proxies(command_line: CommandLine, header: str) -> None:
    """Add ``--proxy`` and ``--proxy-protocol``; ``header`` says what that names."""
    command_line.add_argument(
        "--proxy",
        metavar="URL",
        help="connect through this proxy, which resolves the server's name: http://HOST:PORT "
        "(CONNECT) or socks5://HOST:PORT, with USER:PASSWORD@ where it wants that (for all users "
        f"of this machine to see; USER@ takes the password from {PROXY_VARIABLE}). HTTPS_PROXY is "
        "not used",
    )
    command_line.add_argument(
        "--proxy-protocol",
        choices=("v1", "v2"),
        metavar="v1|v2",
        help=f"send a header of the PROXY protocol before TLS, {header}",
    )


def misplaced_route(options: argparse.Namespace) -> str:
    """Return what is wrong with options of a route where no server is named; "" if none is."""
    for name, option in ROUTE_OPTIONS.items():
        if getattr(options, name) is not None:
            return f"{option} needs a server: add HOST:PORT"
    return ""


def named_route(options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Route:
    """Return the way that the options name. Raises TargetError."""
    from lab.tracing.route import route_of

    return route_of(
        starttls=getattr(options, "starttls", None),
        proxy=options.proxy,
        proxy_protocol=options.proxy_protocol,
        proxy_password=environment.get(PROXY_VARIABLE),
    )


def with_proxy_note(
    error: LabError, options: argparse.Namespace, environment: Mapping[str, str] = os.environ
) -> str:
    """Return the message of a server that was not reached; it says which proxy was not used."""
    ignored = next((name for name in _IGNORED if environment.get(name)), None)
    if ignored is None or options.proxy is not None:
        return str(error)
    return f"{error}. {ignored} is set, and not used here: --proxy is for that"
