"""The command line of ``lab.server``: its options, and what they mean as values."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

from lab.cli.command_line import CommandLine, Example, count, port_number, seconds
from lab.http.limits import Limits
from lab.pki.files.lab_set import DEFAULT_DIRECTORY
from lab.stream.contexts import ClientAuth, TlsVersion
from lab.todo.store_urls import STORE_URLS, checked_store_url

_TIMES = {
    "handshake_timeout": (
        "from the TCP connection to the end of the handshake, and for the certificate that "
        "--client-auth on-demand asks for",
        "a close, in the second case behind 408 unless a part of its answer had come",
    ),
    "header_timeout": ("for the head of a request", "408 and a close"),
    "body_timeout": ("for the body of a request", "408 and a close"),
    "idle_timeout": ("without a request", "a close"),
    "write_timeout": ("for the client to take a response", "a close"),
    "shutdown_timeout": ("for requests in flight when the server stops", "a close"),
}
_COUNTS = {
    "max_header": ("BYTES", "in the head of a request", "431 and a close"),
    "max_header_fields": ("N", "fields in the head of a request", "431 and a close"),
    "max_body": ("BYTES", "in the body of a request", "413 and a close"),
    "max_items": ("N", "items in the list", "507"),
    "max_connections": (
        "N",
        "connections at a time, fewer where the limit of open files (ulimit -n) asks for that",
        "503 with Retry-After; from the 51st such client on: a close",
    ),
    "max_handshakes_per_peer": (
        "N",
        "unfinished handshakes of one address at a time",
        "the newest gets in; the oldest, or one that has sent nothing, is closed",
    ),
    "max_pipelined": (
        "N",
        "requests in a row that do not wait for a response",
        "Connection: close in the last response",
    ),
}
NOTES = (
    "requests:\n"
    "  GET /          for browsers (Accept) a page: who the server takes you for, the handshake,\n"
    "                 the list with a form, how to import a certificate; the same in JSON for\n"
    "                 other clients. POST / takes that form, from the page only\n"
    "  GET /todo      200: the client's commonName and the list of items\n"
    '  POST /todo     201: the new item; the body is JSON, {"task": TEXT, "done": BOOLEAN},\n'
    "                 where done may be left out\n"
    "  HEAD, OPTIONS  200 without a body; 204 with Allow\n"
    "  All else is answered with an error status and a body that says what is wrong: JSON, or a\n"
    "  page for browsers outside /todo.",
    "Certificates: the server looks at its files once a second, and loads them when they have "
    "changed, or at SIGHUP. New connections get the new ones; a file that is broken changes "
    "nothing, and the log says why. After a reload no TLS session of before is resumed that a full "
    "handshake would refuse. A client whose own certificate has expired since its handshake gets "
    "401 and a close at its next request.",
    "Certificates on demand (--client-auth on-demand): the handshake asks for none, and / is for "
    "everybody, without the list. /todo, and the form of /, need a certificate: in TLS 1.3 the "
    "server asks for it then, once on a connection (post-handshake authentication, RFC 9846 "
    "section 4.7.2), if the client has offered that; what it sends meanwhile is kept, up to "
    "--max-header and --max-body. Who has not offered it, or sends none, gets 403 with the "
    "reason; and so does TLS 1.2, where Python's ssl module cannot renegotiate as a server, as "
    "Apache does. "
    "python -m lab.trace says which clients can be asked later.",
    "CertificateRequest names no CAs, as Python's ssl module cannot set them (3.10 to 3.13): a "
    "client that chooses among several certificates is not told which CAs are trusted.",
    "Items: in a file (SQLite) what was answered with 201 is there after a crash. Where the disk "
    "is full, or the file locked, removed or replaced, the answer is 503. Stop the server before "
    "you put a backup in place.",
    "Several processes: start each with --reuse-port on the same port and SQLite file; systemd or "
    "Kubernetes starts them again and stops them. Each has session tickets of its own, so a client "
    "that comes to another process makes a full handshake.",
    "Ctrl+C and SIGTERM stop the server in order: requests in flight are finished, and each client "
    "gets a close_notify.",
    "environment:\n"
    "  MTLS_SERVER_HOST  the default of --host\n"
    "  MTLS_SERVER_PORT  the default of --port",
    "exit code:\n  0  stopped by Ctrl+C or SIGTERM\n  2  could not start, and one line says why",
)
EXAMPLES = (
    Example(does="the server at 127.0.0.1:8443, with the certificates in certs", arguments=""),
    Example(
        does="let in only the clients named alice and the workload with this SPIFFE ID",
        arguments="--allow-cn alice --allow-san URI:spiffe://example.org/billing",
    ),
    Example(
        does="items that last, health and metrics, a port that a second process may share",
        arguments="--store sqlite:todo.db --monitor-port 9090 --reuse-port",
    ),
)


def _store(text: str) -> str:
    try:
        return checked_store_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parser(prog: str = "python -m lab.server") -> CommandLine:
    """The command line. The environment gives the defaults of host and port."""
    command_line = CommandLine(
        door="lab.server",
        prog=prog,
        description="Serve a list of TODO items (GET /todo, POST /todo) over mutual TLS, and log "
        "each handshake with its stages.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    command_line.add_argument(
        "--host",
        default=os.environ.get("MTLS_SERVER_HOST") or "127.0.0.1",
        metavar="ADDRESS",
        help="where to listen: an address of this machine or its name; 0.0.0.0 for all of IPv4 "
        "(default: 127.0.0.1)",
    )
    command_line.add_argument(
        "--port",
        # A default that is text goes through ``type`` as an argument does.
        default=os.environ.get("MTLS_SERVER_PORT") or "8443",
        type=port_number,
        metavar="PORT",
        help="0 takes any free port, which the first log line names (default: 8443)",
    )
    _add_tls(command_line)
    _add_clients(command_line)
    _add_log(command_line)
    _add_process(command_line)
    _add_limits(command_line)
    return command_line


def _add_tls(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--certs",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help="the folder of ca.crt (the CA of the clients), server.crt and server.key; a set is "
        "made where the folder is empty, or is the default one (default: %(default)s)",
    )
    add(
        "--cert",
        type=Path,
        metavar="FILE",
        help="the server's certificate: PEM with its chain (the key in the same file or in --key; "
        "default: server.crt in --certs)",
    )
    add(
        "--key",
        type=Path,
        metavar="FILE",
        help="the private key of --cert, where it is in a file of its own (PEM)",
    )
    add(
        "--ca",
        type=Path,
        metavar="FILE",
        help="the CAs of the clients (PEM; default: ca.crt in --certs)",
    )
    add(
        "--crl",
        type=Path,
        metavar="FILE",
        help="revocation lists (PEM), reloaded as the certificates are: refuse clients that are on "
        "one, and those of a CA that has no current one (default: revocation is not checked)",
    )
    versions = [each.value for each in TlsVersion]
    add(
        "--min-tls",
        choices=versions,
        default="1.2",
        help="the lowest version of TLS to speak (default: %(default)s)",
    )
    add(
        "--max-tls",
        choices=versions,
        default="1.3",
        help="the highest version of TLS to speak (default: %(default)s)",
    )


def _add_clients(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--client-auth",
        choices=[each.value for each in ClientAuth],
        default=ClientAuth.REQUIRED.value,
        help="required: the handshake fails without a valid client certificate; optional: clients "
        "without one complete the handshake and get 401, a bad one still fails; none: no "
        "certificate is asked for; on-demand: none is asked for in the handshake, but at /todo: "
        "in TLS 1.3 after the handshake where the client offers that, else the answer is 403 "
        "(default: %(default)s)",
    )
    add(
        "--allow-cn",
        action="append",
        default=[],
        metavar="NAME",
        help="serve only clients with this commonName, or another allowed name; all others get "
        "403; may be repeated (default: every client with a valid certificate)",
    )
    add(
        "--allow-san",
        action="append",
        default=[],
        metavar="TYPE:NAME",
        help="the same by subjectAltName: DNS:HOST, URI:URI (SPIFFE IDs too) or email:ADDRESS",
    )


def _add_log(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--log-format",
        choices=["text", "json"],
        default="text",
        help="of the log, on stderr; json: an object a line (default: %(default)s)",
    )
    add(
        "-v",
        "--verbose",
        action="store_true",
        help="a log line for each TLS message, of every handshake",
    )
    add(
        "--log-handshakes",
        choices=["all", "refused"],
        default="all",
        help="which handshakes are logged, stage by stage; refused: those that did not succeed, "
        "and no others are decoded, which saves time (default: %(default)s)",
    )


def _add_process(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--store",
        type=_store,
        default="memory",
        metavar="|".join(STORE_URLS),
        help="where items are kept: in memory, gone when the server stops; in an SQLite file, "
        "created if there is none (do not move, delete or replace it or its -wal file while a "
        "server runs); or in a PostgreSQL database, which servers on several machines may share: a "
        "URL of libpq, with sslmode=verify-full, sslrootcert, sslcert and sslkey for mutual TLS, "
        "the password in PGPASSWORD or ~/.pgpass; pip install 'mtls-lab[postgres]' (default: "
        "%(default)s)",
    )
    add(
        "--loop",
        choices=["asyncio", "uvloop"],
        default="asyncio",
        help="the event loop; uvloop must be installed: pip install 'mtls-lab[uvloop]' (default: "
        "%(default)s)",
    )
    add(
        "--reuse-port",
        action="store_true",
        help="let other processes of this user listen on the same port (SO_REUSEPORT): the system "
        "spreads connections among them; needs --store sqlite:PATH or postgresql://...",
    )
    add(
        "--monitor-port",
        type=port_number,
        metavar="PORT",
        help="serve /healthz (200, or 503 where the server cannot do its work) and /metrics (for "
        "Prometheus) over plain HTTP on 127.0.0.1; 0 takes any free port (default: neither)",
    )


def _add_limits(command_line: CommandLine) -> None:
    group = command_line.add_argument_group(
        "limits", "What clients may take; a log line names the client and the limit it reached."
    )
    defaults = Limits()
    for name, (meaning, gets) in _TIMES.items():
        group.add_argument(
            "--" + name.replace("_", "-"),
            type=seconds,
            default=getattr(defaults, name),
            metavar="S",
            help=f"seconds {meaning} (default: %(default)g); then: {gets}",
        )
    for name, (unit, meaning, gets) in _COUNTS.items():
        group.add_argument(
            "--" + name.replace("_", "-"),
            type=count,
            default=getattr(defaults, name),
            metavar=unit,
            help=f"{meaning} (default: %(default)d); beyond: {gets}",
        )


def limits_of(options: argparse.Namespace) -> Limits:
    """The limits that the options set."""
    return dataclasses.replace(
        Limits(), **{name: getattr(options, name) for name in (*_TIMES, *_COUNTS)}
    )
