"""The faults that scripts/soak.py mixes, by name: each is one attack and what must come of it.

Rules: a fault is given a server, a random generator and where to count refusals; it raises
AssertionError where the server did what it must not. What comes of it for others is not its
business: that is for the honest clients, the server's log, and what the server holds at the end.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lab.stream.contexts import TlsVersion
from tests.faults import attacks, greed
from tests.faults.hostile_records import FIRST, LATER
from tests.faults.hostile_requests import REQUESTS, SMUGGLED
from tests.faults.peer import (
    GET,
    End,
    Peer,
    Target,
    are_whole_records,
    post,
)

CROWD = 120  # connections of one address at once, more than it may have without a handshake
_OTHERS = "127.0.0.2"  # where crowds come from; honest clients do not
_VERSIONS = list(TlsVersion)

Refusals = Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the faults of a mix are given."""

    aim: Target
    rng: random.Random
    refusals: Refusals

    @property
    def version(self) -> TlsVersion:
        """Any."""
        return self.rng.choice(_VERSIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An attack with its judgement.

    ``told`` is what the server's log must then say; ``weight`` how often it comes beside others.
    """

    attack: Callable[[Setting], Awaitable[None]]
    told: str = ""
    weight: int = 10


async def _reset(here: Setting) -> None:
    await attacks.reset_at(here.aim, here.version, here.rng.choice(list(attacks.Stage)))


async def refused(here: Setting) -> None:
    """A client without a certificate, which is to be told so."""
    version = here.version
    said = await attacks.refused(here.aim, version)
    here.refusals["with its alert" if said == attacks.REFUSED[version] else "without alert"] += 1
    assert said == attacks.REFUSED[version], f"TLS {version.value}: {said}"


async def refused_unread(here: Setting) -> None:
    """A client without a certificate, which is gone before it can be told."""
    await attacks.refused_unread(here.aim, here.version)
    here.refusals["not waited for"] += 1


async def _hostile_record(here: Setting) -> None:
    name = here.rng.choice(list(FIRST))
    hello = (await attacks.hello_of(here.aim, TlsVersion.TLS13))[5:]
    alerts, end = await attacks.raw_bytes(here.aim, FIRST[name].make(hello))
    assert (bool(alerts), end) == (bool(FIRST[name].alerts), End.FIN), f"{name}: {alerts}, {end}"


async def _hostile_record_later(here: Setting) -> None:
    name = here.rng.choice(list(LATER))
    said = await attacks.raw_bytes_later(here.aim, here.version, LATER[name])
    assert "_ALERT_" in said, f"{name}: {said}"


async def _garbled_hello(here: Setting) -> None:
    hello = attacks.mutated(await attacks.hello_of(here.aim, here.version), here.rng)
    peer = await Peer.connect(here.aim.port)
    try:
        await peer.send(hello)
        peer.finish_sending()
        said, end = await peer.everything()
    finally:
        peer.close()
    assert are_whole_records(said), said.hex()
    assert (len(attacks.alerts_in(said)) <= 1, end) == (True, End.FIN), f"{hello.hex()}: {end}"


async def _hello_in_pieces(here: Setting) -> None:
    as_records = here.rng.random() < 0.5
    answer = await attacks.hello_in_pieces(here.aim, here.version, as_records=as_records)
    assert answer.status == 200, str(answer.status)


async def _renegotiation(here: Setting) -> None:
    said = await attacks.renegotiate(here.aim)
    assert attacks.renegotiation_was_refused(said), said


async def _hostile_request(here: Setting) -> None:
    name = here.rng.choice(list(REQUESTS))
    data, status = REQUESTS[name]
    answers, ended = await attacks.request(here.aim, here.version, data + SMUGGLED)
    statuses = [answer.status for answer in answers]
    assert (statuses, ended) == ([status], ""), f"{name}: {statuses}, {ended or 'in order'}"


async def _ahead(here: Setting) -> None:
    apart = here.rng.random() < 0.5
    answers, ended = await greed.pipeline(here.aim, here.version, 1000, apart=apart)
    closing = [answer.closes for answer in answers]
    assert {answer.status for answer in answers} == {204}
    assert closing == [False] * (len(closing) - 1) + [True], f"{len(closing)} answers"
    assert (len(closing) < 1000, ended) == (True, ""), f"{len(closing)} answers, {ended}"


async def _silence(here: Setting) -> None:
    said, end = await greed.stay_silent(here.aim)
    assert (said, end) == (b"", End.FIN), f"{said!r}, {end}"


async def _silent_crowd(here: Setting) -> None:
    crowd = [greed.stay_silent(here.aim, source=_OTHERS) for _ in range(CROWD)]
    for found in await asyncio.gather(*crowd, return_exceptions=True):
        assert found == (b"", End.FIN), repr(found)


async def _failed_crowd(here: Setting) -> None:
    crowd = [greed.fail_and_stay(here.aim, source=_OTHERS, seconds=1.0) for _ in range(CROWD)]
    for found in await asyncio.gather(*crowd, return_exceptions=True):
        assert isinstance(found, End), repr(found)


async def _creep(here: Setting) -> None:
    said, _ = await greed.creep(here.aim, here.version, 0.1)
    assert not said, repr(said)


async def _slow_head(here: Setting) -> None:
    answer = await greed.ask_slowly(here.aim, here.version, GET[:-4], 0.1)
    assert (answer.status, answer.closes) == (408, True), str(answer)


async def _slow_body(here: Setting) -> None:
    answer = await greed.ask_slowly(here.aim, here.version, post("x" * 200), 0.1)
    assert (answer.status, answer.closes) == (408, True), str(answer)


async def _idle(here: Setting) -> None:
    ended = await greed.idle(here.aim, here.version)
    assert ended == "", ended


async def _no_goodbye(here: Setting) -> None:
    await attacks.never_say_goodbye(here.aim, here.version)


async def _no_reading(here: Setting) -> None:
    taken = await greed.never_read(here.aim, here.version)
    assert taken is not None, "it went on with a client that reads nothing"


async def full_house(aim: Target, places: int) -> None:
    """All places taken: who has one is served, and who comes is told 503. For a mix's end only."""
    house = await greed.fill_the_house(aim, places=places, newcomers=10)
    kept = Counter(answer.status for answer in house.kept)
    told = Counter((answer.status, answer.closes) for answer in house.turned_away)
    assert kept.keys() == {204}, f"those inside were answered {dict(kept)}"
    assert told.keys() == {(503, True)}, f"those who came were answered {dict(told)}"


FULL_HOUSE = "a full house"
# Those who wait for a time-out of the server's would leave the others no turn, as often as they.
FAULTS: dict[str, Problem] = {
    "reset": Problem(attack=_reset),
    "no certificate": Problem(attack=refused, told=" rejected | "),
    "no certificate, and no waiting": Problem(attack=refused_unread),
    "hostile record": Problem(attack=_hostile_record),
    "hostile record behind the handshake": Problem(attack=_hostile_record_later),
    "garbled ClientHello": Problem(attack=_garbled_hello),
    "ClientHello in pieces": Problem(attack=_hello_in_pieces),
    "renegotiation": Problem(attack=_renegotiation, weight=2),
    "hostile request": Problem(attack=_hostile_request),
    "requests far ahead": Problem(attack=_ahead, told="--max-pipelined", weight=3),
    "silence": Problem(attack=_silence, told="--handshake-timeout", weight=1),
    "a silent crowd": Problem(attack=_silent_crowd, told="--max-handshakes-per-peer", weight=1),
    "a crowd that failed and stays": Problem(attack=_failed_crowd, weight=1),
    "a ClientHello now and then": Problem(attack=_creep, told="--handshake-timeout", weight=1),
    "a head now and then": Problem(attack=_slow_head, told="--header-timeout", weight=1),
    "a body now and then": Problem(attack=_slow_body, told="--body-timeout", weight=1),
    "no further request": Problem(attack=_idle, told="--idle-timeout", weight=1),
    "no answer to close_notify": Problem(attack=_no_goodbye, weight=1),
    "no reading": Problem(attack=_no_reading, told="--write-timeout", weight=1),
}
FULL_HOUSE_TOLD = "--max-connections"


class Deck:
    """Which fault comes next: first each of them once, in any order, then any by its weight."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._first = rng.sample(list(FAULTS), k=len(FAULTS))

    def draw(self) -> str:
        """The name of the next."""
        if self._first:
            return self._first.pop()
        weights = [fault.weight for fault in FAULTS.values()]
        return self._rng.choices(list(FAULTS), weights)[0]
