"""``python -m lab.trace``: where exactly is the client refused, and why?

Rules: a capture is read without what only a server that is dialled needs: that takes half a second
to load. So what does the work is imported when it is known which of the two it is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.cli.command_line import (
    CAPTURE_SUFFIXES,
    CommandLine,
    Example,
    count,
    names_file,
    port_number,
    refuse,
    run,
)
from lab.cli.picture_options import add_pictures
from lab.cli.route_options import ROUTE_OPTIONS, add_route, misplaced_route
from lab.cli.tls_options import (
    SERVER_HELP,
    add_after,
    add_identity,
    add_pcapng,
    add_server_trust,
    add_timeout,
    add_versions,
)

DOOR = "lab.trace"
STDIN = "-"

NOTES = (
    "The server's messages are decrypted with the client's own secrets. After them: how the "
    "connection ended (who ended it, by what, after which message, whether the handshake call had "
    "returned), then the causes that fit, best first, each with its evidence and its fix. A cause "
    "is never concluded from an alert's number alone. Where the application inside TLS refuses the "
    "client, or the server asks for no certificate, that is said.",
    "Without HOST:PORT: the server that MTLS_SERVER_HOST and MTLS_SERVER_PORT name (default: "
    "127.0.0.1 and 8443; 0.0.0.0 and :: are reached by the address of loopback). Where nothing "
    "listens at that port of 127.0.0.1, the lab's own server is started in this process, with the "
    "certificates in certs or, where there are none, with new ones that are not kept; both ends "
    "are shown then.",
    "FILE is a capture, pcap or pcapng, also with .gz behind it: any file that is there, or what "
    "is named like one (.pcap, .pcapng, .cap, .gz, or a path that begins with /, ./ or ../). Of "
    "one connection the picture is shown, of several a table; numbers count all TCP connections "
    "of the capture, from 1; times are UTC. Secrets come from the capture itself, from --keylog, "
    "or from a file of the same name beside it: of x.pcap, x.keylog or x.pcap.keylog. Without "
    "them the outcome is inferred where it can be, and the ground is given. -: a stream, as from "
    "tcpdump -U -w -; its connections are told as they end.",
    "exit code:\n"
    "  0  the trace was made, whether the client was accepted or not; with --expect: as expected\n"
    "  1  with --expect: otherwise than expected\n"
    "  2  it could not be made, and one line says why: arguments, files, no connection, no TLS",
)
EXAMPLES = (
    Example(does="the lab's server, as a client without a certificate", arguments=""),
    Example(
        does="any server, with a certificate of its CA",
        arguments="example.org:443 --cert client.crt --key client.key --request /status",
    ),
    Example(
        does="a capture, with its secrets, as a page to send to a colleague",
        arguments="yesterday.pcap --keylog keys.log --html page.html",
    ),
)

_OF_SERVER = {
    "versions": "--tls1.2 and --tls1.3",
    "cert": "--cert",
    "with_cert": "--with-cert",
    "key": "--key",
    "password_file": "--password-file",
    "ca": "--ca",
    "insecure": "--insecure",
    "sni": "--sni",
    "alpn": "--alpn",
    "request": "--request",
    "after": "--after",
    "write_first": "--write-first",
    "resume": "--resume",
    "no_post_handshake_auth": "--no-post-handshake-auth",
    "security_level": "--security-level",
    "client_ca": "--client-ca",
    "client_crl": "--client-crl",
    "pcapng": "--pcapng",
    "timeout": "--timeout",
    **ROUTE_OPTIONS,
}
_OF_CAPTURE = {"flow": "--flow", "failed": "--failed", "host": "--host", "port": "--port"}


def parser(prog: str = "python -m lab.trace") -> CommandLine:
    """Return the command line."""
    command_line = CommandLine(
        door=DOOR,
        prog=prog,
        operands="[HOST:PORT | FILE | -]",
        description="Connect to a TLS server and show the handshake message by message: "
        "by default as a client without a certificate, in TLS 1.2 and in TLS 1.3. Or read the "
        "connections of others out of a capture.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    command_line.add_argument(
        "target",
        nargs="?",
        metavar="HOST:PORT | FILE | -",
        help=f"{SERVER_HELP}; or a capture (pcap, pcapng, with or without .gz), - for one on "
        "standard input",
    )
    add_versions(command_line, "both versions, and compare them")
    add_identity(
        command_line,
        "--with-cert",
        "present the lab's client certificate, certs/client.crt (default: none)",
    )
    add_server_trust(
        command_line, "--ca", "certs/ca.crt; for a server that is named, the CAs of the system too"
    )
    add_route(command_line)
    _add_requests(command_line)
    _add_verdict(command_line)
    _add_selection(command_line)
    _add_output(command_line)
    add_pcapng(command_line, "the connections")
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
        "own server: /todo); to PostgreSQL /DATABASE, to SMTP and LMTP /RECIPIENT",
    )
    add_after(command_line)
    add(
        "--write-first",
        action="store_true",
        help="send the request without waiting for what the server has to say first; a client "
        "that does so may lose the alert",
    )
    add(
        "--resume",
        action="store_true",
        help="connect once more with the session that the server issued: show whether it is "
        "resumed, that no certificate is asked for then, and whose identity the server still sees",
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
        help="exit with 0 if the server did so in each version, or in each connection that is "
        "shown of a capture, else with 1; NAME is that of the alert, an HTTP status, what another "
        "application answered (28000), or the code of the first cause",
    )


def _add_selection(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--flow",
        type=count,
        metavar="N",
        help="of a capture: the picture of connection N, as the table numbers it",
    )
    add(
        "--failed",
        action="store_true",
        help="of a capture: only connections that were rejected or failed; how many of the others "
        "cannot be told is said",
    )
    add(
        "--host",
        metavar="ADDRESS",
        help="of a capture: only connections with this IP address at either end",
    )
    add(
        "--port",
        type=port_number,
        metavar="N",
        help="of a capture: only connections with this port at either end",
    )


def _add_output(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--json",
        action="store_true",
        help="print one JSON document, as lab/show/documents/trace.schema.json describes it",
    )
    add(
        "--brief",
        action="store_true",
        help="three lines a version or connection: outcome, first cause, fix",
    )
    add(
        "--keylog",
        type=Path,
        metavar="FILE",
        help="of a server: append the TLS secrets to FILE, for Wireshark (default: on Linux they "
        "stay in memory); of a capture: read them from FILE (default: the file of the same name "
        "beside it)",
    )
    add_pictures(command_line, "the connections")


def _expectation(text: str) -> str:
    if not re.fullmatch(r"accepted|refused(:[a-z0-9_-]+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted, refused or refused:NAME")
    return text


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.trace") -> int:
    """Run the command; return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    command_line = parser(prog)
    options = command_line.read(words)
    is_capture = options.target is not None and names_capture(options.target)
    given = _given(command_line, words, options)
    for name, option in (_OF_SERVER if is_capture else _OF_CAPTURE).items():
        if name in given:
            return refuse(DOOR, _misplaced(option, options.target, is_capture=is_capture))
    if options.target is None and (problem := misplaced_route(options)):
        return refuse(DOOR, problem)
    if is_capture:
        from lab.cli.capture_trace import trace_capture

        return trace_capture(DOOR, options)
    from lab.cli.server_trace import trace_server_named

    return trace_server_named(DOOR, options)


def names_capture(text: str) -> bool:
    """Return whether an operand is a capture rather than a server."""
    return text == STDIN or names_file(text, CAPTURE_SUFFIXES)


def _given(
    command_line: CommandLine, words: Sequence[str], options: argparse.Namespace
) -> set[str]:
    """Return the names of the options that ``words`` have, whatever their values."""
    unset = argparse.Namespace(**dict.fromkeys(vars(options)))
    given = command_line.parse_args(words, unset)  # a default is set only where nothing is
    return {name for name, value in vars(given).items() if value is not None}


def _misplaced(option: str, target: str | None, *, is_capture: bool) -> str:
    """Say that an option is of the other kind of source."""
    if is_capture:
        what = "standard input" if target == STDIN else target
        return f"{option} is of a server that is dialled; {what} is read as a capture"
    if target is None:
        return f"{option} is of a capture; name its file"
    return f"{option} is of a capture; there is no file {target}, so it is taken for a server"


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
