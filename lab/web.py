"""``python -m lab.web``: the lab in the browser: learn, watch, and bring your own."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Sequence

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
    command_line.add_argument(
        "--no-open", action="store_true", help="print the address, and open no browser"
    )
    return command_line


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.web") -> int:
    """Serve until asked to stop; return the exit code."""
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)

    def announce(address: str) -> None:
        say([f"The lab is at {address}", "Press Ctrl+C to stop."])
        if not options.no_open:
            webbrowser.open(address)

    try:
        complete(serve_pages(WebSettings(port=options.port), announce))
    except CannotServePages as error:
        return refuse(DOOR, str(error))
    except (KeyboardInterrupt, Ended):
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
