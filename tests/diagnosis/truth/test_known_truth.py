"""Traces of connections whose true cause is known, since they were composed for it.

Servers tell the tracer nothing but what goes over the wire. No sentence of a trace may be false;
its first cause is true, or is told as undecided between causes of which one is true; and where the
wire shows the cause, it comes first in 95 of 100 connections.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.diagnosis.truth.certificates import ClientCertificate, Root, Sent
from tests.diagnosis.truth.client_flaws import Stage
from tests.diagnosis.truth.compose import compose, flaws_of, settled
from tests.diagnosis.truth.files import FileStore
from tests.diagnosis.truth.flaws import FLAWS
from tests.diagnosis.truth.judge import Verdict, judged
from tests.diagnosis.truth.run import Run, run
from tests.diagnosis.truth.setup import (
    Application,
    Asks,
    Clock,
    Ending,
    Engine,
    Given,
    Lists,
    Names,
    Reason,
    Refusal,
    Setup,
)
from tests.support.openssl import needs_openssl

SAMPLE, ALL = 200, 2000
AT_ONCE = 8
TOLD_FIRST = 0.95

pytestmark = needs_openssl


def with_flaws(*names: str, version: str = "1.3", **fields: Any) -> Setup:
    """Return a setup that is good but for these flaws and fields."""
    setup = Setup(version=version, **fields)
    for name in names:
        (flaw,) = [flaw for flaw in FLAWS if flaw.name == name]
        setup = flaw.change(setup)
    return settled(setup)


def ended(reason: Reason, ending: Ending, **fields: Any) -> Setup:
    """Return a setup whose application ends without an answer, after it has read a request."""
    return Setup(application=Application(reason=reason, ending=ending), **fields)


# What was told wrongly once.
CASES = {
    "SNI missing, alert 40": with_flaws("no SNI, HANDSHAKE_FAILURE", version="1.2"),
    "SNI unknown, alert 40": with_flaws("unknown SNI, HANDSHAKE_FAILURE"),
    "no common group": with_flaws("group", version="1.2"),
    "CRL missing": with_flaws("CRL missing"),
    "CRL missing for a CA that the server names": with_flaws(
        "CRL missing", names=Names.TRUSTED, engine=Engine.S_SERVER
    ),
    "CRL of the intermediate missing": with_flaws("CRL the root's only"),
    "CRL expired": with_flaws("CRL expired"),
    "clock ahead": with_flaws("clock ahead"),
    "clock behind": with_flaws("clock behind"),
    "clock behind, CRL not yet valid": with_flaws("clock behind", lists=Lists.FRESH),
    "root expired": with_flaws("CA expired"),
    "path length": with_flaws("path length"),
    "name constraints": with_flaws("name constraints"),
    "name constraints of the root": with_flaws("name constraints of the root"),
    "critical extension": with_flaws("critical extension"),
    "critical extension, no alert": with_flaws("critical extension", refusal=Refusal.RST),
    "signature damaged": with_flaws("tampered", certificate=ClientCertificate(depth=1)),
    "self-signed and not yet valid": with_flaws("self-signed", "not yet valid"),
    "expired, and the intermediate not sent": with_flaws("expired", "intermediate not sent"),
    "not yet valid, and no CRL": with_flaws("not yet valid", "CRL the root's only"),
    "key usage": with_flaws("key usage"),
    "good, and the server names another CA": Setup(
        version="1.3", names=Names.OTHER, engine=Engine.S_SERVER
    ),
    "asks of another host": Setup(version="1.3", sni=None, asks=Asks.OTHER_HOST),
    "421 for want of SNI": Setup(
        version="1.3", sni=None, application=Application(reason=Reason.HOST, status=421)
    ),
    "403 for the host, and expired": with_flaws(
        "expired",
        asks=Asks.UNVERIFIED,
        sni=None,
        application=Application(reason=Reason.HOST, status=403),
    ),
    "revoked, and the server names another CA": with_flaws(
        "revoked", names=Names.OTHER, engine=Engine.S_SERVER
    ),
    "signature damaged, and expired": with_flaws(
        "tampered", "expired", certificate=ClientCertificate(depth=1)
    ),
    "critical extension, and purpose": with_flaws("critical extension", "purpose"),
    "intermediate expired, and not yet valid": with_flaws("intermediate expired", "not yet valid"),
    "401 for the request, root sent, and the server names another CA": Setup(
        version="1.2",
        certificate=ClientCertificate(sent=Sent.WITH_ROOT),
        names=Names.OTHER,
        engine=Engine.S_SERVER,
        application=Application(reason=Reason.REQUEST, status=401),
    ),
    "ended after a certificate that was asked for later": ended(
        Reason.CRASH, Ending.FIN, version="1.3", asks=Asks.AFTER_REQUEST
    ),
    "ended without an answer, ticket or certificate": ended(
        Reason.REQUEST, Ending.FIN, version="1.3", presents=False, asks=Asks.OPTIONAL, tickets=0
    ),
    "closed for want of a certificate": ended(
        Reason.NO_CERTIFICATE,
        Ending.CLOSE_NOTIFY,
        version="1.3",
        presents=False,
        asks=Asks.OPTIONAL,
    ),
    "FIN for want of a certificate": ended(
        Reason.NO_CERTIFICATE, Ending.FIN, version="1.2", presents=False, asks=Asks.OPTIONAL
    ),
    "closed for the subject": ended(Reason.SUBJECT, Ending.CLOSE_NOTIFY, version="1.3"),
    "closed for want of SNI": ended(Reason.HOST, Ending.FIN, version="1.2", sni=None),
    "closed for want of h2": ended(
        Reason.PROTOCOL, Ending.CLOSE_NOTIFY, version="1.3", server_alpn=("h2",)
    ),
    **{
        f"{name}, by the files given": with_flaws(name, given=Given.RIGHT)
        for name in (
            "CRL the root's only",
            "CRL expired",
            "CA not trusted",
            "CA of the same name",
            "CA expired",
            "server knows the intermediate only",
            "name constraints of the root",
            "intermediate not sent",
            "tampered",
        )
    },
    "CRL missing, which the files given do not show": with_flaws("CRL missing", given=Given.RIGHT),
    "clock ahead, which the files given do not show": with_flaws("clock ahead", given=Given.RIGHT),
    "good, and another CA is given": Setup(version="1.3", given=Given.OTHER),
    "expired, and another CA is given": with_flaws("expired", given=Given.OTHER),
    "403 since it cannot be asked later": Setup(
        version="1.3",
        asks=Asks.AFTER_REQUEST,
        application=Application(reason=Reason.LATE, status=403, says_why=True),
    ),
    "RSA 1024": with_flaws("weak key"),
    "h2 agreed, and the client writes first": Setup(
        version="1.3", writes_first=True, client_alpn=("h2",), server_alpn=("h2",)
    ),
    "h2 agreed, and the client writes first: refused": with_flaws(
        "expired", writes_first=True, client_alpn=("h2",), server_alpn=("h2",)
    ),
    "reset with the client's data unread": with_flaws(
        "path length", writes_first=True, refusal=Refusal.RST
    ),
    "reset, met by the client's write": Setup(
        version="1.2",
        application=Application(reason=Reason.CRASH, ending=Ending.RST, early=True),
    ),
}


async def run_all(setups: Iterable[Setup], folder: Path) -> list[Run]:
    """Run each of these, a few at a time."""
    store = FileStore(folder)
    places = asyncio.Semaphore(AT_ONCE)

    async def run_in_turn(setup: Setup) -> Run:
        async with places:
            return await run(setup, store)

    return await asyncio.gather(*map(run_in_turn, setups))


async def check(seeds: range, folder: Path) -> None:
    """Run the connections of these seeds, and hold the rules of this module."""
    runs = await run_all(map(compose, seeds), folder)
    wrong = []
    verdicts: Counter[Verdict] = Counter()
    for seed, done in zip(seeds, runs, strict=True):
        truth, verdict, problems = judged(done)
        if problems:
            wrong.append((seed, [flaw.name for flaw in truth.flaws], problems))
        if truth.is_told:
            verdicts[verdict] += 1
    assert wrong == []
    assert verdicts[Verdict.TRUE] >= TOLD_FIRST * verdicts.total(), verdicts


async def test_a_sample_of_connections_is_told_truly(tmp_path: Path) -> None:
    await check(range(SAMPLE), tmp_path)


@pytest.mark.slow
async def test_two_thousand_connections_are_told_truly(tmp_path: Path) -> None:
    await check(range(ALL), tmp_path)


@pytest.mark.parametrize("name", CASES)
async def test_what_was_told_wrongly_once(name: str, tmp_path: Path) -> None:
    setup = CASES[name]
    truth, verdict, problems = judged(await run(setup, FileStore(tmp_path)))
    assert problems == []
    assert verdict is not Verdict.FALSE
    if truth.is_told and setup.refusal is Refusal.ALERT:
        assert verdict is Verdict.TRUE


def test_a_seed_always_means_the_same_connection() -> None:
    assert [compose(seed) for seed in range(50)] == [compose(seed) for seed in range(50)]


def test_all_that_can_be_wrong_occurs() -> None:
    setups = [compose(seed) for seed in range(ALL)]
    flaws = Counter(flaw.name for setup in setups for flaw in flaws_of(setup))
    assert set(flaws) == {flaw.name for flaw in FLAWS}
    assert {setup.application.reason for setup in setups} == set(Reason)
    assert {setup.application.ending for setup in setups} == set(Ending)
    numbers = Counter(min(2, len(flaws_of(setup))) for setup in setups)
    assert min(numbers[0], numbers[1], numbers[2]) > ALL / 10
    for field, kinds in (("asks", Asks), ("names", Names), ("clock", Clock), ("refusal", Refusal)):
        assert {getattr(setup, field) for setup in setups} == set(kinds)


async def test_a_false_first_cause_is_found(tmp_path: Path) -> None:
    done = await run(with_flaws("expired"), FileStore(tmp_path))
    assert judged(done)[1:] == (Verdict.TRUE, [])
    otherwise = replace(done, setup=with_flaws("purpose"), verify_code=26)
    _, verdict, problems = judged(otherwise)
    assert verdict is Verdict.FALSE
    assert any(problem.startswith("false cause client-certificate-expired") for problem in problems)


async def test_a_sentence_that_no_row_knows_is_found(tmp_path: Path) -> None:
    done = await run(with_flaws("expired"), FileStore(tmp_path))
    assert done.trace is not None
    (first, *_) = done.trace.causes
    new = replace(first, evidence=(*first.evidence, "the server is of another make"))
    otherwise = replace(done, trace=replace(done.trace, causes=(new,)))
    assert judged(otherwise)[2] == ["unknown evidence: the server is of another make"]
    otherwise = replace(done, trace=replace(done.trace, causes=(replace(new, code="new"),)))
    assert judged(otherwise)[2][1].startswith("unknown cause new: ")


async def test_a_brief_form_that_leaves_the_doubt_out_is_found(tmp_path: Path) -> None:
    done = await run(with_flaws("CRL missing"), FileStore(tmp_path))
    assert judged(done)[2] == []
    assert done.trace is not None
    untrusted = next(cause for cause in done.trace.causes if cause.code == "client-ca-not-trusted")
    alone = replace(done.trace, causes=(replace(untrusted, evidence=untrusted.evidence[:2]),))
    problems = judged(replace(done, trace=alone))[2]
    assert any(problem.startswith("false in brief: cause: the server does") for problem in problems)


async def test_a_false_outcome_is_found(tmp_path: Path) -> None:
    done = await run(with_flaws(), FileStore(tmp_path))
    assert judged(done)[1:] == (Verdict.TRUE, [])
    otherwise = replace(
        done, setup=with_flaws("CA not trusted", trusted=(Root.TRUSTED,)), verify_code=20
    )
    truth, verdict, problems = judged(otherwise)
    assert truth.stage is Stage.CERTIFICATE
    assert verdict is Verdict.FALSE
    assert problems[1].startswith("result is Result.ACCEPTED")


async def test_a_verify_code_that_no_flaw_explains_is_found(tmp_path: Path) -> None:
    done = await run(with_flaws("expired"), FileStore(tmp_path))
    with pytest.raises(AssertionError, match="OpenSSL says 23, and the flaws are"):
        judged(replace(done, verify_code=23))
