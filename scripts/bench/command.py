"""The command line of ``scripts/bench.py``: what to measure, and where to show it."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import capture, decode, pages, probe, serve, tap, web
from bench.rows import Row, text
from bench.servers import machine

_PICTURES = (".png", ".svg")


def positive(words: str) -> int:
    """A number of at least one."""
    number = int(words)
    if number < 1:
        raise ValueError
    return number


def parser() -> argparse.ArgumentParser:
    """The command line."""
    commands = argparse.ArgumentParser(description="Measure beside a peer.", allow_abbrev=False)
    kinds = commands.add_subparsers(dest="what", required=True)
    serving = kinds.add_parser("serve", help="the server beside other servers")
    serving.add_argument("--quick", action="store_true", help="fewer of everything; under a minute")
    serving.add_argument("--picture", type=Path, metavar="FILE", help="PNG or SVG, by its suffix")
    decoding = kinds.add_parser("decode", help="the observer alone")
    probing = kinds.add_parser("probe", help="a whole probe beside as many calls of s_client")
    capturing = kinds.add_parser("capture", help="reading a capture beside tshark")
    tapping = kinds.add_parser("tap", help="the tap beside no relay, and beside the plainest one")
    watching = kinds.add_parser("web", help="the pages of lab.web beside the server's log")
    opening = kinds.add_parser("pages", help="how soon the pages of --html open in Chromium")
    others = (
        *((decoding, 7), (probing, 7), (capturing, 7), (tapping, 5), (watching, 7)),
        (opening, 7),
    )
    for kind, rounds in ((serving, serve.FULL.rounds), *others):
        kind.add_argument("--rounds", type=positive, metavar="N", help=f"default: {rounds}")
        kind.add_argument("--json", type=Path, metavar="FILE")
    return commands


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark, print it, and write it as JSON and as a picture if asked to."""
    options = parser().parse_args(argv)
    if options.what == "serve":
        return _serve(options)
    about = machine()
    print(f"{about['python']}, {about['openssl']}, {about['system']}")
    if options.what == "probe":
        rows = probe.measure(options.rounds or 7)
        _show(rows, probe.ratios(rows))
    elif options.what == "capture":
        rows = capture.measure(options.rounds or 7)
        _show(rows, capture.verdicts(rows))
    elif options.what == "tap":
        rows = tap.measure(options.rounds or 5)
        _show(rows, tap.verdicts(rows))
    elif options.what == "web":
        rows = web.measure(options.rounds or 7)
        _show(rows, web.verdicts(rows))
    elif options.what == "pages":
        rows = pages.measure(options.rounds or 7)
        _show(rows, pages.verdicts(rows))
    else:
        rows = decode.measure(options.rounds or 7)
        _show(rows, decode.verdicts(rows))
    if options.json:
        _write(options.json, {"machine": about, "rows": rows})
    return 0


def _serve(options: argparse.Namespace) -> int:
    if options.picture is not None:
        if options.picture.suffix not in _PICTURES:
            return _refuse(f"--picture {options.picture} must end in {' or '.join(_PICTURES)}")
        if importlib.util.find_spec("matplotlib") is None:
            return _refuse("--picture needs matplotlib; pip install matplotlib")
    about = machine()
    for name, value in about.items():
        shown = value.items() if isinstance(value, dict) else ()
        print(f"{name}: {', '.join(f'{key} {version}' for key, version in shown) or value}")
    effort = serve.QUICK if options.quick else serve.FULL
    if options.rounds:
        effort = dataclasses.replace(effort, rounds=options.rounds)
    print(f"{effort.rounds} rounds, {effort.idle} idle connections")
    figures = serve.measure(effort)
    _show([*figures.rows, *figures.load], [*serve.verdicts(figures.rows), *figures.notes])
    if options.json:
        _write(options.json, {"machine": about, "rows": figures.rows, "load": figures.load})
    if options.picture:
        from bench import picture

        title = f"{about['cpu']}, Python {about['python']}, {about['openssl']}; median and range"
        picture.draw([*figures.rows, *figures.load], title, options.picture)
    return 0


def _show(rows: Iterable[Row], lines: Iterable[str]) -> None:
    for each in rows:
        print(text(each))
    for line in lines:
        print(line)


def _write(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n")


def _refuse(problem: str) -> int:
    print(f"bench: {problem}", file=sys.stderr)
    return 2
