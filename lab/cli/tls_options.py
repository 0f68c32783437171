"""The options of doors that dial: who the client is, whom it trusts, which versions it offers.

This module must not know what is done with them: it is loaded where no server is dialled, too.
"""

from __future__ import annotations

from pathlib import Path

from lab.cli.command_line import CommandLine, seconds
from lab.tls.application_protocol import Application

VARIABLE = "MTLS_LAB_PASSWORD"
ADDRESS_HELP = (
    "the server: HOST:PORT, PORT (of 127.0.0.1), HOST (port 8443) or an https URL (port 443 unless "
    "it names one)"
)
SERVER_HELP = (
    f"{ADDRESS_HELP}; a URL whose scheme says what is spoken instead (postgres://HOST, smtp://, "
    "imaps://, mqtts:// and so on); or unix:/PATH of a socket, where the name to ask for is "
    "localhost unless --sni gives one"
)


def add_identity(command_line: CommandLine, without: str, help_without: str) -> None:
    """Add ``--cert`` and ``--key``, and the flag ``without`` that excludes ``--cert``."""
    group = command_line.add_mutually_exclusive_group()
    group.add_argument(
        "--cert",
        type=Path,
        metavar="FILE",
        help="the client's certificate: PEM with its chain (the key in the same file or in --key), "
        "or PKCS#12; a password is asked for on a terminal",
    )
    group.add_argument(without, action="store_true", help=help_without)
    command_line.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="the private key of --cert, where it is in a file of its own (PEM)",
    )
    add_password_file(command_line, "--password-file", "the client's key")


def add_server_trust(command_line: CommandLine, option: str, default: str) -> None:
    """Add the option for the CA of the server, and ``--insecure``."""
    group = command_line.add_mutually_exclusive_group()
    group.add_argument(
        option,
        type=Path,
        metavar="FILE",
        help=f"CA file (PEM) to verify the server with (default: {default})",
    )
    group.add_argument("--insecure", action="store_true", help="do not verify the server")


def add_versions(command_line: CommandLine, default: str) -> None:
    """Add ``--tls1.2`` and ``--tls1.3``, which make the list ``versions``; None: neither."""
    for version in ("1.2", "1.3"):
        command_line.add_argument(
            f"--tls{version}",
            dest="versions",
            action="append_const",
            const=version,
            help=f"TLS {version} only (default: {default})",
        )


def add_pcapng(command_line: CommandLine, what: str) -> None:
    """Add ``--pcapng``, for ``what`` is observed."""
    command_line.add_argument(
        "--pcapng",
        type=Path,
        metavar="FILE",
        help=f"write {what} to FILE, as packets that Wireshark decrypts without any setting: it "
        "holds the TLS secrets, and only its owner can read it (mode 0600); replaced if it exists",
    )


def add_timeout(command_line: CommandLine, steps: str) -> None:
    """Add ``--timeout``, which bounds each of ``steps``."""
    command_line.add_argument(
        "--timeout",
        type=seconds,
        default=10.0,
        metavar="S",
        help=f"seconds for each step: {steps} (default: %(default)g)",
    )


def add_password_file(
    command_line: CommandLine, option: str, of: str, *, variable: str = VARIABLE
) -> None:
    """Add ``option``, a file with the password of what ``of`` says."""
    command_line.add_argument(
        option,
        type=Path,
        metavar="FILE",
        help=f"file with the password of {of} (default: what {variable} has in the environment)",
    )


def add_after(command_line: CommandLine) -> None:
    """Add what to speak inside TLS."""
    command_line.add_argument(
        "--after",
        choices=[application.value for application in Application],
        metavar="NAME",
        help="what to speak inside TLS, to learn whether the client is let in: "
        f"{', '.join(application.value for application in Application)} (default: by the ALPN "
        "protocol that the server chose, or the URL's scheme, else http1)",
    )
