"""Handshakes that stop, stutter or lie, over real sockets; an honest client is served beside each.

Every record that is not what it should be draws the alert that the RFC has for it, in the clear
where the handshake has made no keys yet, and the connection ends.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lab.http.limits import Limits
from lab.stream.contexts import TlsVersion
from lab.tls.code_points import AlertDescription
from tests.faults.attacks import (
    Stage,
    hello_in_pieces,
    hello_of,
    never_say_goodbye,
    raw_bytes,
    raw_bytes_later,
    reset_at,
)
from tests.faults.hostile_records import FIRST, LATER, TOO_LONG
from tests.faults.peer import End
from tests.faults.rig import BOTH, besieged
from tests.support.extent import amount

RESETS = amount(4, 20)


@BOTH
@pytest.mark.parametrize("stage", Stage, ids=lambda stage: stage.value)
async def test_resets_at_every_stage(certs: Path, version: TlsVersion, stage: Stage) -> None:
    limits = Limits(max_pipelined=10**6)
    async with besieged(certs, limits=limits) as siege:
        await asyncio.gather(*[reset_at(siege.target, version, stage) for _ in range(RESETS)])
        await siege.honest_goes_on()
        # No time-out, no limit: the server has noticed by itself, and let go.
        assert not siege.log.struck


async def test_records_that_are_no_client_hello(certs: Path) -> None:
    async with besieged(certs) as siege:
        hello = (await hello_of(siege.target, TlsVersion.TLS13))[5:]
        for name, hostile in FIRST.items():
            alerts, end = await raw_bytes(siege.target, hostile.make(hello))
            assert end is End.FIN, name
            assert len(alerts) == (1 if hostile.alerts else 0), name
            assert {AlertDescription(each) for each in alerts} <= hostile.alerts, name
        assert not siege.log.struck


async def test_a_hostile_record_is_answered_at_once_not_at_the_end_of_the_connection(
    certs: Path,
) -> None:
    """What cannot become right by more bytes needs no FIN of the client, and no time-out."""
    waits = {name for name in FIRST if "cut off" in name or name == "an empty record"}
    waits |= {"a length that is too long"}
    async with besieged(certs) as siege:
        hello = (await hello_of(siege.target, TlsVersion.TLS13))[5:]
        for name in FIRST.keys() - waits:
            _, end = await raw_bytes(siege.target, FIRST[name].make(hello), fin=False)
            assert end is End.FIN, name
        assert not siege.log.struck


@BOTH
async def test_records_without_protection_behind_a_handshake(
    certs: Path, version: TlsVersion
) -> None:
    async with besieged(certs) as siege:
        for name, data in LATER.items():
            assert "_ALERT_" in await raw_bytes_later(siege.target, version, data), name


async def test_which_alert_the_longest_record_draws_behind_a_handshake(certs: Path) -> None:
    """TLS 1.2 lets OpenSSL look at the MAC of a record of 2^14+257 bytes; TLS 1.3 does not."""
    data = b"\x17\x03\x03" + TOO_LONG.to_bytes(2, "big") + bytes(TOO_LONG)
    async with besieged(certs) as siege:
        said = {
            version: await raw_bytes_later(siege.target, version, data) for version in TlsVersion
        }
    assert said[TlsVersion.TLS13] == "TLSV1_ALERT_RECORD_OVERFLOW"
    assert said[TlsVersion.TLS12] in {
        "SSLV3_ALERT_BAD_RECORD_MAC",
        "TLSV1_ALERT_RECORD_OVERFLOW",
    }


@BOTH
@pytest.mark.parametrize("as_records", [False, True], ids=["segments", "records"])
async def test_a_client_hello_in_one_byte_pieces(
    certs: Path, version: TlsVersion, as_records: bool
) -> None:
    async with besieged(certs) as siege:
        answer = await hello_in_pieces(siege.target, version, as_records=as_records)
        assert answer.status == 200


@BOTH
async def test_clients_that_never_answer_close_notify(certs: Path, version: TlsVersion) -> None:
    async with besieged(certs, limits=Limits(discard_timeout=0.3)) as siege:
        await asyncio.gather(*[never_say_goodbye(siege.target, version) for _ in range(RESETS)])
