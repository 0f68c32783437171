"""The options of a probe that tries sessions."""

from __future__ import annotations

import argparse

from lab.api import SessionProbing
from lab.cli.command_line import CommandLine, plain_text

OF_SESSIONS = ("also", "also_sni", "revoke_by", "change_ca_by")
"""The options that need a server elsewhere, by their names among the values."""


def add_sessions(command_line: CommandLine) -> None:
    """Add ``--sessions``, and what says where and when else sessions are offered."""
    add = command_line.add_argument
    add(
        "--sessions",
        action="store_true",
        help="try, too, whether a session lets somebody past the check: one that is offered after "
        "its certificate has expired, and the like (about 4 seconds more, each once); the options "
        "below do that as well",
    )
    add(
        "--also",
        type=plain_text,
        metavar="HOST:PORT",
        help="a second process or port of the server: sessions of one are offered at the other",
    )
    add(
        "--also-sni",
        type=plain_text,
        metavar="NAME",
        help="a second name of the server: sessions of one are offered under the other",
    )
    add(
        "--revoke-by",
        metavar="COMMAND",
        help="a shell command that makes the server load the revocation lists in the file "
        "$LAB_CRL: a session of what they revoke is then offered",
    )
    add(
        "--change-ca-by",
        metavar="COMMAND",
        help="a shell command that makes the server trust the CA in the file $LAB_CA, and no other "
        "for clients: a session from before is then offered; called again with the former CA",
    )


def sessions_of(options: argparse.Namespace) -> SessionProbing | None:
    """Return how to try sessions; None: they are not asked for."""
    more = {name: getattr(options, name) for name in OF_SESSIONS}
    return SessionProbing(**more) if options.sessions or any(more.values()) else None
