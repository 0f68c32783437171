"""The soak: the server, honest clients and faults, from start to report."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from lab.pki.files.set_writing import KeyType, SetPlan, write_set
from lab.serving.process import stop_signals
from lab.stream.contexts import TlsVersion
from soak.faults import (
    FAULTS,
    FULL_HOUSE,
    FULL_HOUSE_TOLD,
    Deck,
    Setting,
    full_house,
)
from soak.report import Report
from soak.server import PLACES, CannotSoak, Server, running
from tests.faults.honest import Honest
from tests.faults.peer import (
    Peer,
    Target,
    post,
    target,
)

HONEST = 3
ATTACKERS = 24
REFUSALS = ("no certificate", "no certificate, and no waiting")
WARM = 0.2  # of the time: then what allocators and caches keep is there, and counting begins
ROUND = 15.0  # seconds of a mix, at most; each begins with all faults
LONG = 60_000  # characters: of answers like this, no socket takes as many as may be asked for


@dataclass(frozen=True)
class Soak:
    """The server that is attacked, with all that is needed for it."""

    server: Server
    aim: Target
    report: Report
    rng: random.Random
    stop: asyncio.Event

    async def run(self) -> None:
        """Warm up, mix until the time is over or ``stop`` is set, and fill the report in."""
        report, server = self.report, self.server
        report.start = await server.at_rest()
        await self._seed()
        await self._mix(report.seconds * WARM)
        await self._fill()
        report.warm = await server.at_rest(report.start)
        loop = asyncio.get_running_loop()
        over = loop.time() + report.seconds * (1 - WARM)
        left = over - loop.time()
        while left > 0 and not self.stop.is_set() and server.lives:
            await self._mix(min(left, ROUND))
            await self._fill()
            left = over - loop.time()
        report.end = await server.at_rest(report.start)
        report.exit_code = await asyncio.to_thread(server.stop)
        report.troubles = server.troubles()
        report.said = server.said(
            {*(each.told for each in FAULTS.values()), FULL_HOUSE_TOLD} - {""}
        )

    async def _seed(self) -> None:
        """An item that makes lists long: or answers that nobody reads would all find room."""
        peer = await Peer.connect(self.aim.port, self.aim.trusted[TlsVersion.TLS13])
        await peer.handshake()
        answer = await peer.ask(post("x" * LONG))
        await peer.leave()
        if answer.status != 201:
            self.report.wrong.append(f"the first item: {answer.status} {answer.body[:200]!r}")

    async def _mix(self, seconds: float) -> None:
        """Honest clients and faults for so many seconds; then all have ended."""
        over = asyncio.Event()
        report = self.report
        honest = [Honest(self.aim, name=f"honest {n}", posts_each=100) for n in range(HONEST)]
        deck = Deck(self.rng)
        here = Setting(
            aim=self.aim,
            rng=self.rng,
            refusals=report.refusals,
        )
        draws: list[Callable[[], str]] = [deck.draw] * ATTACKERS
        # Two do nothing else: refusals come in a row, whatever else there is.
        draws += [partial(str, name) for name in REFUSALS]
        attacking = [asyncio.ensure_future(self._attack(here, draw, over)) for draw in draws]
        serving = [asyncio.ensure_future(each.until(over)) for each in honest]
        stopped = asyncio.ensure_future(self.stop.wait())
        waiting = {stopped, *attacking, *serving}
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when="FIRST_COMPLETED")
        finally:
            stopped.cancel()
            over.set()
            if self.stop.is_set():  # what has come of them so far is nothing to judge
                for each in attacking:
                    each.cancel()
            found = await asyncio.gather(*attacking, *serving, return_exceptions=True)
        for error in found:
            if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError):
                raise error
        for client in honest:
            report.answers += client.answers
            report.resumed += client.resumed
            report.wrong += client.wrong

    async def _attack(self, here: Setting, draw: Callable[[], str], over: asyncio.Event) -> None:
        while not over.is_set() and self.server.lives:
            name = draw()
            await self._judged(name, FAULTS[name].attack(here))

    async def _fill(self) -> None:
        """Nobody else is there: they would rightly be turned away, too."""
        if self.server.lives and not self.stop.is_set():
            await self._judged(FULL_HOUSE, full_house(self.aim, 2 * PLACES))

    async def _judged(self, name: str, attack: Awaitable[None]) -> None:
        try:
            await attack
        except (AssertionError, OSError, EOFError, asyncio.TimeoutError) as error:
            self.report.unexpected.append(f"{name}: {error!r}")
        self.report.faults[name] += 1


async def soak(server: Server, certs: Path, report: Report) -> bool:
    """Fill the report in; tells whether it was interrupted."""
    aim = target(server.port, certs)
    with stop_signals() as stop:
        await Soak(server, aim, report, random.Random(report.seed), stop).run()
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
    if shutil.which("openssl") is None:
        parser.error("this needs the program openssl, which asks for a renegotiation")
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
