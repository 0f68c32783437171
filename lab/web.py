"""``python -m lab.web``: the lab in the browser: learn, watch, and bring your own."""

from __future__ import annotations

import argparse
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from lab.cli.command_line import (
    CommandLine,
    Ended,
    Example,
    complete,
    port_number,
    refuse,
    run,
    say,
)
from lab.cli.identity_options import named_folder
from lab.pki.errors import PkiError
from lab.pki.files.lab_set import DEFAULT_DIRECTORY
from lab.webapp.watch.watched_server import ServerSettings
from lab.webapp.web_process import CannotServePages, WebSettings, serve_pages

DOOR = "lab.web"
DEFAULT_PORT = 8480

NOTES = (
    "The pages are for this machine's user alone: they are served on 127.0.0.1, and only who has "
    "the token in the address gets them. What is uploaded stays in memory, and goes when the "
    "command ends.",
    "Ctrl+C and SIGTERM stop it.",
    "exit code:\n  0  stopped by Ctrl+C or SIGTERM\n  2  could not start, and one line says why",
)
EXAMPLES = (
    Example(does="open the lab in the browser", arguments=""),
    Example(does="print the address only, at any free port", arguments="--no-open --port 0"),
)


def parser(prog: str = "python -m lab.web") -> CommandLine:
    """Return the command line."""
    command_line = CommandLine(
        door=DOOR,
        prog=prog,
        description="The lab in the browser: run scenarios and see who refuses whom and why, watch "
        "connections as they happen, and have your own hosts, captures and certificates explained.",
        notes=NOTES,
        examples=EXAMPLES,
    )
    command_line.add_argument(
        "--port",
        type=port_number,
        default=DEFAULT_PORT,
        metavar="PORT",
        help="of the pages, on 127.0.0.1; 0 takes any free one (default: %(default)d)",
    )
    _add_server(command_line)
    command_line.add_argument(
        "--no-open", action="store_true", help="print the address, and open no browser"
    )
    return command_line


def _add_server(command_line: CommandLine) -> None:
    add = command_line.add_argument
    add(
        "--server-port",
        type=port_number,
        default=0,
        metavar="PORT",
        help="of the lab's own server, which Watch shows, on 127.0.0.1 (default: any free one)",
    )
    add(
        "--certs",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help="the folder of that server's certificates: ca.crt, server.crt, server.key (default: "
        "%(default)s, or where there are none, a set made for the occasion)",
    )
    add(
        "--cert",
        type=Path,
        metavar="FILE",
        help="the server's certificate: PEM with its chain (the key in the same file or in --key)",
    )
    add("--key", type=Path, metavar="FILE", help="the private key of --cert (PEM)")
    add("--ca", type=Path, metavar="FILE", help="the CAs of that server's clients (PEM)")


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.web") -> int:
    """Serve until asked to stop; return the exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)

    if options.key is not None and options.cert is None:
        return refuse(DOOR, "--key goes with --cert; name the certificate that it belongs to")
    settings = WebSettings(port=options.port, server=_server_settings(options))

    def announce(address: str) -> None:
        say([f"The lab is at {address}", "Press Ctrl+C to stop."])
        if not options.no_open:
            # A browser without a window would keep the terminal until it ends.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    try:
        named_folder(options.certs)
        complete(serve_pages(settings, announce))
    except (CannotServePages, PkiError) as error:
        return refuse(DOOR, str(error))
    except (KeyboardInterrupt, Ended):
        pass
    return 0


def _server_settings(options: argparse.Namespace) -> ServerSettings:
    return ServerSettings(
        directory=options.certs,
        certificate=options.cert,
        key=options.key,
        authorities=options.ca,
        port=options.server_port,
    )


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
