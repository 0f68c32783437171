"""Figures: ``python scripts/bench.py serve``, ``observe`` or ``probe`` (in the project's .venv).

What is measured is CPU time for one operation (of ``probe``: the time that it takes as a whole),
and its ratio to a peer's in the same run, in rounds that take turns: the machine may be busy, and
both feel it. Loopback only, bounded, ends by itself.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bench_observe
import bench_probe
import bench_serve
from bench_rows import Row, text
from bench_servers import machine

_PICTURES = (".png", ".svg")


def positive(words: str) -> int:
    """A number of at least one."""
    number = int(words)
    if number < 1:
        raise ValueError
    return number


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description="Measure beside a peer.", allow_abbrev=False)
    kinds = made.add_subparsers(dest="what", required=True)
    serve = kinds.add_parser("serve", help="the server beside other servers")
    serve.add_argument("--quick", action="store_true", help="fewer of everything; under a minute")
    serve.add_argument("--picture", type=Path, metavar="FILE", help="PNG or SVG, by its suffix")
    observe = kinds.add_parser("observe", help="what the observer costs")
    observe.add_argument("--handshakes", type=positive, default=50, metavar="N", help="in a round")
    probe = kinds.add_parser("probe", help="a whole probe beside as many calls of s_client")
    for kind, rounds in ((serve, bench_serve.FULL.rounds), (observe, 21), (probe, 7)):
        kind.add_argument("--rounds", type=positive, metavar="N", help=f"default: {rounds}")
        kind.add_argument("--json", type=Path, metavar="FILE")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark, print it, and write it as JSON and as a picture if asked to."""
    options = parser().parse_args(argv)
    if options.what == "serve":
        return _serve(options)
    about = machine()
    print(f"{about['python']}, {about['openssl']}, {about['system']}")
    if options.what == "probe":
        rows = bench_probe.measure(options.rounds or 7)
        _show(rows, bench_probe.ratios(rows))
    else:
        rows = bench_observe.measure(options.rounds or 21, options.handshakes)
        _show(rows, bench_observe.ratios(rows))
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
    effort = bench_serve.QUICK if options.quick else bench_serve.FULL
    if options.rounds:
        effort = dataclasses.replace(effort, rounds=options.rounds)
    print(f"{effort.rounds} rounds, {effort.idle} idle connections")
    figures = bench_serve.measure(effort)
    _show([*figures.rows, *figures.load], [*bench_serve.verdicts(figures.rows), *figures.notes])
    if options.json:
        _write(options.json, {"machine": about, "rows": figures.rows, "load": figures.load})
    if options.picture:
        import bench_picture

        title = f"{about['cpu']}, Python {about['python']}, {about['openssl']}; median and range"
        bench_picture.draw([*figures.rows, *figures.load], title, options.picture)
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


if __name__ == "__main__":
    raise SystemExit(main())
