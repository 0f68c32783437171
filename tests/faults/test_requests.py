"""Requests that try to be two, or too much, over real TLS; and a bug that a request finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.http.limits import Limits
from lab.stream.contexts import TlsVersion
from lab.todo.results import TodoItem
from lab.todo.store import MemoryStore
from tests.faults.attacks import request
from tests.faults.hostile_requests import REQUESTS, SMUGGLED
from tests.faults.peer import GET, post
from tests.faults.rig import BOTH, Siege, besieged
from tests.support.extent import amount

_ENDLESS = {name: each for name, each in REQUESTS.items() if each[1] == 408}
_WHOLE = {name: each for name, each in REQUESTS.items() if name not in _ENDLESS}
_SHORT = {name: each for name, each in _WHOLE.items() if len(each[0]) < amount(250, 2_000)}


async def answered_once(
    siege: Siege, version: TlsVersion, requests: dict[str, tuple[bytes, int]], *, size: int = 16384
) -> None:
    """Each is answered by its status, and what stands behind it by nothing."""
    for name, (data, status) in requests.items():
        answers, ended = await request(siege.target, version, data + SMUGGLED, size=size)
        assert [answer.status for answer in answers] == [status], name
        assert answers[0].closes, name
        assert ended == "", name


@BOTH
async def test_smuggled_requests_are_never_answered(certs: Path, version: TlsVersion) -> None:
    async with besieged(certs) as siege:
        await answered_once(siege, version, _WHOLE)
        flags = {"--max-header", "--max-header-fields", "--max-body"}
        assert siege.log.struck.keys() == flags
        told = sum(status in (413, 431) for _, status in _WHOLE.values())
        assert siege.log.struck.total() == told


@BOTH
async def test_what_is_read_as_a_body_without_end_takes_its_time(
    certs: Path, version: TlsVersion
) -> None:
    async with besieged(certs, limits=Limits(body_timeout=0.5)) as siege:
        await answered_once(siege, version, _ENDLESS)
        assert siege.log.struck == {"--body-timeout": len(_ENDLESS)}


async def test_cut_in_records_of_one_byte_they_fare_no_better(certs: Path) -> None:
    async with besieged(certs, clients=len(_SHORT)) as siege:
        await answered_once(siege, TlsVersion.TLS13, _SHORT, size=1)


async def test_two_lengths_that_agree_are_one(certs: Path) -> None:
    """RFC 9112 section 6.3 lets a server take them for one, and nobody can read them otherwise."""
    data = post("twice").replace(b"Content-Length: 17", b"Content-Length: 17\r\nContent-Length: 17")
    assert data.count(b"Content-Length") == 2
    async with besieged(certs) as siege:
        closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        answers, ended = await request(siege.target, TlsVersion.TLS13, data + closing)
        assert [answer.status for answer in answers] == [201, 200]
        assert b"twice" in answers[1].body
        assert ended == ""


class Buggy(MemoryStore):
    """A store with a bug that one task finds."""

    async def add(self, *, task: str, done: bool) -> TodoItem:
        if task == "bug":
            raise ZeroDivisionError("a bug of the store")
        return await super().add(task=task, done=done)


@pytest.mark.parametrize("times", [1, amount(5, 50)])
async def test_a_bug_is_a_500_with_its_traceback_in_the_log(certs: Path, times: int) -> None:
    async with besieged(certs, store=Buggy()) as siege:
        for _ in range(times):
            answers, ended = await request(siege.target, TlsVersion.TLS13, post("bug") + GET)
            assert [answer.status for answer in answers] == [500]
            assert answers[0].closes
            assert b"store" not in answers[0].body
            assert ended == ""
        first, *counted = siege.log.bad  # a traceback that repeats is counted, not written
        assert first.startswith(
            "[SERVER] INTERNAL ERROR | peer=127.0.0.1 | cert-CN='mtls-client' | "
        )
        assert "ZeroDivisionError: a bug of the store" in first
        assert len(counted) == (times >= 10)
        assert all("the same error 10 times" in line for line in counted)
        siege.log.bad.clear()
