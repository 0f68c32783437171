"""The faults that scripts/soak.py mixes, by name: each is one attack and what must come of it.

Rules: a fault is given a server, a random generator and where to count refusals; it raises
AssertionError where the server did what it must not. All come from other addresses than the honest
clients where the address matters.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

from lab.stream.contexts import TlsVersion
from tests.faults import attacks
from tests.faults.hostile_records import FIRST, LATER
from tests.faults.hostile_requests import REQUESTS, SMUGGLED
from tests.faults.peer import Target

CROWD = 150  # silent connections of one address, more than it may have in handshake
_CROWDS_ADDRESS = "127.0.0.2"
_VERSIONS = list(TlsVersion)

Refusals = Counter[str]
Fault = Callable[[Target, random.Random, Refusals], Awaitable[None]]


async def _reset(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    await attacks.reset_at(aim, rng.choice(_VERSIONS), rng.choice(list(attacks.Stage)))


async def _refused(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    version = rng.choice(_VERSIONS)
    said = await attacks.refused(aim, version)
    refusals["with its alert" if said == attacks.REFUSED[version] else "without alert"] += 1
    assert said == attacks.REFUSED[version], f"TLS {version.value}: {said}"


async def _hostile_record(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    name = rng.choice(list(FIRST))
    hello = (await attacks.hello_of(aim, TlsVersion.TLS13))[5:]
    alerts, _ = await attacks.raw_bytes(aim, FIRST[name].make(hello))
    assert bool(alerts) == bool(FIRST[name].alerts), f"{name}: alerts {alerts}"


async def _hostile_record_later(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    name = rng.choice(list(LATER))
    said = await attacks.raw_bytes_later(aim, rng.choice(_VERSIONS), LATER[name])
    assert "_ALERT_" in said, f"{name}: {said}"


async def _garbled_hello(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    hello = await attacks.hello_of(aim, rng.choice(_VERSIONS))
    await attacks.raw_bytes(aim, attacks.mutated(hello, rng))


async def _hello_in_pieces(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    as_records = rng.random() < 0.5
    answer = await attacks.hello_in_pieces(aim, rng.choice(_VERSIONS), as_records=as_records)
    assert answer.status == 200, str(answer.status)


async def _hostile_request(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    name = rng.choice(list(REQUESTS))
    data, status = REQUESTS[name]
    answers, ended = await attacks.request(aim, rng.choice(_VERSIONS), data + SMUGGLED)
    statuses = [answer.status for answer in answers]
    assert (statuses, ended) == ([status], ""), f"{name}: {statuses}, {ended or 'in order'}"


async def _silence(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    said, _ = await attacks.stay_silent(aim)
    assert not said, repr(said)


async def _crowd(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    crowd = [attacks.stay_silent(aim, source=_CROWDS_ADDRESS) for _ in range(CROWD)]
    await asyncio.gather(*crowd, return_exceptions=True)


async def _creep(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    await attacks.creep(aim, rng.choice(_VERSIONS), 0.1)


async def _no_goodbye(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    await attacks.never_say_goodbye(aim, rng.choice(_VERSIONS))


async def _no_reading(aim: Target, rng: random.Random, refusals: Refusals) -> None:
    await attacks.never_read(aim, rng.choice(_VERSIONS), at_most=20_000)


FAULTS: dict[str, Fault] = {
    "reset": _reset,
    "no certificate": _refused,
    "hostile record": _hostile_record,
    "hostile record behind the handshake": _hostile_record_later,
    "garbled ClientHello": _garbled_hello,
    "ClientHello in pieces": _hello_in_pieces,
    "hostile request": _hostile_request,
    "silence": _silence,
    "a silent crowd": _crowd,
    "a byte now and then": _creep,
    "no answer to close_notify": _no_goodbye,
    "no reading": _no_reading,
}
# These wait for a time-out of the server's; as often as the others, they would leave them no turn.
_SLOW = (_silence, _crowd, _creep, _no_goodbye, _no_reading)
_WEIGHTS = [1 if fault in _SLOW else 10 for fault in FAULTS.values()]


def any_fault(rng: random.Random) -> tuple[str, Fault]:
    """One of them, with its name."""
    (found,) = rng.choices(list(FAULTS.items()), _WEIGHTS)
    return found
