"""Honest clients and every fault at once: ``python scripts/soak.py [--seconds 60] [--json FILE]``.

Starts the lab's server, mixes the faults of scripts/soak_faults.py with honest clients for so many
seconds, stops, and reports. Loopback only, bounded in time and in connections; it ends by itself
and stops what it has started, on Ctrl+C and SIGTERM too. In the project's environment, on Linux.
Exit code: 0 all is well; 1 it is not; 2 it could not run; 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The attacks are those of tests/faults: one set of them, for both.
sys.path.insert(0, str(ROOT))

from soak_faults import FAULTS, Refusals, any_fault  # noqa: E402
from soak_server import CannotSoak, Reading, Server, running  # noqa: E402

from lab.pki.plan import KeyType, SetPlan  # noqa: E402
from lab.pki.writing import write_set  # noqa: E402
from lab.service.stopping import stop_signals  # noqa: E402
from tests.faults.honest import Honest  # noqa: E402
from tests.faults.peer import Target, target  # noqa: E402

HONEST = 3
ATTACKERS = 24
WARM = 0.2  # of the time: then what allocators and caches keep is there, and counting begins
GROWTH = 16 * 1024 * 1024  # bytes that the server may hold more at the end than after warming up
MIB = 1024 * 1024
_SHOWN = 10  # wrong answers and troubles that the report quotes


@dataclass
class Report:
    """What has been done, and what came of it. Memory in bytes."""

    seconds: float
    seed: int
    answers: int = 0
    resumed: int = 0
    wrong: list[str] = field(default_factory=list)
    refusals: Refusals = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(FAULTS, 0)))
    unexpected: list[str] = field(default_factory=list)
    start: Reading | None = None
    end: Reading | None = None
    troubles: list[str] = field(default_factory=list)
    exit_code: int | None = None

    @property
    def failings(self) -> list[str]:
        """What is not as it must be, in words; empty where all is well."""
        found = [f"wrong answer: {each}" for each in self.wrong[:_SHOWN]]
        found += [f"a fault came out otherwise: {each}" for each in self.unexpected[:_SHOWN]]
        found += [f"the server's log: {each}" for each in self.troubles[:_SHOWN]]
        if not self.answers:
            found.append("no honest client was answered")
        if self.exit_code != 0:
            found.append(f"the server did not stop with 0 but with {self.exit_code}")
        if self.start is None or self.end is None:
            found.append("the server's clients did not all end")
            return found
        if self.end.descriptors > self.start.descriptors:
            found.append("the server holds more descriptors than at the start")
        if self.end.memory > self.start.memory + GROWTH:
            found.append(f"the server grew by more than {GROWTH // MIB} MiB")
        return found

    def text(self) -> str:
        """The report for a person."""
        lines = [
            f"requests answered   {self.answers}, {self.resumed} connections resumed",
            f"wrong answers       {len(self.wrong)}",
            f"refusals            {self.refusals['with its alert']} with alert, "
            f"{self.refusals['without alert']} without",
            *(f"fault               {count:>6}  {name}" for name, count in self.faults.items()),
        ]
        for name, reading in (("start", self.start), ("end", self.end)):
            if reading is not None:
                lines.append(
                    f"server at the {name:<5} {reading.connections} connections (a task each), "
                    f"{reading.descriptors} descriptors, {reading.memory / MIB:.1f} MiB"
                )
        lines += [f"NOT WELL: {each}" for each in self.failings]
        return "\n".join([*lines, "all is well" if not self.failings else "not all is well"])

    def document(self) -> dict[str, object]:
        """The report for a machine, as JSON-ready values."""
        readings = {"start": self.start, "end": self.end}
        return {
            "seconds": self.seconds,
            "seed": self.seed,
            "well": not self.failings,
            "failings": self.failings,
            "answers": self.answers,
            "resumed": self.resumed,
            "wrong": self.wrong[:_SHOWN],
            "refusals": dict(self.refusals),
            "faults": dict(self.faults),
            "server": {name: each and asdict(each) for name, each in readings.items()},
        }


async def mix(
    server: Server, aim: Target, report: Report, seconds: float, stop: asyncio.Event
) -> None:
    """Honest clients and faults for so many seconds, or until ``stop``; then all have ended."""
    over = asyncio.Event()
    rng = random.Random(report.seed)
    honest = [Honest(aim, name=f"honest {number}", posts_each=100) for number in range(HONEST)]

    async def attack() -> None:
        while not over.is_set() and server.lives:
            name, fault = any_fault(rng)
            try:
                await fault(aim, rng, report.refusals)
            except (AssertionError, OSError, EOFError, asyncio.TimeoutError) as error:
                report.unexpected.append(f"{name}: {error!r}")
            report.faults[name] += 1

    working = [asyncio.ensure_future(attack()) for _ in range(ATTACKERS)]
    working += [asyncio.ensure_future(each.until(over)) for each in honest]
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({stopped, *working}, timeout=seconds, return_when="FIRST_COMPLETED")
    finally:
        stopped.cancel()
        over.set()
        await asyncio.gather(*working)
    for each in honest:
        report.answers += each.answers
        report.resumed += each.resumed
        report.wrong += each.wrong


async def soak(server: Server, certs: Path, report: Report) -> bool:
    """Fill the report in; tells whether it was interrupted."""
    aim = target(server.port, certs)
    with stop_signals() as stop:
        await mix(server, aim, report, report.seconds * WARM, stop)
        report.start = await server.at_rest()
        if not stop.is_set():
            await mix(server, aim, report, report.seconds * (1 - WARM), stop)
        report.end = await server.at_rest()
        report.exit_code = await asyncio.to_thread(server.stop)
        report.troubles = server.troubles()
        return stop.is_set()


def seconds(text: str) -> float:
    """A time to soak: from 1 second to an hour."""
    value = float(text)
    if not 1 <= value <= 3600:
        raise ValueError
    return value


def main() -> int:
    """Run, and print the report; returns the exit code."""
    parser = argparse.ArgumentParser(
        description="Mix every fault with honest clients, and count what is left of the server."
    )
    parser.add_argument("--seconds", type=seconds, default=60.0, help="1 to 3600, default: 60")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    options = parser.parse_args()
    if not sys.platform.startswith("linux"):
        parser.error("this counts by /proc, which only Linux has; run it there")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"there is no folder {options.json.parent} for --json; make it first")
    # A server that is left behind would go on for ever. Later on, the event loop has its own way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report(seconds=options.seconds, seed=random.randrange(2**32))
    with tempfile.TemporaryDirectory() as name:
        certs = Path(name) / "certs"
        write_set(certs, SetPlan(key_type=KeyType.EC), now=datetime.now(timezone.utc))
        try:
            with running(certs, Path(name)) as server:
                interrupted = asyncio.run(soak(server, certs, report))
        except CannotSoak as error:
            print(f"soak: {error}", file=sys.stderr)
            return 2
    print(report.text(), flush=True)
    if options.json:
        text = json.dumps(report.document(), indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    if interrupted:
        return 130
    return 1 if report.failings else 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:  # before or behind the mix
        raise SystemExit(130) from None
