"""The options --html, --svg and --mermaid, of doors that trace.

This module must not know what is done with them: what draws takes long to load.
"""

from __future__ import annotations

from pathlib import Path

from lab.cli.command_line import CommandLine

MOST_DRAWN = 10
"""How many connections are drawn in one picture."""


def add_page(command_line: CommandLine, what: str) -> None:
    """Add ``--html``, for a page of ``what``."""
    command_line.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help=f"write {what} to FILE as a page for a browser, with every byte explained: it needs "
        "no other file and no network; it shows what was decrypted, so only its owner can read it "
        "(mode 0600)",
    )


def add_pictures(command_line: CommandLine, what: str) -> None:
    """Add ``--html``, ``--svg`` and ``--mermaid``, for pictures of ``what``."""
    add_page(command_line, what)
    for name, form in (("svg", "an SVG"), ("mermaid", "a sequence diagram of Mermaid")):
        command_line.add_argument(
            f"--{name}",
            type=Path,
            metavar="FILE",
            help=f"write the sequence to FILE as {form}, for documents; of several connections, "
            f"{MOST_DRAWN} at most, those that were refused or failed first",
        )
